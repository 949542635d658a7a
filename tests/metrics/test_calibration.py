"""Calibration: cases computed by hand, sums over patients, and scikit-learn."""

import math

import numpy as np
import pytest
import sklearn.calibration
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from brainseg.metrics.calibration import brier_loss, histogram_inside, reliability
from brainseg.metrics.probability import BINS

# Four pixels inside the head, two of them in the same of four bins; outside, probability 1 is wrong.
MASK_TRUE = np.array([[True, False, True], [False, False, False]])
PROBABILITY = np.array([[0.875, 0.25, 0.375], [0.0, 1.0, 1.0]], np.float32)
HEAD = np.array([[True, True, True], [True, False, False]])
COUNTS = histogram_inside(mask_true=MASK_TRUE, probability=PROBABILITY, head=HEAD)


def test_table_by_hand():
    table = reliability(COUNTS, bins=4)
    assert table.low.tolist() == [0, 0.25, 0.5, 0.75]
    assert table.high.tolist() == [0.25, 0.5, 0.75, 1]
    assert table.count.tolist() == [1, 2, 0, 1]
    np.testing.assert_array_equal(table.mean_probability, [0, 0.3125, math.nan, 0.875])
    np.testing.assert_array_equal(table.observed, [0, 0.5, math.nan, 1])
    assert table.expected_calibration_error == (1 * 0 + 2 * 0.1875 + 1 * 0.125) / 4


def test_brier_loss_by_hand():
    assert brier_loss(COUNTS) == (0.125**2 + 0.25**2 + 0.625**2 + 0) / 4


def test_a_probability_on_an_edge_belongs_to_the_upper_bin_and_1_to_the_last():
    probability = np.array([0, 0.5, 1], np.float32)
    counts = histogram_inside(mask_true=np.zeros(3, bool), probability=probability, head=np.ones(3, bool))
    assert reliability(counts, bins=2).count.tolist() == [1, 2]
    assert reliability(counts, bins=1).count.tolist() == [3]


def test_without_pixels_every_score_is_undefined():
    empty = histogram_inside(mask_true=MASK_TRUE, probability=PROBABILITY, head=np.zeros_like(HEAD))
    table = reliability(empty)
    assert len(table.count) == 10
    assert np.isnan(table.observed).all()
    assert math.isnan(table.expected_calibration_error)
    assert math.isnan(brier_loss(empty))


def test_a_perfect_model_is_calibrated_and_a_wrong_one_is_not():
    for right, expected in ((True, 0), (False, 1)):
        certain = (right == MASK_TRUE).astype(np.float32)
        counts = histogram_inside(mask_true=MASK_TRUE, probability=certain, head=HEAD)
        assert (reliability(counts).expected_calibration_error, brier_loss(counts)) == (expected, expected)


def test_values_outside_the_head_are_ignored():
    """They do not count, and NaN there is not an error."""
    probability = np.where(HEAD, PROBABILITY, np.float32(math.nan))
    np.testing.assert_array_equal(histogram_inside(mask_true=MASK_TRUE, probability=probability, head=HEAD), COUNTS)


SHAPE = (4, 9)
# Values that are exact in float16, none of them on an edge of ten bins.
VALUES = st.integers(0, 1023).map(lambda k: (2 * k + 1) / 2048)


@settings(max_examples=40)  # scikit-learn takes long to check its arguments
@given(arrays(bool, SHAPE), arrays(np.float32, SHAPE, elements=VALUES), arrays(bool, SHAPE))
def test_agrees_with_scikit_learn(mask_true, probability, head):
    head[0, 0] = True
    counts = histogram_inside(mask_true=mask_true, probability=probability, head=head)
    table = reliability(counts)
    truth, predicted = mask_true[head], probability[head]
    observed, mean_probability = sklearn.calibration.calibration_curve(truth, predicted, n_bins=10, pos_label=True)
    used = table.count > 0  # scikit-learn leaves empty bins out
    np.testing.assert_allclose(table.observed[used], observed)
    np.testing.assert_allclose(table.mean_probability[used], mean_probability, rtol=1e-6)
    assert brier_loss(counts) == pytest.approx(
        sklearn.metrics.brier_score_loss(truth, predicted, pos_label=True, labels=[False, True])
    )
    weight = table.count[used] / table.count.sum()
    assert table.expected_calibration_error == pytest.approx((weight * np.abs(observed - mean_probability)).sum())


@given(arrays(bool, SHAPE), arrays(np.float32, SHAPE, elements=VALUES))
def test_law_counts_of_patients_add_up(mask_true, probability):
    head = np.ones(SHAPE, bool)
    parts = [
        histogram_inside(mask_true=mask_true[k], probability=probability[k], head=head[k]) for k in range(SHAPE[0])
    ]
    np.testing.assert_array_equal(sum(parts), histogram_inside(mask_true=mask_true, probability=probability, head=head))
    assert sum(parts).sum() == mask_true.size


@given(arrays(bool, SHAPE), arrays(np.float32, SHAPE, elements=VALUES), st.integers(1, 30))
def test_law_every_pixel_is_in_one_bin_and_means_lie_within_its_edges(mask_true, probability, bins):
    counts = histogram_inside(mask_true=mask_true, probability=probability, head=np.ones(SHAPE, bool))
    table = reliability(counts, bins=bins)
    assert table.count.sum() == mask_true.size
    used = table.count > 0
    assert ((table.mean_probability >= table.low - 1e-12) & (table.mean_probability <= table.high + 1e-12))[used].all()
    assert np.average(table.observed[used], weights=table.count[used]) == pytest.approx(mask_true.mean())


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"differ in shape: \(2, 3\), \(2, 3\) and \(1, 3\)"):
        histogram_inside(mask_true=MASK_TRUE, probability=PROBABILITY, head=HEAD[:1])
    with pytest.raises(ValueError, match="head: expected bool, found uint8"):
        histogram_inside(mask_true=MASK_TRUE, probability=PROBABILITY, head=HEAD.astype(np.uint8))
    with pytest.raises(ValueError, match="mask_true: expected bool, found float32"):
        histogram_inside(mask_true=PROBABILITY, probability=PROBABILITY, head=HEAD)
    for wrong in (math.nan, -0.1, 1.1):
        with pytest.raises(ValueError, match=r"expected values in \[0, 1\]"):
            histogram_inside(mask_true=MASK_TRUE, probability=np.full_like(PROBABILITY, wrong), head=HEAD)
    with pytest.raises(ValueError, match="bins: expected 1 or more, found 0"):
        reliability(np.zeros((2, BINS), np.int64), bins=0)
