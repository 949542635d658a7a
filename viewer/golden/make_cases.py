"""Writes the golden cases: what the Python side does to small scans, which the page must do as well.

Usage: python -m viewer.golden.make_cases. `tests/viewer/test_golden.py` fails if the files are not up to date, and
`viewer/test` holds the page to them.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.apply.measures import measure
from brainseg.prediction.doubt import doubt, doubt_reasons
from brainseg.prediction.operating_point import OperatingPoint
from brainseg.scans.grid import Affine, Grid
from brainseg.scans.names import parse_name, safe_name
from brainseg.scans.resampling import resample_onto, same_grid
from brainseg.scans.scan import Scan, Source

FOLDER = Path(__file__).parent
# From slice, row and column to mm: slices upwards, rows to posterior, columns to the left.
AXIAL = np.array([[0, 0, -1.5, 8], [0, -1.5, 0, 9], [4, 0, 0, -7], [0, 0, 0, 1.0]])
SHAPE = (3, 5, 4)  # slices, rows, columns
NAMES = (
    *("BraTS-GLI-00000-000-t2f.nii.gz", "BraTS-GLI-00000-000-t1c.nii.gz", "a_flair.nii", "a_T1.nii.gz", "a-t1ce.nii"),
    *("sub-01_ses-2_FLAIR.nii.gz", "sub-01_ses-2_ce-gad_T1w.nii.gz", "sub-01_ses-2_T1w.nii.gz", "sub-01_T2w.nii.gz"),
    *("scan.nii.gz", "flair.nii", "a_seg.nii.gz", "TCGA_CS_4941_19960909_1.tif", "X_1_mask.tif", "no suffix", "t1"),
)
MEASURES = (
    *("volume_ml", "voxels", "lesions", "largest_lesion_voxels", "slices_with_tumour", "centroid", "bounding_box"),
    *("touches_border", "mean_probability_inside"),
)
TEXTS = ("a b", "Müller/..", "..", "", "CON", "com1.nii", "x" * 120, "a\u0000b", ".hidden.")


def main() -> None:
    """Write the files."""
    for name, cases in all_cases().items():
        (FOLDER / name).write_text(to_text(cases), encoding="utf-8")


def to_text(cases: list[dict[str, Any]]) -> str:
    """One case per line, so that a change is seen as one."""
    lines = [json.dumps(case, ensure_ascii=False, sort_keys=True) for case in cases]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def all_cases() -> dict[str, list[dict[str, Any]]]:
    """Name of the file -> its cases."""
    return {
        "grids.json": grid_cases(),
        "resampling.json": resampling_cases(),
        "outlines.json": outline_cases(),
        "names.json": name_cases(),
    }


def grid_cases() -> list[dict[str, Any]]:
    """Orientation, spacing and the array in the network's orientation, for storage orders, tilts and pixel shapes."""
    orders = {
        "as the network sees it": ((0, 1, 2), (False, False, False)),
        "RAS": ((2, 1, 0), (True, True, False)),
        "LPS": ((2, 1, 0), (False, False, False)),
        "LAS, mirrored": ((2, 1, 0), (False, True, False)),
        "PSR, sagittal": ((1, 0, 2), (False, False, True)),
        "RIA, coronal": ((2, 0, 1), (True, True, True)),
        "SLA": ((0, 2, 1), (False, False, True)),
        "IPR": ((0, 1, 2), (True, False, True)),
    }
    cases = [_grid_case(name, *_store(AXIAL, axes, flips)) for name, (axes, flips) in orders.items()]
    for degrees in (12.0, 40.0, 50.0):
        tilted = _rotation(0, degrees) @ _rotation(2, -degrees / 2) @ AXIAL
        cases.append(_grid_case(f"oblique by {degrees:g} degrees", *_store(tilted, (2, 1, 0), (True, True, False))))
    sides = {
        "slices 1 mm apart": (1.0, 1.5, 1.5),
        "slices 2 mm apart": (2.0, 1.0, 1.0),
        "tall pixels": (4.0, 2.0, 1.5),
        "wide pixels": (4.0, 1.0, 2.5),
        "nearly square pixels": (4.0, 1.005, 1.0),
    }
    for name, (slices, rows, columns) in sides.items():
        affine = AXIAL @ np.diag([slices / 4, rows / 1.5, columns / 1.5, 1])
        cases.append(_grid_case(name, *_store(affine, (2, 1, 0), (True, False, False))))
    return [*cases, _grid_case("unknown spacing", SHAPE, None)]


def _grid_case(name: str, shape: tuple[int, ...], affine: Affine | None) -> dict[str, Any]:
    grid = Grid(shape=(shape[0], shape[1], shape[2]), affine=affine)
    network = grid.to_network(values(grid.shape).astype(np.float32))
    mask = network > np.median(network)
    return {
        "name": name,
        "shape": grid.shape,
        "affine": None if affine is None else np.round(affine, 9).tolist(),
        "axes": grid.axes,
        "flips": grid.flips,
        "network_shape": grid.network_shape,
        "resampled": grid.resampled,
        "spacing_mm": grid.spacing_mm,
        "voxel_ml": grid.voxel_ml,
        "slice_step": grid.slice_step,
        "tilt_degrees": round(grid.tilt_degrees, 6),
        "network": np.round(network, 4).ravel().tolist(),
        "mask": mask.astype(int).ravel().tolist(),
        "stored_mask": grid.from_network(mask).astype(int).ravel(order="F").tolist(),
    }


def resampling_cases() -> list[dict[str, Any]]:
    """T1 on grids of its own, on that of FLAIR."""
    target_shape, target = _store(AXIAL, (2, 1, 0), (True, True, False))
    moved = AXIAL.copy()
    moved[:3, 3] += 0.7, -0.4, 1.1
    sources = {
        "the same": _store(AXIAL, (2, 1, 0), (True, True, False)),
        "another order": _store(AXIAL, (1, 0, 2), (False, True, False)),
        "moved": _store(moved, (2, 1, 0), (True, True, False)),
        "turned": _store(_rotation(2, 20) @ AXIAL, (2, 1, 0), (True, True, False)),
        "finer": _store(AXIAL @ np.diag([0.9, 0.8, 0.8, 1]), (0, 1, 2), (False, False, False)),
    }
    cases = []
    for name, (shape, affine) in sources.items():
        grid = Grid(shape=(shape[0], shape[1], shape[2]), affine=np.round(affine, 9))
        onto = Grid(shape=(target_shape[0], target_shape[1], target_shape[2]), affine=np.round(target, 9))
        array, coverage = resample_onto(name, values(grid.shape), grid, onto)
        cases.append(
            {
                "name": name,
                "shape": grid.shape,
                "affine": np.round(affine, 9).tolist(),
                "target_shape": onto.shape,
                "target_affine": np.round(target, 9).tolist(),
                "same_grid": same_grid(grid, onto),
                "coverage": coverage,
                "resampled": np.round(array, 3).ravel(order="F").tolist(),
            }
        )
    return cases


def outline_cases() -> list[dict[str, Any]]:
    """Threshold, smallest lesion, measures and doubt."""
    shape, affine = _store(AXIAL, (2, 1, 0), (True, True, False))
    grid = Grid(shape=(shape[0], shape[1], shape[2]), affine=affine)
    rng = np.random.default_rng(5)
    cases = []
    for name, level, threshold, smallest in (
        ("several lesions", 1.0, 0.7, 2),
        ("a high threshold", 1.0, 0.97, 0),
        ("nothing", 0.3, 0.5, 0),
        ("one lesion", 1.0, 0.25, 3),
    ):
        probability = (rng.random(grid.network_shape) * level).round(4).astype(np.float32)
        mask = OperatingPoint(threshold=threshold, smallest_lesion=smallest).mask_of(probability)
        scan = Scan(
            case_id="golden",
            image=np.zeros((*grid.network_shape, 3), np.float32),
            grid=grid,
            source=Source(kind="nifti", paths=()),
        )
        value = doubt(probability=probability, mask=mask)
        cases.append(
            {
                "name": name,
                "shape": grid.shape,
                "affine": affine.tolist(),
                "probability": probability.ravel().astype(float).round(4).tolist(),
                "threshold": threshold,
                "smallest_lesion": smallest,
                "mask": mask.astype(int).ravel().tolist(),
                "measures": {key: found for key, found in measure(scan, mask, probability).items() if key in MEASURES},
                "doubt": round(value, 9),
                "reasons": doubt_reasons(value, mask),
            }
        )
    return cases


def name_cases() -> list[dict[str, Any]]:
    """What names of files say, and names that are safe."""
    named = [
        {"file": name, "case": found.case, "role": found.role} for name in NAMES for found in [parse_name(Path(name))]
    ]
    return [*named, *({"text": text, "safe": safe_name(text)} for text in TEXTS)]


def values(shape: tuple[int, int, int]) -> NDArray[np.float64]:
    """Grey levels that tell every axis and direction apart: 7 i + 31 j + 101 k, modulo 97."""
    i, j, k = np.indices(shape)
    return np.asarray((7 * i + 31 * j + 101 * k) % 97, np.float64)


def _store(affine: Affine, axes: tuple[int, ...], flips: tuple[bool, ...]) -> tuple[tuple[int, ...], Affine]:
    """Shape and affine of an array of `SHAPE` that is stored in another order; `flips` turn the stored axes round."""
    to_array = np.zeros((4, 4))
    to_array[3, 3] = 1
    for position, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        to_array[axis, position] = -1 if flip else 1
        to_array[axis, 3] = SHAPE[axis] - 1 if flip else 0
    return tuple(SHAPE[axis] for axis in axes), affine @ to_array


def _rotation(axis: int, degrees: float) -> Affine:
    """Rotation about right (0), anterior (1) or superior (2)."""
    angle = np.radians(degrees)
    matrix = np.eye(4)
    one, other = (index for index in range(3) if index != axis)
    matrix[one, one] = matrix[other, other] = np.cos(angle)
    matrix[one, other], matrix[other, one] = -np.sin(angle), np.sin(angle)
    return matrix


if __name__ == "__main__":
    main()
