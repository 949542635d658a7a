"""Checks of a scan that hold for all file formats: its size, its geometry and its grey levels."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.errors import UserError
from brainseg.scans.grid import Affine, Grid
from brainseg.terminal import printable

MAX_VOXELS = 2**28  # 1,024 slices of 512 x 512; three sequences of float32 take 3.2 GB
MAX_SIDE = 4096  # voxels along one axis
MIN_SPACING_MM, MAX_SPACING_MM = 0.05, 50.0
MAX_SKEW_DEGREES = 1.0  # between two axes, from 90 degrees
MAX_GREY_LEVEL = 1e30  # sums of larger ones may not be finite in float32
CT_AIR = (-1100, -900)  # Hounsfield units
CT_FRACTION = 0.05  # of the voxels; air around the head is a third of a scan or more
FEW_VALUES = 12  # an image has more grey levels; a mask or label map has not


def check_shape(where: str, shape: tuple[int, ...]) -> None:
    """Check the size that a header declares, before memory is taken.

    Args:
        where: file or folder, for the message.
        shape: voxels along the three axes.

    Raises:
        UserError: if an axis is empty, or there are too many voxels.
    """
    text = " x ".join(map(str, shape))
    if len(shape) != 3 or min(shape) < 1:
        raise UserError(f"{printable(where)}: {text} voxels. Expected: three axes, none of them empty.")
    if max(shape) > MAX_SIDE or math.prod(shape) > MAX_VOXELS:
        raise UserError(
            f"{printable(where)}: {text} voxels are too many. Expected: at most {MAX_SIDE} along an axis and "
            f"{MAX_VOXELS:,} in all, such as 1,024 slices of 512 x 512. Resample the scan to voxels of about 1 mm."
        )


def check_grid(where: str, grid: Grid) -> None:
    """Check the affine of a scan, and the size of its slices with square pixels.

    Args:
        where: file or folder, for the message.
        grid: of FLAIR.

    Raises:
        UserError: if the affine is not finite or not invertible, voxels are not of a plausible size, axes are not
            perpendicular, or slices with square pixels would be too large.
    """
    if grid.affine is None:
        check_shape(where, grid.shape)
        return
    check_affine(where, grid.affine)
    if grid.resampled:
        check_shape(f"{where}, resampled to square pixels", grid.network_shape)


def check_affine(where: str, affine: Affine) -> None:
    """Check that an affine describes a plausible scan.

    Args:
        where: file or folder, for the message.
        affine: shape (4, 4), from voxel indices to mm.

    Raises:
        UserError: as for `check_grid`.
    """
    where = printable(where)
    fix = "The header is damaged, or was not written by a scanner or converter. Convert the scan again."
    if not np.isfinite(affine).all():
        raise UserError(f"{where}: the affine has NaN or infinite numbers. Expected: finite numbers. {fix}")
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if not ((spacing >= MIN_SPACING_MM) & (spacing <= MAX_SPACING_MM)).all():
        found = " x ".join(f"{side:.4g}" for side in spacing)
        raise UserError(
            f"{where}: voxels of {found} mm. Expected: {MIN_SPACING_MM:g} to {MAX_SPACING_MM:g} mm along each axis. "
            f"{fix}"
        )
    directions = affine[:3, :3] / spacing
    cosines = np.abs(directions.T @ directions)[np.triu_indices(3, 1)]
    angle = math.degrees(math.acos(min(1.0, float(cosines.max()))))
    if 90 - angle > MAX_SKEW_DEGREES:
        raise UserError(
            f"{where}: two axes of the voxels are at {angle:.1f} degrees to each other, as after a gantry tilt. "
            f"Expected: {90 - MAX_SKEW_DEGREES:g} to 90 degrees. Resample the scan to perpendicular axes."
        )


def check_grey_levels(where: str, array: NDArray[Any]) -> None:
    """Check that an array can be an MR image.

    Args:
        where: file or folder, for the message.
        array: one sequence, any shape and real dtype.

    Raises:
        UserError: if a voxel is NaN or infinite, all voxels are equal, or the values are those of CT or of a mask.
    """
    where = printable(where)
    check_finite(where, array)
    low, high = float(array.min()), float(array.max())
    if low == high:
        raise UserError(f"{where}: all voxels are {low:g}. Expected: an MR image.")
    if low <= CT_AIR[1]:
        air = np.count_nonzero((array >= CT_AIR[0]) & (array <= CT_AIR[1])) / array.size
        if air >= CT_FRACTION:
            raise UserError(
                f"{where}: {air:.0%} of the voxels are between {CT_AIR[0]} and {CT_AIR[1]}, as air in CT. "
                "Expected: MR images. The model cannot read CT."
            )
    if (count := _distinct(array)) <= FEW_VALUES:
        raise UserError(
            f"{where}: only {count} different values, as in a mask. Expected: an MR image. Name the image itself."
        )


def check_finite(where: str, array: NDArray[Any]) -> None:
    """Refuse voxels that are NaN, infinite or beyond `MAX_GREY_LEVEL`.

    Raises:
        UserError: with their number and the position of the first one.
    """
    if array.dtype.kind != "f" or (array.min() >= -MAX_GREY_LEVEL and array.max() <= MAX_GREY_LEVEL):
        return
    bad = ~(np.abs(array) <= MAX_GREY_LEVEL)
    first = ", ".join(str(index) for index in np.unravel_index(int(bad.argmax()), array.shape))
    raise UserError(
        f"{printable(where)}: {np.count_nonzero(bad):,} of {array.size:,} voxels are NaN, infinite or beyond "
        f"{MAX_GREY_LEVEL:g}, the first at ({first}). Expected: finite numbers. "
        "Find out what they stand for; replace them by 0 if it is air."
    )


def _distinct(array: NDArray[Any]) -> int:
    """Number of different values, counted no further than one above `FEW_VALUES`."""
    seen = np.unique(array.ravel()[:: max(1, array.size // 10_000)])
    if len(seen) > FEW_VALUES:
        return len(seen)
    rest = array
    for value in seen:
        rest = rest[rest != value]
    return len(seen) if not rest.size else len(np.union1d(seen, np.unique(rest)))
