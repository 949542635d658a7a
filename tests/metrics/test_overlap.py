"""Overlap scores and volume errors: golden cases drawn as arrays, the rules for what is undefined, and laws."""

import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from medpy.metric import binary

from brainseg.metrics import overlap
from brainseg.metrics.overlap import Confusion, count

FUNCTIONS = [
    overlap.dice,
    overlap.iou,
    overlap.sensitivity,
    overlap.specificity,
    overlap.precision,
    overlap.accuracy,
]
ERRORS = [overlap.volume_error, overlap.volume_bias]
EMPTY = np.zeros((2, 3), bool)
FULL = np.ones((2, 3), bool)
SOME = np.array([[True, False, True], [False, False, False]])


def drawn(picture):
    """A mask drawn with # for tumour, one word a row."""
    return np.array([[pixel == "#" for pixel in row] for row in picture.split()])


MASK_TRUE = drawn("""
    .....
    .##..
    .##..
    .....
""")
MASK_PRED = drawn("""
    .....
    .....
    .###.
    .###.
""")  # found 2, missed 2, 4 too many, 12 right


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (overlap.dice, 2 * 2 / (4 + 6)),
        (overlap.iou, 2 / 8),
        (overlap.sensitivity, 2 / 4),
        (overlap.specificity, 12 / 16),
        (overlap.precision, 2 / 6),
        (overlap.accuracy, 14 / 20),
        (overlap.volume_error_pixels, 2),
        (overlap.volume_error, 2 / 4),
        (overlap.volume_bias, 2 / 4),
    ],
)
def test_golden_case(function, expected):
    assert function(mask_true=MASK_TRUE, mask_pred=MASK_PRED) == expected


def test_counts_of_the_golden_case():
    counts = count(mask_true=MASK_TRUE, mask_pred=MASK_PRED)
    assert counts == Confusion(tp=2, fp=4, fn=2, tn=12)
    assert (counts.pixels, counts.tumour, counts.predicted) == (20, 4, 6)


def test_truth_and_prediction_are_not_interchangeable():
    assert overlap.sensitivity(mask_true=MASK_PRED, mask_pred=MASK_TRUE) == 2 / 6
    assert overlap.precision(mask_true=MASK_PRED, mask_pred=MASK_TRUE) == 2 / 4
    assert overlap.volume_error(mask_true=MASK_PRED, mask_pred=MASK_TRUE) == 2 / 6
    assert overlap.volume_bias(mask_true=MASK_PRED, mask_pred=MASK_TRUE) == -2 / 6


# docs/decisions.md: what is undefined is NaN.
@pytest.mark.parametrize(
    ("mask_true", "mask_pred", "expected"),
    [
        pytest.param(EMPTY, EMPTY, {"dice": math.nan, "iou": math.nan}, id="both empty: no overlap to speak of"),
        pytest.param(EMPTY, SOME, {"dice": 0.0, "iou": 0.0}, id="nothing there, something predicted: 0"),
        pytest.param(SOME, EMPTY, {"dice": 0.0, "iou": 0.0}, id="something there, nothing predicted: 0"),
        pytest.param(EMPTY, SOME, {"sensitivity": math.nan}, id="nothing to find: no sensitivity"),
        pytest.param(EMPTY, EMPTY, {"sensitivity": math.nan}, id="nothing to find, none predicted: no sensitivity"),
        pytest.param(SOME, EMPTY, {"sensitivity": 0.0}, id="all missed: sensitivity 0"),
        pytest.param(SOME, EMPTY, {"precision": math.nan}, id="nothing predicted: no precision"),
        pytest.param(EMPTY, EMPTY, {"precision": math.nan}, id="nothing predicted, nothing there: no precision"),
        pytest.param(EMPTY, SOME, {"precision": 0.0}, id="all wrong: precision 0"),
        pytest.param(FULL, SOME, {"specificity": math.nan}, id="no background: no specificity"),
        pytest.param(EMPTY, EMPTY, {"specificity": 1.0, "accuracy": 1.0}, id="both empty: all background is right"),
        pytest.param(
            EMPTY, SOME, {"volume_error": math.nan, "volume_bias": math.nan}, id="no true size: no share of it"
        ),
        pytest.param(EMPTY, EMPTY, {"volume_error": math.nan, "volume_error_pixels": 0}, id="both empty: 0 pixels"),
        pytest.param(EMPTY, SOME, {"volume_error_pixels": 2}, id="nothing there: the error is what was predicted"),
        pytest.param(SOME, EMPTY, {"volume_error": 1, "volume_bias": -1}, id="all missed: all of the true size"),
        pytest.param(EMPTY, FULL, {"specificity": 0.0, "accuracy": 0.0}, id="everything wrong"),
    ],
)
def test_undefined(mask_true, mask_pred, expected):
    counts = count(mask_true=mask_true, mask_pred=mask_pred)
    for name, value in expected.items():
        assert getattr(counts, name) == pytest.approx(value, abs=0, nan_ok=True)


@pytest.mark.parametrize("function", [*FUNCTIONS, *ERRORS])
def test_no_pixels_have_no_score(function):
    assert math.isnan(function(mask_true=np.zeros((0, 4), bool), mask_pred=np.zeros((0, 4), bool)))


@pytest.mark.parametrize("function", [*FUNCTIONS, *ERRORS, overlap.volume_error_pixels, count])
def test_bad_pairs_are_refused(function):
    with pytest.raises(ValueError, match=r"shape: \(2, 3\) and \(3, 2\)"):
        function(mask_true=SOME, mask_pred=SOME.T)
    with pytest.raises(ValueError, match="mask_true: expected bool, found uint8"):
        function(mask_true=SOME.astype(np.uint8) * 255, mask_pred=SOME)
    with pytest.raises(ValueError, match="mask_pred: expected bool, found float32"):
        function(mask_true=SOME, mask_pred=SOME.astype(np.float32))
    with pytest.raises(TypeError):
        function(SOME, SOME)  # by position, truth and prediction are easily swapped


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
    there, back = count(mask_true=pair[0], mask_pred=pair[1]), count(mask_true=pair[1], mask_pred=pair[0])
    for name in ("dice", "iou", "accuracy"):
        assert getattr(there, name) == pytest.approx(getattr(back, name), abs=0, nan_ok=True)
    assert there.precision == pytest.approx(back.sensitivity, abs=0, nan_ok=True)


@given(PAIRS)
def test_law_identical_is_one_and_disjoint_is_zero(pair):
    mask = pair[0]
    mask.flat[0] = True
    for function in (overlap.dice, overlap.iou, overlap.sensitivity, overlap.precision, overlap.accuracy):
        assert function(mask_true=mask, mask_pred=mask.copy()) == 1
        if function is not overlap.accuracy and not mask.all():
            assert function(mask_true=mask, mask_pred=~mask) == 0


@given(PAIRS)
def test_law_parts_add_up_to_the_whole(pair):
    mask_true, mask_pred = pair
    slices = [count(mask_true=mask_true[k], mask_pred=mask_pred[k]) for k in range(len(mask_true))]
    assert sum(slices, Confusion()) == count(mask_true=mask_true, mask_pred=mask_pred)


@given(PAIRS)
def test_law_masks_of_one_size_have_no_volume_error(pair):
    """Wherever they lie: a volume error says nothing about overlap."""
    counts = count(mask_true=pair[0], mask_pred=pair[0][::-1, ::-1, ::-1])
    assert counts.volume_error_pixels == 0
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
    if counts.tumour or counts.predicted:  # jaccard_score knows no NaN
        theirs["iou"] = sklearn.metrics.jaccard_score(mask_true, mask_pred)
    for name, value in theirs.items():
        assert getattr(counts, name) == pytest.approx(value, nan_ok=True), name
