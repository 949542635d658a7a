"""Augmentation: image and mask move together, within the limits of the parameters."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainseg.imaging.crop import Box, whole_slice
from brainseg.imaging.preprocessing import Normalisation, Preprocessing, fixed_normalisation, robust_zscore
from brainseg.imaging.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST
from brainseg.params import AugmentationParams
from brainseg.training.augmentation import (
    augment,
    box_matrix,
    extract_mask,
    intensity_lookup,
    missing_sequences,
    random_matrix,
    warp,
)
from brainseg.training.slice_store import PatientStatistics, Sample

OFF = AugmentationParams(
    horizontal_flip=False,
    **dict.fromkeys(set(AugmentationParams.model_fields) - {"horizontal_flip"}, 0.0),  # type: ignore[arg-type]
)
NOISE = np.random.default_rng(0).standard_normal(2**16, np.float32)


def matrix_of(seed: int, size: int = 64, **changes: float | bool) -> np.ndarray:
    augmentation = OFF.model_copy(update=changes)
    return np.vstack(
        [random_matrix(np.random.default_rng(seed), augmentation, whole_slice(size, size), size), [0, 0, 1]]
    )


def preprocessing_with(normalisation: Normalisation, size: int) -> Preprocessing:
    return Preprocessing(
        normalisation=normalisation, box=whole_slice(size, size), mirror_axis=size - 1, air=np.zeros(3, np.float32)
    )


def sample_of(seed: int, size: int = 16) -> Sample:
    rng = np.random.default_rng(seed)
    image = rng.integers(30, 256, (size, size, 3), dtype=np.uint8)
    histogram = np.stack([np.bincount(image[..., channel].ravel(), minlength=256) for channel in range(3)])
    return Sample(
        image_and_mask=np.dstack([image, 255 * (rng.random((size, size)) < 0.5).astype(np.uint8)]),
        context=rng.integers(0, 256, (size, size, 2), dtype=np.uint8),
        patient=PatientStatistics(
            preprocessing=preprocessing_with(robust_zscore(image.reshape(-1, 3)), size), histogram=histogram
        ),
    )


def augmented(sample: Sample, seed: int, **changes: float | bool) -> tuple[np.ndarray, np.ndarray]:
    size = len(sample.image_and_mask)
    out = np.empty((size, size, 5), np.float32)
    augmentation = OFF.model_copy(update=changes)
    mask = augment(sample, np.random.default_rng(seed), augmentation, size=size, noise=NOISE, out=out)
    return out, mask


@given(seed=st.integers(0, 2**32))
def test_everything_off_only_normalises(seed: int) -> None:
    sample = sample_of(seed)
    out, mask = augmented(sample, seed)
    normalise = sample.patient.preprocessing.normalisation
    np.testing.assert_allclose(out[..., :3], normalise(sample.image_and_mask[..., :3]), atol=1e-5)
    np.testing.assert_allclose(out[..., 3:], normalise.flair(sample.context), atol=1e-5)
    np.testing.assert_array_equal(mask, sample.image_and_mask[..., 3] > 0)


@given(seed=st.integers(0, 2**32))
def test_gamma_keeps_mean_deviation_and_the_order_of_grey_levels(seed: int) -> None:
    sample = sample_of(seed % 7)
    exponent = np.random.default_rng(seed).uniform(0.5, 2, 3).astype(np.float32)
    table = intensity_lookup(sample.patient, gain=np.ones(3, np.float32), exponent=exponent)
    values = np.take_along_axis(table, sample.image_and_mask[..., :3].reshape(-1, 3).astype(np.int64), axis=0)
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(values.std(axis=0), 1, atol=1e-4)
    assert (np.diff(table, axis=0) >= 0).all()
    assert np.abs(table - intensity_lookup(sample.patient, gain=np.ones(3), exponent=np.ones(3))).max() > 0.01


def test_gamma_with_divide_255_is_a_power_of_the_grey_level() -> None:
    """By hand: level 51 is 0.2, and its square is 0.04."""
    patient = PatientStatistics(preprocessing=preprocessing_with(fixed_normalisation(), 16), histogram=None)
    table = intensity_lookup(patient, gain=np.array([1, 2, 1]), exponent=np.array([1, 1, 2]))
    np.testing.assert_allclose(table[51], [0.2, 0.4, 0.04], atol=1e-6)


@given(seed=st.integers(0, 2**32))
def test_gain_multiplies_each_sequence_by_a_factor_within_its_limit(seed: int) -> None:
    sample = sample_of(1)
    plain, changed = augmented(sample, seed)[0], augmented(sample, seed, gain=0.3)[0]
    factor = [np.median((changed / plain)[..., channel]) for channel in range(5)]
    for channel in range(5):
        np.testing.assert_allclose(changed[..., channel], factor[channel] * plain[..., channel], atol=1e-4)
    assert all(0.7 - 1e-4 <= value <= 1.3 + 1e-4 for value in factor)
    np.testing.assert_allclose(factor[3:], factor[FLAIR], atol=1e-4)  # the context comes from the same scan


def test_missing_sequences_are_replaced_by_flair_as_in_the_data_set() -> None:
    sample = sample_of(2)
    out, _ = augmented(sample, 1, missing_both=1.0)
    for channel in (PRE_CONTRAST, POST_CONTRAST):
        np.testing.assert_array_equal(out[..., channel], out[..., FLAIR])
    np.testing.assert_allclose(
        out[..., FLAIR],
        sample.patient.preprocessing.normalisation(sample.image_and_mask[..., :3])[..., FLAIR],
        atol=1e-5,
    )


def test_both_sequences_or_one_of_them_are_missing_as_often_as_the_parameters_say() -> None:
    changes = {"missing_both": 0.25, "missing_pre_contrast": 0.125, "missing_post_contrast": 0.5}
    augmentation = OFF.model_copy(update=changes)
    found = [missing_sequences(augmentation, draw) for draw in (0.0, 0.24, 0.25, 0.37, 0.38, 0.87, 0.88, 0.99)]
    each = [(PRE_CONTRAST, POST_CONTRAST), (PRE_CONTRAST,), (POST_CONTRAST,), ()]
    assert found == [channels for channels in each for _ in range(2)]


def test_clipped_values_are_multiplied_by_the_gain() -> None:
    normalisation = Normalisation(offset=np.full(3, 100, np.float32), scale=np.full(3, 10, np.float32), limit=4.0)
    patient = PatientStatistics(preprocessing=preprocessing_with(normalisation, 16), histogram=None)
    table = intensity_lookup(patient, gain=np.array([1, 0.5, 2]), exponent=np.ones(3))
    np.testing.assert_allclose(table[[0, 90, 255]], [[-4, -2, -8], [-1, -0.5, -2], [4, 2, 8]])


def test_box_matrix_puts_the_box_s_edges_on_the_grid_s_edges() -> None:
    """Edges of pixels and cells lie half a pixel and half a cell before their centres."""
    matrix = np.vstack([box_matrix(Box(top=-10, left=4, height=20, width=40), 10), [0, 0, 1]])
    corners = np.array([[4, -10, 1], [44, 10, 1]]).T - [[0.5], [0.5], [0]]
    np.testing.assert_allclose(matrix @ corners, [[-0.5, 9.5], [-0.5, 9.5], [1, 1]])


def test_what_lies_outside_the_slice_is_air() -> None:
    image = np.full((8, 8, 4), 200, np.uint8)
    warped = warp(image, box_matrix(Box(top=-8, left=-8, height=24, width=24), 24), 24, (5, 6, 7, 0))
    assert warped[0, 0].tolist() == [5, 6, 7, 0]
    assert warped[12, 12].tolist() == [200] * 4


def test_noise_has_at_most_the_given_deviation() -> None:
    sample = sample_of(3, size=32)
    deviations = [(augmented(sample, seed, noise=0.4)[0] - augmented(sample, seed)[0]).std() for seed in range(60)]
    assert 0 < min(deviations) < 0.1
    assert 0.3 < max(deviations) <= 0.42


@pytest.mark.parametrize("shape", [(128, 128), (96, 160), (48, 64)])
def test_box_matrix_of_the_whole_slice_agrees_with_a_resize(shape: tuple[int, int]) -> None:
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8), (0, 0), 2)
    warped = warp(image.astype(np.float32), box_matrix(whole_slice(*shape), 64), 64)
    expected = cv2.resize(image.astype(np.float32), (64, 64), interpolation=cv2.INTER_LINEAR)
    # warpAffine rounds source coordinates to 1/32 pixel; outside the image it uses black, the resize repeats the edge.
    inside = (slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(
        warped[inside], expected[inside], atol=np.abs(np.gradient(image.astype(float), axis=(0, 1))).max() / 16
    )


@given(seed=st.integers(0, 2**32))
def test_mask_moves_with_the_image_and_stays_binary(seed: int) -> None:
    mask_true = np.zeros((64, 64), bool)
    mask_true[20:44, 24:50] = True
    image = np.repeat(mask_true[..., None] * np.uint8(255), 3, axis=-1)
    matrix = matrix_of(seed, rotation=30.0, shift=0.1, shear=10.0, zoom=0.2, horizontal_flip=True)[:2]
    warped = warp(np.dstack([image, 255 * mask_true.astype(np.uint8)]), matrix, 64)
    mask = extract_mask(warped)
    assert mask.dtype == np.bool_
    # They may differ only on the edge, where the interpolated image is between its two values.
    inside = warped[..., 0] > 250
    outside = warped[..., 0] < 5
    assert mask[inside].all()
    assert not mask[outside].any()


@given(seed=st.integers(0, 2**32))
def test_rotation_keeps_areas_and_stays_within_its_limit(seed: int) -> None:
    linear = matrix_of(seed, rotation=20.0)[:2, :2]
    np.testing.assert_allclose(linear @ linear.T, np.eye(2), atol=1e-12)
    assert np.degrees(np.arccos(np.clip(linear[0, 0], -1, 1))) <= 20 + 1e-9


@given(seed=st.integers(0, 2**32))
def test_zoom_and_shift_stay_within_their_limits(seed: int) -> None:
    matrix = matrix_of(seed, zoom=0.2)
    assert 0.8 <= matrix[0, 0] == matrix[1, 1] <= 1.2
    centre = np.array([31.5, 31.5, 1])
    np.testing.assert_allclose(matrix @ centre, centre)
    moved = matrix_of(seed, shift=0.25) @ centre
    assert np.abs(moved - centre).max() <= 16


def test_half_of_the_slices_are_flipped() -> None:
    signs = np.array([matrix_of(seed, horizontal_flip=True)[0, 0] for seed in range(400)])
    assert set(signs) == {-1.0, 1.0}
    assert 150 < (signs < 0).sum() < 250


def test_turning_one_change_off_does_not_affect_the_others() -> None:
    both, one = matrix_of(5, rotation=20.0, horizontal_flip=True), matrix_of(5, horizontal_flip=True)
    assert np.sign(both[0, 0]) == np.sign(one[0, 0])
