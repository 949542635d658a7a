"""Slice detection: cases by hand, undefined values, scikit-learn, and counting pairs."""

import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from brainseg.metrics.detection import auc, count_slices
from brainseg.metrics.overlap import Confusion

NONE = np.zeros((2, 3, 3), bool)
SOME = NONE.copy()
SOME[0, 1, 1] = True


def test_slices_are_counted_wherever_tumour_was_predicted_in_them():
    """One slice each: true positive at another location, false negative, false positive, true negative."""
    mask_true, mask_pred = np.zeros((2, 4, 2, 2), bool)
    mask_true[0, 0, 0] = mask_true[1, 0, 0] = True
    mask_pred[0, 1, 1] = mask_pred[2, 0, 0] = True
    assert count_slices(mask_true=mask_true, mask_pred=mask_pred) == Confusion(tp=1, fn=1, fp=1, tn=1)


# docs/decisions.md: what is undefined is NaN.
@pytest.mark.parametrize(
    ("mask_true", "mask_pred", "sensitivity", "specificity"),
    [
        pytest.param(NONE, NONE, math.nan, 1, id="no tumour: sensitivity undefined"),
        pytest.param(NONE, SOME, math.nan, 0.5, id="no tumour, one slice predicted"),
        pytest.param(SOME, NONE, 0, 1, id="nothing predicted: all missed"),
        pytest.param(SOME[:1], SOME[:1], 1, math.nan, id="tumour in every slice: specificity undefined"),
        pytest.param(NONE[:0], NONE[:0], math.nan, math.nan, id="no slices"),
    ],
)
def test_undefined(mask_true, mask_pred, sensitivity, specificity):
    counts = count_slices(mask_true=mask_true, mask_pred=mask_pred)
    assert counts.sensitivity == pytest.approx(sensitivity, abs=0, nan_ok=True)
    assert counts.specificity == pytest.approx(specificity, abs=0, nan_ok=True)


@pytest.mark.parametrize("slice_true", [[], [True], [False], [True, True], [False, False]])
def test_auc_needs_slices_of_both_kinds(slice_true):
    assert math.isnan(auc(slice_true=np.array(slice_true, bool), slice_score=np.zeros(len(slice_true))))


def test_auc_by_hand():
    """Three pairs are in order, one is tied, none is reversed."""
    slice_true = np.array([True, True, False, False])
    assert auc(slice_true=slice_true, slice_score=np.array([0.9, 0.5, 0.5, 0.1])) == 3.5 / 4


@given(arrays(bool, 12), arrays(np.float32, 12, elements=st.sampled_from([0, 0.25, 0.5, 1])))
def test_auc_agrees_with_scikit_learn_and_with_counting_pairs(slice_true, slice_score):
    found = auc(slice_true=slice_true, slice_score=slice_score)
    if slice_true.all() or not slice_true.any():
        assert math.isnan(found)
        return
    difference = slice_score[slice_true][:, None] - slice_score[~slice_true]
    assert found == pytest.approx(np.mean((difference > 0) + 0.5 * (difference == 0)))
    assert found == pytest.approx(sklearn.metrics.roc_auc_score(slice_true, slice_score))


@given(arrays(bool, 12), arrays(np.float64, 12, elements=st.floats(-10, 10)))
def test_law_negating_the_score_reverses_the_auc(slice_true, slice_score):
    found = auc(slice_true=slice_true, slice_score=slice_score)
    assert auc(slice_true=slice_true, slice_score=-slice_score) == pytest.approx(1 - found, nan_ok=True)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"expected masks of shape \(S, H, W\), found \(3, 3\)"):
        count_slices(mask_true=SOME[0], mask_pred=SOME[0])
    with pytest.raises(ValueError, match="differ in shape"):
        count_slices(mask_true=SOME, mask_pred=SOME[:1])
    with pytest.raises(ValueError, match="mask_pred: expected bool"):
        count_slices(mask_true=SOME, mask_pred=SOME.astype(np.uint8))
    slice_true = np.array([True, False])
    with pytest.raises(ValueError, match=r"found \(2,\) and \(3,\)"):
        auc(slice_true=slice_true, slice_score=np.zeros(3))
    with pytest.raises(ValueError, match=r"found \(2, 3, 3\)"):
        auc(slice_true=SOME, slice_score=np.zeros((2, 3, 3)))
    with pytest.raises(ValueError, match="slice_true: expected bool, found int64"):
        auc(slice_true=slice_true.astype(np.int64), slice_score=np.zeros(2))
    for wrong in (np.array([0, math.nan]), np.array([0, math.inf]), np.array([0, 1])):
        with pytest.raises(ValueError, match="slice_score: expected finite floating numbers"):
            auc(slice_true=slice_true, slice_score=wrong)
