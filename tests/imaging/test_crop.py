"""Cutting a box out of slices and undoing it."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainseg.imaging.crop import Box, resample, sample_box, sample_slice, whole_slice


def test_a_box_is_scaled_with_half_pixel_centres_and_outside_is_0() -> None:
    """By hand: cells of half a pixel, centred at -1.25, -0.75, ... pixels."""
    _, columns = sample_box(Box(top=0, left=-1, height=3, width=4), (3, 3), 8)
    assert (columns.matrix() @ [4, 8, 8]).tolist() == [0, 1, 3, 5, 7, 8, 8, 6]


@pytest.mark.parametrize("size", [8, 20, 32])
def test_the_whole_slice_is_resized_as_opencv_does(size: int) -> None:
    """Away from the edge, where OpenCV repeats the outermost pixel."""
    image = np.random.default_rng(0).random((2, 16, 24, 3)).astype(np.float32)
    resized = resample(image, *sample_box(whole_slice(16, 24), (16, 24), size))
    expected = np.stack([cv2.resize(plane, (size, size), interpolation=cv2.INTER_LINEAR) for plane in image])
    np.testing.assert_allclose(resized[:, 2:-2, 2:-2], expected[:, 2:-2, 2:-2], atol=1e-5)


@given(top=st.floats(-10, 10), left=st.floats(-10, 10), side=st.floats(10, 60), size=st.sampled_from([16, 32, 48]))
def test_cutting_a_box_and_undoing_it_keeps_a_linear_ramp(top: float, left: float, side: float, size: int) -> None:
    """Half a cell inside the box and the slice, where no edge is repeated or missing."""
    y, x = np.mgrid[:40, :50].astype(np.float32)
    box = Box(top=top, left=left, height=side, width=side)
    boxed = resample((2 * y - x)[None], *sample_box(box, (40, 50), size))
    back = resample(boxed, *sample_slice(box, (40, 50), size))[0]
    cell = side / size
    rows = (y[:, 0] > max(top, 0) + cell) & (y[:, 0] < min(top + side, 40) - cell - 1)
    columns = (x[0] > max(left, 0) + cell) & (x[0] < min(left + side, 50) - cell - 1)
    np.testing.assert_allclose(back[np.ix_(rows, columns)], (2 * y - x)[np.ix_(rows, columns)], atol=1e-3)


def test_outside_the_slice_is_the_given_value_of_each_channel() -> None:
    image = np.full((1, 4, 4, 2), [10, 20], np.uint8)
    box = Box(top=-4, left=0, height=8, width=4)
    boxed = resample(image, *sample_box(box, (4, 4), 8), outside=np.array([-1, 5], np.float32))
    assert boxed[0, 1, 4].tolist() == [-1, 5]
    assert boxed[0, 6, 4].tolist() == [10, 20]


def test_pixels_outside_the_box_become_0() -> None:
    box = Box(top=2, left=3, height=4, width=4)
    back = resample(np.ones((1, 8, 8), np.float32), *sample_slice(box, (10, 12), 8))[0]
    expected = np.zeros((10, 12))
    expected[2:6, 3:7] = 1
    np.testing.assert_array_equal(back, expected)


@given(start=st.floats(-5, 5), side=st.floats(4, 30))
def test_sampling_is_two_matrices(start: float, side: float) -> None:
    image = np.random.default_rng(1).random((3, 12, 14)).astype(np.float32)
    box = Box(top=start, left=-start, height=side, width=side)
    rows, columns = sample_box(box, (12, 14), 16)
    np.testing.assert_allclose(rows.matrix() @ image @ columns.matrix().T, resample(image, rows, columns), atol=1e-5)
    rows, columns = sample_slice(box, (12, 14), 16)
    maps = np.random.default_rng(2).random((3, 16, 16)).astype(np.float32)
    np.testing.assert_allclose(rows.matrix() @ maps @ columns.matrix().T, resample(maps, rows, columns), atol=1e-5)
