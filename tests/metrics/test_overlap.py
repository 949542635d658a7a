"""Overlap scores and volume errors: cases drawn as arrays, undefined values, laws, and other implementations."""

import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from medpy.metric import binary

from brainseg.metrics.overlap import Confusion, count
from tests.metrics.masks import draw_mask

OVERLAPS = ("dice", "iou", "sensitivity", "specificity", "precision", "accuracy")
ERRORS = ("volume_error", "volume_bias")
EMPTY = np.zeros((2, 3), bool)
FULL = np.ones((2, 3), bool)
SOME = np.array([[True, False, True], [False, False, False]])

MASK_TRUE = draw_mask("""
    .....
    .##..
    .##..
    .....
""")
MASK_PRED = draw_mask("""
    .....
    .....
    .###.
    .###.
""")  # 2 true positives, 2 false negatives, 4 false positives, 12 true negatives


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dice", 2 * 2 / (4 + 6)),
        ("iou", 2 / 8),
        ("sensitivity", 2 / 4),
        ("specificity", 12 / 16),
        ("precision", 2 / 6),
        ("accuracy", 14 / 20),
        ("volume_error", 2 / 4),
        ("volume_bias", 2 / 4),
    ],
)
def test_golden_case(name, expected):
    assert getattr(count(mask_true=MASK_TRUE, mask_pred=MASK_PRED), name) == expected


def test_counts_of_the_golden_case():
    counts = count(mask_true=MASK_TRUE, mask_pred=MASK_PRED)
    assert counts == Confusion(tp=2, fp=4, fn=2, tn=12)
    assert (counts.pixels, counts.tumour, counts.predicted) == (20, 4, 6)


def test_reference_and_prediction_are_not_interchangeable():
    counts = count(mask_true=MASK_PRED, mask_pred=MASK_TRUE)
    assert counts.sensitivity == 2 / 6
    assert counts.precision == 2 / 4
    assert counts.volume_error == 2 / 6
    assert counts.volume_bias == -2 / 6


# docs/decisions.md: what is undefined is NaN.
@pytest.mark.parametrize(
    ("mask_true", "mask_pred", "expected"),
    [
        pytest.param(EMPTY, EMPTY, {"dice": math.nan, "iou": math.nan}, id="both empty: overlap undefined"),
        pytest.param(EMPTY, SOME, {"dice": 0.0, "iou": 0.0}, id="only the reference is empty: overlap 0"),
        pytest.param(SOME, EMPTY, {"dice": 0.0, "iou": 0.0}, id="only the prediction is empty: overlap 0"),
        pytest.param(EMPTY, SOME, {"sensitivity": math.nan}, id="reference empty: sensitivity undefined"),
        pytest.param(EMPTY, EMPTY, {"sensitivity": math.nan}, id="both empty: sensitivity undefined"),
        pytest.param(SOME, EMPTY, {"sensitivity": 0.0}, id="all missed: sensitivity 0"),
        pytest.param(SOME, EMPTY, {"precision": math.nan}, id="prediction empty: precision undefined"),
        pytest.param(EMPTY, EMPTY, {"precision": math.nan}, id="both empty: precision undefined"),
        pytest.param(EMPTY, SOME, {"precision": 0.0}, id="only false positives: precision 0"),
        pytest.param(FULL, SOME, {"specificity": math.nan}, id="no background: specificity undefined"),
        pytest.param(EMPTY, EMPTY, {"specificity": 1.0, "accuracy": 1.0}, id="both empty: all background correct"),
        pytest.param(
            EMPTY, SOME, {"volume_error": math.nan, "volume_bias": math.nan}, id="reference empty: no relative volume"
        ),
        pytest.param(SOME, EMPTY, {"volume_error": 1, "volume_bias": -1}, id="all missed: the whole true volume"),
        pytest.param(EMPTY, FULL, {"specificity": 0.0, "accuracy": 0.0}, id="every pixel wrong"),
    ],
)
def test_undefined(mask_true, mask_pred, expected):
    counts = count(mask_true=mask_true, mask_pred=mask_pred)
    for name, value in expected.items():
        assert getattr(counts, name) == pytest.approx(value, abs=0, nan_ok=True)


@pytest.mark.parametrize("name", [*OVERLAPS, *ERRORS])
def test_without_pixels_every_score_is_undefined(name):
    counts = count(mask_true=np.zeros((0, 4), bool), mask_pred=np.zeros((0, 4), bool))
    assert math.isnan(getattr(counts, name))


def test_bad_pairs_are_refused():
    with pytest.raises(ValueError, match=r"shape: \(2, 3\) and \(3, 2\)"):
        count(mask_true=SOME, mask_pred=SOME.T)
    with pytest.raises(ValueError, match="mask_true: expected bool, found uint8"):
        count(mask_true=SOME.astype(np.uint8) * 255, mask_pred=SOME)
    with pytest.raises(ValueError, match="mask_pred: expected bool, found float32"):
        count(mask_true=SOME, mask_pred=SOME.astype(np.float32))
    with pytest.raises(TypeError):
        count(SOME, SOME)  # as positional arguments, reference and prediction are easily swapped


PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))
)


@given(PAIRS)
def test_law_dice_follows_from_iou(pair):
    counts = count(mask_true=pair[0], mask_pred=pair[1])
    assert counts.dice == pytest.approx(2 * counts.iou / (1 + counts.iou), nan_ok=True)


@given(PAIRS)
def test_law_dice_is_the_harmonic_mean_of_precision_and_sensitivity(pair):
    counts = count(mask_true=pair[0], mask_pred=pair[1])
    if counts.tp:
        assert counts.dice == pytest.approx(2 / (1 / counts.precision + 1 / counts.sensitivity))


@given(PAIRS)
def test_law_symmetry(pair):
    counts, swapped = count(mask_true=pair[0], mask_pred=pair[1]), count(mask_true=pair[1], mask_pred=pair[0])
    for name in ("dice", "iou", "accuracy"):
        assert getattr(counts, name) == pytest.approx(getattr(swapped, name), abs=0, nan_ok=True)
    assert counts.precision == pytest.approx(swapped.sensitivity, abs=0, nan_ok=True)


@given(PAIRS)
def test_law_identical_is_one_and_disjoint_is_zero(pair):
    mask = pair[0]
    mask.flat[0] = True
    for name in ("dice", "iou", "sensitivity", "precision", "accuracy"):
        assert getattr(count(mask_true=mask, mask_pred=mask.copy()), name) == 1
        if name != "accuracy" and not mask.all():
            assert getattr(count(mask_true=mask, mask_pred=~mask), name) == 0


@given(PAIRS)
def test_law_counts_of_slices_add_up_to_the_volume(pair):
    mask_true, mask_pred = pair
    slices = [count(mask_true=mask_true[k], mask_pred=mask_pred[k]) for k in range(len(mask_true))]
    assert sum(slices, Confusion()) == count(mask_true=mask_true, mask_pred=mask_pred)


@given(PAIRS)
def test_law_masks_of_the_same_size_have_no_volume_error(pair):
    """Wherever they lie: a volume error says nothing about overlap."""
    counts = count(mask_true=pair[0], mask_pred=pair[0][::-1, ::-1, ::-1])
    assert counts.predicted == counts.tumour
    assert counts.volume_error == pytest.approx(0 if pair[0].any() else math.nan, nan_ok=True)


@given(PAIRS)
def test_agrees_with_medpy(pair):
    """A second independent implementation, for the volume error too; it refuses empty references."""
    mask_true, mask_pred = pair
    counts = count(mask_true=mask_true, mask_pred=mask_pred)
    if mask_true.any():
        assert counts.volume_bias == pytest.approx(binary.ravd(mask_pred, mask_true))
        assert counts.volume_error == abs(counts.volume_bias)
        assert counts.dice == pytest.approx(binary.dc(mask_pred, mask_true))
        assert counts.iou == pytest.approx(binary.jc(mask_pred, mask_true))


@given(PAIRS)
def test_agrees_with_scikit_learn(pair):
    """An independent implementation; NaN stands for what it calls a zero division."""
    mask_true, mask_pred = (mask.ravel() for mask in pair)
    counts = count(mask_true=mask_true, mask_pred=mask_pred)
    nan = {"zero_division": math.nan}
    theirs = {
        "dice": sklearn.metrics.f1_score(mask_true, mask_pred, **nan),
        "sensitivity": sklearn.metrics.recall_score(mask_true, mask_pred, **nan),
        "specificity": sklearn.metrics.recall_score(~mask_true, ~mask_pred, **nan),
        "precision": sklearn.metrics.precision_score(mask_true, mask_pred, **nan),
        "accuracy": sklearn.metrics.accuracy_score(mask_true, mask_pred),
    }
    if counts.tumour or counts.predicted:  # jaccard_score cannot return NaN
        theirs["iou"] = sklearn.metrics.jaccard_score(mask_true, mask_pred)
    for name, value in theirs.items():
        assert getattr(counts, name) == pytest.approx(value, nan_ok=True), name
