"""Preprocessing: golden arrays and the laws of normalising."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from brainseg.imaging.head import brain_mask, head_mask, mirror_axis
from brainseg.imaging.preprocessing import fit_normalisation, mirrored, resize

volumes = npst.arrays(np.uint8, (2, 5, 6, 3), elements=st.integers(0, 255))


def test_head_is_any_channel_above_a_tenth_of_the_maximum() -> None:
    image = np.zeros((1, 1, 4, 3), np.uint8)
    image[0, 0, :, 0] = [200, 20, 0, 0]
    image[0, 0, :, 2] = [0, 0, 21, 1]
    assert head_mask(image).tolist() == [[[True, False, True, False]]]


def test_below_the_scalp_is_what_lies_deep_in_the_head_dark_ventricles_or_not() -> None:
    image = np.zeros((1, 50, 50, 3), np.uint8)
    image[0, 5:45, 10:40] = 100
    image[0, 20:30, 20:30] = 0  # dark, and in the head
    image[0, 25, 25] = 100
    image[0, 2, 2] = 100  # a speck in the air
    expected = np.zeros((50, 50), np.bool_)
    expected[9:41, 14:36] = True  # 0.08 x 50 = 4 pixels in from every side
    expected[20:30, 20:30] = False
    expected[25, 25] = True
    np.testing.assert_array_equal(brain_mask(image)[0], expected)


@given(image=volumes)
def test_below_the_scalp_is_head_and_all_head_where_none_lies_deep(image: np.ndarray) -> None:
    """Whichever way the head is turned; 0.08 of these slices is no pixel, so all that lies inside is deep."""
    deep, head = brain_mask(image), head_mask(image)
    assert not (deep & ~head).any()
    assert deep.any() == head.any()
    np.testing.assert_array_equal(brain_mask(image[:, ::-1, ::-1])[:, ::-1, ::-1], deep)
    thin = np.pad(image[:, :1], ((0, 0), (20, 20), (20, 20), (0, 0)))
    np.testing.assert_array_equal(brain_mask(thin), head_mask(thin))


def test_a_bright_scalp_changes_nothing_below_it() -> None:
    image = np.zeros((2, 100, 100, 3), np.uint8)
    image[:, 10:90, 10:90] = 60
    image[:, 18:82, 18:82] = np.random.default_rng(0).integers(30, 90, (2, 64, 64, 3))
    dark = fit_normalisation(image, "brain_zscore")
    image[:, 10:18, 10:90] = 255
    bright = fit_normalisation(image, "brain_zscore")
    np.testing.assert_array_equal(bright.offset, dark.offset)
    np.testing.assert_array_equal(bright.scale, dark.scale)


@given(image=volumes)
def test_brain_has_mean_0_and_deviation_1(image: np.ndarray) -> None:
    deep = brain_mask(image)
    values = fit_normalisation(image, "brain_zscore")(image)[deep]
    if len(values):
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-4)
        spread = image[deep].std(axis=0)
        np.testing.assert_allclose(values.std(axis=0), spread > 0, atol=1e-4)


@given(image=volumes)
def test_divide_255_gives_0_to_1(image: np.ndarray) -> None:
    values = fit_normalisation(image, "divide_255")(image)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, image / 255, atol=1e-6)


@pytest.mark.parametrize("value", [0, 7, 255])
def test_flat_volume_stays_finite(value: int) -> None:
    image = np.full((1, 4, 4, 3), value, np.uint8)
    assert np.isfinite(fit_normalisation(image, "brain_zscore")(image)).all()


def test_the_other_side_comes_onto_this_side() -> None:
    flair = np.array([[10, 20, 30, 40, 50]], np.uint8)
    assert mirrored(flair, 4).tolist() == [[50, 40, 30, 20, 10]]
    assert mirrored(flair, 2).tolist() == [[30, 20, 10, 0, 0]]
    assert mirrored(flair, 7).tolist() == [[0, 0, 0, 50, 40]]


@given(volumes, st.integers(0, 10))
def test_mirrored_twice_is_the_slice_where_its_other_side_is_in_the_picture(image: np.ndarray, axis: int) -> None:
    flair = image[..., 1]
    inside = [x for x in range(6) if 0 <= axis - x < 6]
    twice = mirrored(mirrored(flair, axis), axis)
    np.testing.assert_array_equal(twice[..., inside], flair[..., inside])


@given(st.integers(0, 30), st.integers(10, 30))
def test_the_axis_is_in_the_middle_of_the_head(left: int, width: int) -> None:
    image = np.zeros((2, 20, 64, 3), np.uint8)
    image[:, 5:15, left : left + width, 1] = 200
    image[0, 3, 63] = 255  # a speck in the air
    assert mirror_axis(image) == 2 * left + width - 1
    np.testing.assert_array_equal(head_mask(image)[0, 10], head_mask(mirrored_image(image))[0, 10])


def mirrored_image(image: np.ndarray) -> np.ndarray:
    return np.moveaxis(mirrored(np.moveaxis(image, -1, 0), mirror_axis(image)), 0, -1)


def test_a_black_volume_is_mirrored_in_its_middle() -> None:
    assert mirror_axis(np.zeros((1, 4, 6, 3), np.uint8)) == 5


def test_resize_uses_half_pixel_centres() -> None:
    row = np.array([[[0, 4]]], np.float32)
    assert resize(row, 1, 4).tolist() == [[[0, 1, 3, 4]]]


def test_resize_keeps_a_straight_ramp_straight_and_the_channels_apart() -> None:
    x = np.arange(8, dtype=np.float32)
    picture = np.stack(np.broadcast_arrays(x, -x, x[:, None]), axis=-1)[None]
    small = resize(picture, 4, 4)
    assert small.shape == (1, 4, 4, 3)
    np.testing.assert_allclose(small[0, 0, :, 0], [0.5, 2.5, 4.5, 6.5])
    np.testing.assert_allclose(small[0, :, 1, 2], [0.5, 2.5, 4.5, 6.5])
    np.testing.assert_allclose(small[0, ..., 1], -small[0, ..., 0])
