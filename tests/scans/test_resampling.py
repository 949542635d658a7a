"""Other sequences on the grid of FLAIR."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from brainseg.errors import UserError
from brainseg.scans.grid import Affine, Grid
from brainseg.scans.resampling import resample_onto, same_grid
from tests.scans.scan_files import AXIAL, ORDERS, draw, rotation, store


def ramp(grid: Grid) -> NDArray[np.float64]:
    """An image that is linear in mm: 2 right + 3 anterior - superior."""
    assert grid.affine is not None
    points = np.moveaxis(np.indices(grid.shape), 0, -1) @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    return points @ [2.0, 3, -1]


def centred(shape: tuple[int, int, int], affine: Affine) -> Grid:
    """A grid whose centre is at 0 mm."""
    affine = affine.copy()
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape=shape, affine=affine)


@given(order=st.sampled_from(ORDERS), tilt=st.floats(-20, 20), side=st.floats(0.8, 3))
def test_a_ramp_in_mm_stays_a_ramp(order: tuple[tuple[int, ...], tuple[bool, ...]], tilt: float, side: float) -> None:
    """Whatever order, tilt and voxel size of the sequence."""
    target = centred((6, 8, 8), AXIAL)
    affine = centred((40, 40, 40), rotation(0, tilt) @ np.diag([side, side, side, 1])).affine
    assert affine is not None
    image, affine = store(ramp(Grid(shape=(40, 40, 40), affine=affine)), affine, *order)
    resampled, coverage = resample_onto("t1", image, Grid(shape=(40, 40, 40), affine=affine), target)
    assert coverage == 1
    np.testing.assert_allclose(resampled, ramp(target), atol=1e-3)


def test_outside_is_air() -> None:
    """FLAIR has 4 slices, T1 the lower three of them; the level of air is the 10 % quantile."""
    target = Grid(shape=(4, 5, 5), affine=np.diag([2.0, 1, 1, 1]))
    image = np.where(np.arange(75).reshape(3, 5, 5) % 5 == 0, 7, 100)
    resampled, coverage = resample_onto("t1", image, Grid(shape=(3, 5, 5), affine=np.diag([2.0, 1, 1, 1])), target)
    assert coverage == 0.75
    np.testing.assert_allclose(resampled[:3], image, atol=1e-4)
    assert (resampled[3] == 7).all()


def test_a_sequence_that_lies_elsewhere_is_refused_with_the_coverage() -> None:
    elsewhere = np.eye(4)
    elsewhere[0, 3] = 6
    with pytest.raises(UserError, match=r"t1\.nii: it covers 40% of FLAIR"):
        resample_onto(
            "t1.nii",
            draw((10, 10, 10)),
            Grid(shape=(10, 10, 10), affine=elsewhere),
            Grid(shape=(10, 10, 10), affine=np.eye(4)),
        )


def test_the_same_grid_up_to_a_tenth_of_a_voxel() -> None:
    moved = AXIAL.copy()
    moved[1, 3] += 0.14
    one = Grid(shape=(5, 6, 7), affine=AXIAL)
    assert same_grid(one, Grid(shape=(5, 6, 7), affine=moved))
    moved[1, 3] += 0.02
    assert not same_grid(one, Grid(shape=(5, 6, 7), affine=moved))
    assert not same_grid(one, Grid(shape=(5, 7, 6), affine=AXIAL))
    assert not same_grid(one, Grid(shape=(5, 6, 7)))
    assert same_grid(Grid(shape=(5, 6, 7)), Grid(shape=(5, 6, 7)))
