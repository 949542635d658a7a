"""Messages for the user about how a scan was read, the same for all file formats."""

from collections.abc import Collection

from brainseg.scans.grid import Grid

LARGE_TILT_DEGREES = 25.0  # between the slices and the axial plane; usual axial slices are tilted by up to 20


def grid_notes(grid: Grid) -> tuple[str, ...]:
    """Say what the network sees otherwise than the scan is stored: neighbours, square pixels, tilted slices."""
    if grid.spacing_mm is None or grid.affine is None:
        return ()
    notes = []
    if grid.slice_step > 1:
        notes.append(
            f"Slices are {grid.spacing_mm[0]:.3g} mm apart; the network compares each with those {grid.slice_step} "
            f"slices away, which is about 5 mm as in its training data."
        )
    if grid.resampled:
        size = " x ".join(map(str, grid.network_shape[1:]))
        notes.append(
            f"The pixels of an axial slice are not square; slices were resampled to {size} square pixels of "
            f"{grid.spacing_mm[1]:.3g} mm, and the result back."
        )
    if grid.tilt_degrees > LARGE_TILT_DEGREES:
        notes.append(
            f"The slices are tilted by {grid.tilt_degrees:.0f} degrees against the axial plane. The network was "
            "trained on axial slices; check the result with care."
        )
    return tuple(notes)


def sequence_notes(missing: Collection[str]) -> tuple[str, ...]:
    """Say which sequences were filled with FLAIR."""
    if not missing:
        return ()
    named = " and ".join(f"{name} T1" for name in missing)
    return (f"Without {named}: filled with FLAIR, as in training.",)
