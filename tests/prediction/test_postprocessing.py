"""Small connected components are removed, and nothing else changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from brainseg.prediction.postprocessing import label_lesions, remove_small_lesions


def drawn_mask() -> np.ndarray:
    """Components of 4 voxels (connected by a corner and across slices), of 2 voxels and of 1 voxel."""
    mask = np.zeros((3, 5, 6), np.bool_)
    mask[0, 0, 0] = mask[0, 1, 1] = mask[1, 2, 2] = mask[1, 2, 3] = True
    mask[0, 4, 4] = mask[0, 4, 5] = True
    mask[2, 0, 5] = True
    return mask


@pytest.mark.parametrize(("smallest", "remaining"), [(0, 7), (1, 7), (2, 6), (3, 4), (4, 4), (5, 0)])
def test_components_below_the_smallest_are_removed(smallest: int, remaining: int) -> None:
    mask = drawn_mask()
    assert np.count_nonzero(remove_small_lesions(mask, smallest)) == remaining
    assert np.count_nonzero(mask) == 7  # the input is not modified


def test_an_empty_mask_stays_empty() -> None:
    empty = np.zeros((2, 3, 4), np.bool_)
    assert not remove_small_lesions(empty, 10).any()
    box, labels = label_lesions(empty)
    assert labels.size == 0
    assert empty[box].size == 0


@pytest.mark.parametrize(
    ("mask", "smallest", "message"),
    [
        (np.zeros((3, 3), np.bool_), 5, r"expected shape \(S, H, W\), bool, found \(3, 3\)"),
        (np.zeros((3, 3, 3), np.uint8), 5, "found .*uint8"),
        (np.zeros((3, 3, 3), np.bool_), -1, "expected at least 0 voxels, found -1"),
    ],
)
def test_invalid_input_is_refused(mask: np.ndarray, smallest: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        remove_small_lesions(mask, smallest)


@given(arrays.arrays(np.bool_, (3, 4, 5)), st.integers(0, 12))
def test_result_equals_scipy_on_the_whole_volume(mask: np.ndarray, smallest: int) -> None:
    labels, count = ndimage.label(mask, np.ones((3, 3, 3)))
    expected = np.zeros_like(mask)
    for number in range(1, count + 1):
        if np.count_nonzero(labels == number) >= smallest:
            expected |= labels == number
    np.testing.assert_array_equal(remove_small_lesions(mask, smallest), expected)
