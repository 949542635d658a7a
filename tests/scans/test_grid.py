"""The network's orientation, from every storage order and back."""

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from brainseg.scans.grid import Grid
from tests.scans.scan_files import AXIAL, ORDERS, SHAPE, draw, rotation, store


def test_there_are_48_orders() -> None:
    assert len(set(ORDERS)) == 48


@pytest.mark.parametrize("tilt", [0, 15])
@pytest.mark.parametrize(("axes", "flips"), ORDERS)
def test_all_orders_give_the_same_array_and_come_back(
    axes: tuple[int, ...], flips: tuple[bool, ...], tilt: float
) -> None:
    """Also for an oblique scan, tilted about two axes."""
    affine = rotation(0, tilt) @ rotation(2, -tilt / 2) @ AXIAL
    image = draw((*SHAPE, 2))
    stored, stored_affine = store(image[..., 0], affine, axes, flips)
    grid = Grid(shape=stored.shape, affine=stored_affine)
    np.testing.assert_array_equal(grid.to_network(stored), image[..., 0])
    np.testing.assert_array_equal(grid.from_network(image[..., 0]), stored)
    np.testing.assert_allclose(grid.network_affine, affine, atol=1e-12)
    assert grid.from_network(image).shape == (*stored.shape, 2)
    assert grid.network_shape == SHAPE
    assert grid.spacing_mm == pytest.approx((4, 1.5, 1.5))
    assert grid.tilt_degrees == pytest.approx(tilt, abs=1e-5)


def test_slices_rows_and_columns_run_to_superior_posterior_and_left() -> None:
    """By nibabel's own names of the axes, for a file in the order left, anterior, superior."""
    grid = Grid(shape=(4, 5, 6), affine=np.diag([-1.0, 1, 3, 1]))
    assert nibabel.aff2axcodes(grid.network_affine) == ("S", "P", "L")
    assert (grid.axes, grid.flips) == ((2, 1, 0), (False, True, False))


@given(seed=st.integers(0, 2**32 - 1))
def test_the_head_is_never_mirrored(seed: int) -> None:
    """Whatever the rotation: slices, rows and columns stay right-handed, as superior, posterior, left are."""
    rng = np.random.default_rng(seed)
    affine = np.eye(4)
    affine[:3, :3] = Rotation.random(rng=rng).as_matrix() * rng.choice([-1, 1], 3)
    grid = Grid(shape=(3, 4, 5), affine=affine)
    expected = np.linalg.det([[0, 0, -1], [0, -1, 0], [1, 0, 0]])
    assert np.sign(np.linalg.det(grid.network_affine[:3, :3])) == np.sign(expected)
    assert grid.network_affine[2, 0] > 0
    array = rng.random((3, 4, 5))
    np.testing.assert_array_equal(grid.from_network(grid.to_network(array)), array)


def test_a_sagittal_scan_becomes_axial_slices_with_square_pixels() -> None:
    """Stored as posterior, superior, right: 2 slices of 5 mm, which become 10 columns of 1 mm."""
    affine = np.array([[0, 0, 5.0, 0], [-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    grid = Grid(shape=(3, 7, 2), affine=affine)
    assert grid.axes == (1, 0, 2)
    assert grid.network_shape == (7, 3, 10)
    assert grid.spacing_mm == pytest.approx((1, 1, 1))
    assert grid.slice_step == 5
    stored = np.zeros((3, 7, 2), np.int16)
    stored[..., 1] = 100  # the right one, which is column 0
    expected = [100, 100, 100, 80, 60, 40, 20, 0, 0, 0]  # linear, with half-pixel centres
    np.testing.assert_allclose(grid.to_network(stored), np.broadcast_to(expected, (7, 3, 10)), atol=1e-4)


def test_resampled_positions_agree_with_the_affine() -> None:
    """An image of its own coordinates in mm: resampled, each pixel has the coordinate that the affine says."""
    affine = rotation(2, 10) @ np.diag([2.0, -1, 3, 1])
    grid = Grid(shape=(12, 30, 4), affine=affine)
    stored = np.moveaxis(np.indices(grid.shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    turned = grid.to_network(stored)
    indices = np.moveaxis(np.indices(grid.network_shape), 0, -1)
    expected = indices @ grid.network_affine[:3, :3].T + grid.network_affine[:3, 3]
    np.testing.assert_allclose(turned[:, :, 2:-2], expected[:, :, 2:-2], atol=1e-3)


def test_masks_stay_bool_and_survive_resampling() -> None:
    grid = Grid(shape=(8, 40, 3), affine=np.diag([4.0, 1, 5, 1]))
    mask = np.zeros(grid.shape, np.bool_)
    mask[2:5, 10:20, 1] = True
    turned = grid.to_network(mask)
    assert turned.dtype == np.bool_
    assert turned.sum() == pytest.approx(4 * mask.sum(), rel=0.1)
    np.testing.assert_array_equal(grid.from_network(turned), mask)


@pytest.mark.parametrize(("spacing", "step"), [(6.0, 1), (2.5, 1), (2.4, 2), (2.0, 2), (1.5, 3), (1.0, 5), (0.5, 10)])
def test_the_neighbours_of_close_slices_are_5_mm_away(spacing: float, step: int) -> None:
    assert Grid(shape=(2, 2, 2), affine=np.diag([1.0, 1, spacing, 1])).slice_step == step


def test_pixels_that_differ_by_1_percent_count_as_square() -> None:
    assert not Grid(shape=(9, 9, 2), affine=np.diag([1.009, 1, 5, 1])).resampled
    assert Grid(shape=(9, 9, 2), affine=np.diag([1.02, 1, 5, 1])).resampled


def test_without_spacing_the_array_is_taken_as_it_is() -> None:
    grid, image = Grid(shape=SHAPE), draw()
    np.testing.assert_array_equal(grid.to_network(image), image)
    np.testing.assert_array_equal(grid.from_network(image), image)
    assert (grid.spacing_mm, grid.voxel_ml, grid.network_affine, grid.slice_step) == (None, None, None, 1)


def test_the_volume_of_a_voxel() -> None:
    assert Grid(shape=SHAPE, affine=AXIAL).voxel_ml == pytest.approx(4 * 1.5 * 1.5 / 1000)


def test_an_array_of_another_shape_is_a_mistake() -> None:
    grid = Grid(shape=(2, 3, 4), affine=np.eye(4))
    with pytest.raises(ValueError, match=r"expected shape \(2, 3, 4\)"):
        grid.to_network(np.zeros((4, 3, 2)))
    with pytest.raises(ValueError, match=r"expected shape \(4, 3, 2\)"):
        grid.from_network(np.zeros((2, 3, 4)))


def test_the_slice_axis_is_chosen_by_direction_and_not_by_distance() -> None:
    """A coronal scan of 5 mm slices, tilted by 40 degrees: its rows of 1 mm are nearer to superior-inferior."""
    coronal = np.array([[1.0, 0, 0, 0], [0, 0, 5, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    assert Grid(shape=SHAPE, affine=rotation(0, 40) @ coronal).axes == (1, 2, 0)
    assert Grid(shape=SHAPE, affine=rotation(0, 50) @ coronal).axes == (2, 1, 0)
