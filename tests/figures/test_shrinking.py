"""Shrinking to a panel: means of images, no lesion lost, and nothing done to what fits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainseg.figures.sheet import PANEL_PIXELS
from brainseg.figures.shrinking import shrink_image, shrink_mask


def test_image_is_averaged_by_hand() -> None:
    blocks = np.array([[0, 10], [200, 70]], np.uint8).repeat(PANEL_PIXELS // 2, 0).repeat(PANEL_PIXELS // 2, 1)
    image = blocks.repeat(2, axis=0).repeat(2, axis=1)
    image[::2, ::2] += 8  # one pixel of each four
    np.testing.assert_array_equal(shrink_image(image), blocks + 2)
    probability = image.astype(np.float32) / 256
    np.testing.assert_allclose(shrink_image(probability), (blocks + 2) / np.float32(256))
    assert shrink_image(probability).dtype == np.float32


@pytest.mark.parametrize("shape", [(256, 256), (20, 33), (1, 256), (256, 256, 3)])
def test_what_fits_is_copied(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    mask = image.reshape(*shape[:2], -1)[..., 0] > 99
    for original, shrunk in ((image, shrink_image(image)), (mask, shrink_mask(mask))):
        np.testing.assert_array_equal(shrunk, original)
        assert shrunk.base is None  # a view would keep the volume in memory
        assert not np.shares_memory(shrunk, original)


@pytest.mark.parametrize(
    ("shape", "expected"), [((1, 1500), (1, 256)), ((8192, 4), (256, 1)), ((512, 1024), (128, 256))]
)
def test_shape_in_a_panel_by_hand(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    assert shrink_mask(np.ones(shape, np.bool_)).shape == expected
    assert shrink_image(np.ones(shape, np.uint8)).shape == expected


@given(st.integers(1, 1500), st.integers(1, 1500), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_any_shape_fits_and_a_lesion_of_one_pixel_stays_where_it_is(height: int, width: int, random) -> None:
    mask = np.zeros((height, width), np.bool_)
    row, column = random.randrange(height), random.randrange(width)
    mask[row, column] = True
    shrunk = shrink_mask(mask)
    assert shrunk.shape == shrink_image(mask.astype(np.uint8)).shape
    assert max(shrunk.shape) == min(PANEL_PIXELS, max(height, width))
    assert shrunk.sum() == 1
    found = np.argwhere(shrunk)[0] + 0.5
    np.testing.assert_allclose(
        found / shrunk.shape, ((row + 0.5) / height, (column + 0.5) / width), atol=1 / min(shrunk.shape)
    )
