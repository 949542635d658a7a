"""Resampling the other sequences of a scan onto the grid of FLAIR, by their affines."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from brainseg.errors import UserError
from brainseg.imaging.volume import FloatArray
from brainseg.scans.grid import Affine, Grid
from brainseg.terminal import printable

SAME_GRID = 0.1  # of the shortest side of a voxel; grids whose corners differ by less are the same
AIR_QUANTILE = 0.1  # of the grey levels; the level of what lies outside a sequence
SMALLEST_COVERAGE, FULL_COVERAGE = 0.5, 0.98  # of the voxels of FLAIR


def same_grid(one: Grid, other: Grid) -> bool:
    """Whether two grids have the same shape and their corners are in the same places, or neither has an affine."""
    if one.shape != other.shape or (one.affine is None) != (other.affine is None):
        return False
    if one.affine is None or other.affine is None:
        return True
    corners = np.array(np.meshgrid(*((0, length - 1) for length in one.shape), [1])).reshape(4, -1)
    distance = np.linalg.norm(((one.affine - other.affine) @ corners)[:3], axis=0).max()
    return bool(distance <= SAME_GRID * np.linalg.norm(one.affine[:3, :3], axis=0).min())


def resample_onto(where: str, array: NDArray[Any], grid: Grid, target: Grid) -> tuple[FloatArray, float]:
    """Resample a sequence linearly onto the grid of FLAIR.

    Args:
        where: the file of the sequence, for the message.
        array: shape `grid.shape`, any real dtype.
        grid: of the sequence; its affine is known.
        target: of FLAIR; its affine is known.

    Returns:
        Shape `target.shape`, float32, with the grey level of air outside the sequence; and the fraction of the voxels
        that lie inside it.

    Raises:
        UserError: if the sequence covers less than half of FLAIR.
    """
    assert grid.affine is not None
    assert target.affine is not None
    matrix: Affine = np.linalg.solve(grid.affine, target.affine).astype(np.float64)
    coverage = _coverage(matrix, grid.shape, target.shape)
    if coverage < SMALLEST_COVERAGE:
        raise UserError(
            f"{printable(where)}: it covers {coverage:.0%} of FLAIR. Expected: the same head in the same coordinates. "
            "Register it to FLAIR first, or leave it out: FLAIR alone is enough."
        )
    air = float(np.quantile(array, AIR_QUANTILE))
    resampled = ndimage.affine_transform(
        array.astype(np.float32, copy=False),
        matrix[:3, :3],
        matrix[:3, 3],
        output_shape=target.shape,
        output=np.float32,
        order=1,
        mode="constant",
        cval=air,
    )
    return np.asarray(resampled), coverage


def _coverage(matrix: Affine, shape: tuple[int, ...], target: tuple[int, ...]) -> float:
    """Fraction of the target's voxels that lie inside a grid, from a sample of at most 32 along each axis."""
    steps = [np.unique(np.linspace(0, length - 1, min(length, 32)).round()) for length in target]
    points = np.stack([*np.meshgrid(*steps, indexing="ij"), np.ones([len(step) for step in steps])]).reshape(4, -1)
    indices = (matrix @ points)[:3]
    limits = np.array(shape)[:, None]
    return float(((indices >= -0.5) & (indices <= limits - 0.5)).all(axis=0).mean())
