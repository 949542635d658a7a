"""Preprocessing: hand-computed arrays, and grey levels that do not depend on how a scan was stored."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from brainseg.imaging.preprocessing import (
    CLIP,
    context,
    fill_missing_sequences,
    fit_preprocessing,
    fixed_normalisation,
    inlier_ranges,
    mirrored,
    network_input,
    robust_zscore,
)
from brainseg.imaging.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST
from tests.imaging.drawn_head import draw_head

IMAGE = draw_head()
volumes = npst.arrays(np.uint8, (2, 5, 6, 3), elements=st.integers(0, 255))


def input_of(image: np.ndarray, size: int = 48) -> np.ndarray:
    return network_input(image, image[..., :0], fit_preprocessing(image, "brain_zscore", "head"), size)


def test_outliers_are_left_out_of_mean_and_deviation() -> None:
    """By hand: quartiles 2, 4, 6, so inliers lie within 3 x 4 / (2 x 0.6745) = 8.9 of the median; 100 does not."""
    values = np.repeat(np.array([0, 2, 2, 4, 4, 4, 6, 6, 100.0])[:, None], 3, axis=1)
    low, high = inlier_ranges(values)[0]
    assert (low, high) == pytest.approx((-4.896, 12.896), abs=1e-3)
    normalise = robust_zscore(values)
    np.testing.assert_allclose(normalise.offset, 3.5)
    np.testing.assert_allclose(normalise.scale, np.std([0, 2, 2, 4, 4, 4, 6, 6]), rtol=1e-6)
    np.testing.assert_array_equal(normalise(np.full((1, 3), 100)), CLIP)


def test_a_large_bright_tumour_hardly_changes_the_healthy_brain() -> None:
    image = IMAGE.copy()
    y, x = np.mgrid[:128, :128]
    tumour = (y - 60) ** 2 + (x - 50) ** 2 < 14**2  # a tenth of the brain
    image[1:5, tumour, FLAIR] = 180
    before, after = (fit_preprocessing(each, "brain_zscore", "head").normalisation for each in (IMAGE, image))
    healthy = np.full((1, 3), 90)
    assert abs(before(healthy) - after(healthy))[0, FLAIR] < 0.35
    assert after.scale[FLAIR] < 1.25 * before.scale[FLAIR]


@pytest.mark.parametrize(
    ("name", "changed", "tolerance"),
    [
        ("8 bit", np.rint(IMAGE).astype(np.uint8), 0.1),
        ("16 bit", np.rint(IMAGE * 300).astype(np.uint16), 0.01),
        ("negative", (IMAGE * 10 - 1000).astype(np.float32), 0.01),
        ("float", (IMAGE / 1e4).astype(np.float32), 0.01),
    ],
)
def test_input_does_not_depend_on_the_numeric_type(name: str, changed: np.ndarray, tolerance: float) -> None:
    difference = np.abs(input_of(changed) - input_of(IMAGE))
    assert np.quantile(difference, 0.99) < tolerance, name


def test_a_hot_voxel_changes_nothing_but_its_surroundings() -> None:
    image = IMAGE.copy()
    image[2, 64, 64] = 1e6
    difference = np.abs(input_of(image) - input_of(IMAGE))
    assert (difference > 0.01).mean() < 0.001


def test_a_removed_skull_hardly_changes_the_brain() -> None:
    image = np.where((IMAGE > 150) | (IMAGE < 40), 0, IMAGE)
    before, after = (fit_preprocessing(each, "brain_zscore", "head").normalisation for each in (IMAGE, image))
    np.testing.assert_allclose(after(np.full((1, 3), 100)), before(np.full((1, 3), 100)), atol=0.1)
    np.testing.assert_allclose(after.scale, before.scale, rtol=0.1)


def test_a_bright_scalp_does_not_change_the_normalisation() -> None:
    image = np.where(IMAGE > 150, 255, IMAGE)
    before, after = (fit_preprocessing(each, "brain_zscore", "head").normalisation for each in (IMAGE, image))
    np.testing.assert_allclose(after.offset, before.offset, atol=0.2)
    np.testing.assert_allclose(after.scale, before.scale, rtol=0.02)


def test_outside_the_slice_is_air() -> None:
    """With air at -50, as normalised; here below -4 deviations, which are clipped."""
    image = draw_head(centre=(0.5, 0.2)) - 50
    assert fit_preprocessing(image, "brain_zscore", "head").box.left < 0
    np.testing.assert_array_equal(input_of(image)[:, :, 0], -CLIP)


@given(image=volumes)
def test_any_volume_stays_finite(image: np.ndarray) -> None:
    for method in ("brain_zscore", "divide_255"):
        fitted = fit_preprocessing(image, method, "head")  # type: ignore[arg-type]
        assert np.isfinite(network_input(image, image[..., :2], fitted, 16)).all()


@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_constant_volume_stays_finite(value: int) -> None:
    assert np.isfinite(input_of(np.full((1, 4, 4, 3), value, np.uint8))).all()


@given(image=volumes)
def test_divide_255_gives_values_from_0_to_1(image: np.ndarray) -> None:
    values = fixed_normalisation()(image)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, image / 255, atol=1e-6)


def test_without_crop_the_whole_slice_is_scaled() -> None:
    image = np.random.default_rng(0).integers(0, 256, (2, 16, 24, 3), dtype=np.uint8)
    fitted = fit_preprocessing(image, "divide_255", "none")
    whole = network_input(image, image[..., :0], fitted, 8)
    expected = (
        image.reshape(2, 8, 2, 8, 3, 3)[:, :, :, :, 1].mean(axis=2) / 255
    )  # rows two by two, columns in the middle
    np.testing.assert_allclose(whole, expected, atol=1e-6)


def test_missing_sequences_are_filled_with_flair() -> None:
    filled = fill_missing_sequences(IMAGE, (PRE_CONTRAST, POST_CONTRAST))
    np.testing.assert_array_equal(filled, np.repeat(IMAGE[..., FLAIR, None], 3, axis=-1))
    np.testing.assert_array_equal(input_of(filled)[..., FLAIR], input_of(IMAGE)[..., FLAIR])
    np.testing.assert_array_equal(input_of(filled)[..., PRE_CONTRAST], input_of(filled)[..., FLAIR])


def test_context_is_the_neighbours_then_the_mirrored_slice() -> None:
    flair = np.arange(24, dtype=np.int16).reshape(3, 2, 4)
    found = context(flair.__getitem__, 2, 3, context_slices=1, mirror_axis=3, air=0)
    np.testing.assert_array_equal(found, np.stack([flair[1], flair[2], flair[2][:, ::-1]], axis=-1))
    assert found.dtype == np.int16


def test_columns_are_mirrored_about_the_axis() -> None:
    flair = np.array([[10, 20, 30, 40, 50]], np.uint8)
    assert mirrored(flair, 4).tolist() == [[50, 40, 30, 20, 10]]
    assert mirrored(flair, 2).tolist() == [[30, 20, 10, 0, 0]]
    assert mirrored(flair, 7, 2.7).tolist() == [[3, 3, 3, 50, 40]]


@given(volumes, st.integers(0, 10))
def test_mirroring_twice_gives_the_slice_back_where_the_other_side_is_in_the_image(
    image: np.ndarray, axis: int
) -> None:
    flair = image[..., 1]
    inside = [x for x in range(6) if 0 <= axis - x < 6]
    twice = mirrored(mirrored(flair, axis), axis)
    np.testing.assert_array_equal(twice[..., inside], flair[..., inside])
