"""Checks that hold for all file formats."""

from pathlib import Path

import numpy as np
import pytest

from brainseg.errors import UserError
from brainseg.scans.checks import MAX_SIDE, check_grey_levels, check_grid, check_shape
from brainseg.scans.grid import Grid
from brainseg.scans.scan import Scan, Source
from tests.scans.scan_files import AXIAL, SHAPE, draw, rotation


def test_a_scan_of_1000_slices_is_allowed() -> None:
    check_shape("scan", (1000, 512, 512))


@pytest.mark.parametrize("shape", [(1025, 512, 512), (1, 1, MAX_SIDE + 1), (2, 3), (0, 4, 4)])
def test_sizes_that_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match=f"scan: {' x '.join(map(str, shape))} voxels"):
        check_shape("scan", shape)


def test_a_grid_without_spacing_is_checked_for_its_size() -> None:
    check_grid("scan", Grid(shape=SHAPE))
    with pytest.raises(UserError, match="too many"):
        check_grid("scan", Grid(shape=(1025, 512, 512)))


def test_slices_that_would_be_too_large_with_square_pixels_are_refused() -> None:
    """100 columns of 50 mm would become 50,000 of 0.1 mm."""
    check_grid("scan", Grid(shape=(10, 10, 10), affine=np.diag([5, 0.1, 5, 1])))
    with pytest.raises(UserError, match="resampled to square pixels: 5 x 100 x 50000 voxels are too many"):
        check_grid("scan", Grid(shape=(100, 100, 5), affine=np.diag([50, 0.1, 5, 1])))


@pytest.mark.parametrize("side", [0.04, 51, 0])
def test_voxels_of_an_implausible_size_are_refused(side: float) -> None:
    with pytest.raises(UserError, match="voxels of 1 x"):
        check_grid("scan", Grid(shape=SHAPE, affine=np.diag([1.0, side, 5, 1])))


@pytest.mark.parametrize("degrees", [0.9, 1.1])
def test_axes_may_be_1_degree_from_perpendicular(degrees: float) -> None:
    """Whether the angle is acute or obtuse."""
    for sign in (1, -1):
        affine = AXIAL.copy()
        affine[:3, 1] = rotation(2, sign * degrees)[:3, :3] @ affine[:3, 1]
        if degrees < 1:
            check_grid("scan", Grid(shape=SHAPE, affine=affine))
        else:
            with pytest.raises(UserError, match=r"at 88\.9 degrees to each other"):
                check_grid("scan", Grid(shape=SHAPE, affine=affine))


@pytest.mark.parametrize(("count", "is_refused"), [(12, True), (13, False)])
def test_up_to_12_values_are_a_mask(count: int, is_refused: bool) -> None:
    """However rare some of the values are."""
    array = np.zeros((60, 60, 60), np.int16)
    array.ravel()[-count:] = range(count)
    if is_refused:
        with pytest.raises(UserError, match="only 12 different values, as in a mask"):
            check_grey_levels("scan", array)
    else:
        check_grey_levels("scan", array)


def test_negative_grey_levels_of_mr_are_allowed() -> None:
    """A few voxels at -1000, and a normalised image."""
    array = draw((20, 20, 20)).astype(np.int16)
    array[0, :, :9] = -1000
    check_grey_levels("scan", array)
    check_grey_levels("scan", (draw() / 100 - 1).astype(np.float32))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": draw()}, "image: expected"),
        ({"image": draw((*SHAPE, 3)) > 3}, "image: expected"),
        ({"mask_true": draw() > 3, "grid": Grid(shape=(6, 14, 12))}, "image: expected"),
        ({"mask_true": draw()}, "mask_true: expected"),
        ({"mask_true": draw((5, 14, 11)) > 3}, "mask_true: expected"),
        ({"missing": ("t2",)}, "missing: expected names"),
    ],
)
def test_a_scan_checks_that_its_arrays_fit(change: dict[str, object], message: str) -> None:
    whole = {
        "case_id": "a",
        "image": draw((*SHAPE, 3)),
        "grid": Grid(shape=SHAPE),
        "source": Source(kind="slices", paths=(Path("1.png"),)),
    }
    Scan(**whole)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        Scan(**(whole | change))  # type: ignore[arg-type]
