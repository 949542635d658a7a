"""Preprocessing: hand-computed arrays and the properties of the normalisation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from brainseg.imaging.head import brain_mask
from brainseg.imaging.preprocessing import fit_normalisation, mirrored, resize

volumes = npst.arrays(np.uint8, (2, 5, 6, 3), elements=st.integers(0, 255))


def test_a_bright_scalp_does_not_change_the_normalisation() -> None:
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
    brain = brain_mask(image)
    values = fit_normalisation(image, "brain_zscore")(image)[brain]
    if len(values):
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-4)
        deviation = image[brain].std(axis=0)
        np.testing.assert_allclose(values.std(axis=0), deviation > 0, atol=1e-4)


@given(image=volumes)
def test_divide_255_gives_values_from_0_to_1(image: np.ndarray) -> None:
    values = fit_normalisation(image, "divide_255")(image)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, image / 255, atol=1e-6)


@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_constant_volume_stays_finite(value: int) -> None:
    image = np.full((1, 4, 4, 3), value, np.uint8)
    assert np.isfinite(fit_normalisation(image, "brain_zscore")(image)).all()


def test_columns_are_mirrored_about_the_axis() -> None:
    flair = np.array([[10, 20, 30, 40, 50]], np.uint8)
    assert mirrored(flair, 4).tolist() == [[50, 40, 30, 20, 10]]
    assert mirrored(flair, 2).tolist() == [[30, 20, 10, 0, 0]]
    assert mirrored(flair, 7).tolist() == [[0, 0, 0, 50, 40]]


@given(volumes, st.integers(0, 10))
def test_mirroring_twice_gives_the_slice_back_where_the_other_side_is_in_the_image(
    image: np.ndarray, axis: int
) -> None:
    flair = image[..., 1]
    inside = [x for x in range(6) if 0 <= axis - x < 6]
    twice = mirrored(mirrored(flair, axis), axis)
    np.testing.assert_array_equal(twice[..., inside], flair[..., inside])


def test_resize_uses_half_pixel_centres() -> None:
    row = np.array([[[0, 4]]], np.float32)
    assert resize(row, 1, 4).tolist() == [[[0, 1, 3, 4]]]


def test_resize_keeps_a_linear_ramp_and_the_channels_apart() -> None:
    x = np.arange(8, dtype=np.float32)
    image = np.stack(np.broadcast_arrays(x, -x, x[:, None]), axis=-1)[None]
    small = resize(image, 4, 4)
    assert small.shape == (1, 4, 4, 3)
    np.testing.assert_allclose(small[0, 0, :, 0], [0.5, 2.5, 4.5, 6.5])
    np.testing.assert_allclose(small[0, :, 1, 2], [0.5, 2.5, 4.5, 6.5])
    np.testing.assert_allclose(small[0, ..., 1], -small[0, ..., 0])
