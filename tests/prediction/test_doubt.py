"""Doubt: values worked out by hand, laws, and the reasons in words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from brainseg.prediction.doubt import UNCERTAIN, doubt, doubt_reasons

MAPS = arrays.arrays(np.float32, (3, 2, 4), elements=st.floats(0, 1, width=32))


def test_doubt_by_hand() -> None:
    probability = np.array([[[1.0, 0.75, 0.25, 0.0]]], np.float32)
    mask = probability >= 0.5
    assert doubt(probability=probability, mask=mask) == pytest.approx(1 - 2 * 1.75 / (2 + 2))


def test_certain_outlines_have_no_doubt_and_empty_ones_are_doubted() -> None:
    mask = np.zeros((2, 3, 3), np.bool_)
    assert doubt(probability=np.zeros(mask.shape, np.float32), mask=mask) == 1
    mask[1, 1] = True
    assert doubt(probability=mask.astype(np.float32), mask=mask) == 0


@given(MAPS)
def test_doubt_is_one_minus_dice_if_probabilities_are_0_or_1(probability: np.ndarray) -> None:
    """With a certain map as the reference, the expected Dice is the Dice."""
    certain = np.round(probability)
    mask = np.zeros(certain.shape, np.bool_)
    mask[:, 0] = True
    dice = 2 * certain[mask].sum() / (certain.sum() + mask.sum())
    assert doubt(probability=certain, mask=mask) == pytest.approx(1 - dice)


@given(MAPS)
def test_doubt_is_between_0_and_1_and_does_not_depend_on_orientation(probability: np.ndarray) -> None:
    mask = probability >= 0.5
    value = doubt(probability=probability, mask=mask)
    assert -1e-6 <= value <= 1
    assert doubt(probability=probability[::-1, :, ::-1], mask=mask[::-1, :, ::-1]) == pytest.approx(value)


def test_masks_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        doubt(probability=np.zeros((2, 3, 3), np.float32), mask=np.zeros((2, 3, 4), np.bool_))


def test_reasons() -> None:
    mask = np.zeros((8, 2, 2), np.bool_)
    assert doubt_reasons(1.0, mask) == ("nothing outlined, but every patient in training had a tumour",)
    mask[2:6] = True
    assert doubt_reasons(UNCERTAIN - 0.001, mask) == ()
    mask[3:] = False
    mask[7] = True
    assert doubt_reasons(UNCERTAIN, mask) == ("vague margin", "only 2 slices")
    mask[7] = False
    assert doubt_reasons(0.01, mask) == ("only one slice",)
