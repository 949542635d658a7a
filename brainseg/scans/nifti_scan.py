"""Reading a scan from NIfTI files: a file for each sequence, or one file with all of them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.errors import UserError
from brainseg.imaging.volume import FLAIR, SEQUENCES, BoolArray
from brainseg.scans.case_source import CaseSource
from brainseg.scans.checks import check_finite
from brainseg.scans.grid import Grid
from brainseg.scans.nifti import read_header, read_nifti, read_sequence
from brainseg.scans.notes import grid_notes, sequence_notes
from brainseg.scans.resampling import FULL_COVERAGE, resample_onto, same_grid
from brainseg.scans.scan import Scan, Source
from brainseg.terminal import printable


def read_nifti_scan(case: CaseSource, *, with_masks: bool) -> Scan:
    """Read a scan from NIfTI files.

    Args:
        case: of kind nifti.
        with_masks: whether to read the mask, too.

    Returns:
        The scan on the grid of FLAIR. Sequences on other grids are resampled linearly, with a note.

    Raises:
        UserError: if a file cannot be read, is no MR image, or covers too little of FLAIR.
    """
    volumes = _volumes(case)
    flair_path, flair_volume = volumes[SEQUENCES[FLAIR]]
    flair, header = read_sequence(flair_path, volume=flair_volume)
    grid = Grid(shape=header.shape, affine=header.affine)
    notes = [*case.notes, *header.notes]
    arrays: dict[str, NDArray[Any]] = {}
    for name, (path, volume) in volumes.items():
        if name != SEQUENCES[FLAIR]:
            arrays[name], more = _read_onto(name, path, volume, grid)
            notes += more
    missing = tuple(name for name in SEQUENCES if name not in volumes)
    dtype = np.result_type(flair, *arrays.values())
    dtype = np.dtype(np.float32) if dtype.kind == "f" or dtype.itemsize == 8 else dtype
    image = np.empty((*grid.network_shape, len(SEQUENCES)), np.float32 if grid.resampled else dtype)
    turned = grid.to_network(flair)
    del flair
    for channel, name in enumerate(SEQUENCES):
        image[..., channel] = grid.to_network(arrays.pop(name)) if name in arrays else turned
    mask, mask_notes = _read_mask(case.mask, grid) if with_masks and case.mask is not None else (None, ())
    paths = [flair_path, *(path for name, (path, _) in volumes.items() if name != SEQUENCES[FLAIR])]
    if mask is not None and case.mask is not None:
        paths.append(case.mask)
    return Scan(
        case_id=case.case_id,
        image=image,
        grid=grid,
        source=Source(kind="nifti", paths=tuple(dict.fromkeys(paths)), detail=header.space),
        missing=missing,
        notes=(*notes, *grid_notes(grid), *sequence_notes(missing), *mask_notes),
        mask_true=mask,
    )


def _volumes(case: CaseSource) -> dict[str, tuple[Path, int | None]]:
    """The file and the number of the volume in it for each sequence."""
    if not case.channels:
        return {name: (path, None) for name, path in case.sequences.items()}
    (path,) = set(case.sequences.values())
    found = read_header(path).volumes
    if found != len(case.channels):
        raise UserError(
            f"{printable(str(path))}: {found} volume(s). Expected: {len(case.channels)}, as the stated channels. "
            "State the name of each volume in order."
        )
    return {name: (path, number) for number, name in enumerate(case.channels) if name}


def _read_onto(name: str, path: Path, volume: int | None, target: Grid) -> tuple[NDArray[Any], list[str]]:
    """Read a sequence and, if its grid is another one, resample it onto FLAIR's; with notes."""
    array, header = read_sequence(path, volume=volume)
    grid = Grid(shape=header.shape, affine=header.affine)
    if same_grid(grid, target):
        return array, list(header.notes)
    array, coverage = resample_onto(str(path), array, grid, target)
    outside = f" It covers {coverage:.0%} of FLAIR." if coverage < FULL_COVERAGE else ""
    return array, [*header.notes, f"{name} T1 was resampled onto the grid of FLAIR.{outside}"]


def _read_mask(path: Path, grid: Grid) -> tuple[BoolArray | None, tuple[str, ...]]:
    """Read a mask: all values above 0 are tumour. One on another grid is left out, with a note."""
    array, header = read_nifti(path)
    check_finite(str(path), array)
    if not same_grid(Grid(shape=header.shape, affine=header.affine), grid):
        return None, (f"The mask {printable(path.name)} was left out, because its grid is not that of FLAIR.",)
    values = np.unique(array)
    if values[0] < 0 or len(values) > 256 or not np.array_equal(values, np.round(values)):
        raise UserError(
            f"{printable(str(path))}: values from {values[0]:g} to {values[-1]:g}. Expected: a mask, 0 outside the "
            "tumour and whole numbers above 0 inside."
        )
    return grid.to_network(np.asarray(array > 0)), ()
