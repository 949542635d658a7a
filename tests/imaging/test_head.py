"""Finding the head, the brain and the midline in drawn volumes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from brainseg.imaging.head import brain_mask, head_mask, mirror_axis
from brainseg.imaging.preprocessing import mirrored

volumes = npst.arrays(np.uint8, (2, 5, 6, 3), elements=st.integers(0, 255))


def test_head_is_any_channel_above_a_tenth_of_the_maximum() -> None:
    image = np.zeros((1, 1, 4, 3), np.uint8)
    image[0, 0, :, 0] = [200, 20, 0, 0]
    image[0, 0, :, 2] = [0, 0, 21, 1]
    assert head_mask(image).tolist() == [[[True, False, True, False]]]


def test_brain_is_deep_inside_the_head_and_includes_pixels_beyond_dark_ventricles() -> None:
    image = np.zeros((1, 50, 50, 3), np.uint8)
    image[0, 5:45, 10:40] = 100
    image[0, 20:30, 20:30] = 0  # dark and inside the head
    image[0, 25, 25] = 100
    image[0, 2, 2] = 100  # a speck in the air
    expected = np.zeros((50, 50), np.bool_)
    expected[9:41, 14:36] = True  # 0.08 x 50 = 4 pixels in from every side
    expected[20:30, 20:30] = False
    expected[25, 25] = True
    np.testing.assert_array_equal(brain_mask(image)[0], expected)


@given(image=volumes)
def test_brain_is_part_of_the_head_and_the_whole_head_if_it_is_thin(image: np.ndarray) -> None:
    """In any orientation. 0.08 of these slices is less than a pixel, so every inside pixel counts as deep."""
    brain, head = brain_mask(image), head_mask(image)
    assert not (brain & ~head).any()
    assert brain.any() == head.any()
    np.testing.assert_array_equal(brain_mask(image[:, ::-1, ::-1])[:, ::-1, ::-1], brain)
    thin = np.pad(image[:, :1], ((0, 0), (20, 20), (20, 20), (0, 0)))
    np.testing.assert_array_equal(brain_mask(thin), head_mask(thin))


@given(st.integers(0, 30), st.integers(10, 30))
def test_the_midline_is_in_the_middle_of_the_head(left: int, width: int) -> None:
    image = np.zeros((2, 20, 64, 3), np.uint8)
    image[:, 5:15, left : left + width, 1] = 200
    image[0, 3, 63] = 255  # a speck in the air
    assert mirror_axis(image) == 2 * left + width - 1
    image_mirrored = np.moveaxis(mirrored(np.moveaxis(image, -1, 0), mirror_axis(image)), 0, -1)
    np.testing.assert_array_equal(head_mask(image)[0, 10], head_mask(image_mirrored)[0, 10])


def test_the_midline_of_a_black_volume_is_in_the_middle_of_the_image() -> None:
    assert mirror_axis(np.zeros((1, 4, 6, 3), np.uint8)) == 5
