"""Augmentation: image and mask move together, and as far as the parameters say."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainseg.augmentation import random_matrix, resizing_matrix, warp_pair
from brainseg.params import AugmentationParams

OFF = {"rotation": 0.0, "shift": 0.0, "shear": 0.0, "zoom": 0.0, "horizontal_flip": False}


def drawn(seed: int, size: int = 64, **changes: float | bool) -> np.ndarray:
    augmentation = AugmentationParams(**{**OFF, **changes})
    return random_matrix(np.random.default_rng(seed), augmentation, size, size, size)


@given(seed=st.integers(0, 2**32))
def test_everything_off_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    mask_true = rng.random((16, 16)) < 0.5
    warped, mask = warp_pair(image, mask_true, drawn(seed, 16), 16)
    np.testing.assert_array_equal(warped, image)
    np.testing.assert_array_equal(mask, mask_true)


@pytest.mark.parametrize("shape", [(128, 128), (96, 160), (48, 64)])
def test_resizing_matrix_is_the_resize_of_prediction(shape: tuple[int, int]) -> None:
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8), (0, 0), 2)
    warped, _ = warp_pair(image, np.zeros(shape, bool), resizing_matrix(*shape, 64), 64)
    expected = cv2.resize(image.astype(np.float32), (64, 64), interpolation=cv2.INTER_LINEAR)
    # warpAffine rounds source coordinates to 1/32 pixel.
    np.testing.assert_allclose(warped, expected, atol=np.abs(np.gradient(image.astype(float), axis=(0, 1))).max() / 16)


@given(seed=st.integers(0, 2**32))
def test_mask_moves_with_the_image_and_stays_two_valued(seed: int) -> None:
    mask_true = np.zeros((64, 64), bool)
    mask_true[20:44, 24:50] = True
    image = np.repeat(mask_true[..., None] * np.uint8(255), 3, axis=-1)
    matrix = drawn(seed, rotation=30.0, shift=0.1, shear=10.0, zoom=0.2, horizontal_flip=True)
    warped, mask = warp_pair(image, mask_true, matrix, 64)
    assert mask.dtype == np.bool_
    # Linear and nearest may differ only on the edge, where the image is between its two values.
    inside = warped[..., 0] > 250
    outside = warped[..., 0] < 5
    assert mask[inside].all()
    assert not mask[outside].any()


@given(seed=st.integers(0, 2**32))
def test_rotation_keeps_areas_and_stays_within_its_limit(seed: int) -> None:
    linear = drawn(seed, rotation=20.0)[:2, :2]
    np.testing.assert_allclose(linear @ linear.T, np.eye(2), atol=1e-12)
    assert np.degrees(np.arccos(np.clip(linear[0, 0], -1, 1))) <= 20 + 1e-9


@given(seed=st.integers(0, 2**32))
def test_zoom_and_shift_stay_within_their_limits(seed: int) -> None:
    matrix = drawn(seed, zoom=0.2)
    assert 0.8 <= matrix[0, 0] == matrix[1, 1] <= 1.2
    centre = np.array([31.5, 31.5, 1])
    np.testing.assert_allclose(matrix @ centre, centre)
    moved = drawn(seed, shift=0.25) @ centre
    assert np.abs(moved - centre).max() <= 16


def test_flip_happens_about_half_of_the_time_and_is_a_mirror() -> None:
    signs = np.array([drawn(seed, horizontal_flip=True)[0, 0] for seed in range(400)])
    assert set(signs) == {-1.0, 1.0}
    assert 150 < (signs < 0).sum() < 250


def test_turning_one_change_off_leaves_the_others_as_they_were() -> None:
    both, one = drawn(5, rotation=20.0, horizontal_flip=True), drawn(5, horizontal_flip=True)
    assert np.sign(both[0, 0]) == np.sign(one[0, 0])
