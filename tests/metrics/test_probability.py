"""Losses and curves of probability maps: cases computed by hand, and scikit-learn."""

import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from brainseg.metrics import overlap
from brainseg.metrics.probability import BINS, binary_cross_entropy, histogram, precision_recall, soft_dice_loss

MASK_TRUE = np.array([[True, True], [False, False]])
PROBABILITY = np.array([[0.5, 1.0], [0.25, 0.0]], np.float32)


def test_binary_cross_entropy_by_hand():
    expected = -(math.log(0.5) + math.log(1) + math.log(0.75) + math.log(1)) / 4
    assert binary_cross_entropy(mask_true=MASK_TRUE, probability=PROBABILITY) == pytest.approx(expected, rel=1e-6)


def test_a_certain_mistake_costs_as_much_as_in_keras():
    certain = np.array([1.0], np.float32)
    loss = binary_cross_entropy(mask_true=np.array([False]), probability=certain)
    assert loss == pytest.approx(-math.log(1e-7), rel=1e-5)
    assert binary_cross_entropy(mask_true=np.array([True]), probability=1 - certain) == pytest.approx(loss)


def test_soft_dice_loss_by_hand():
    expected = 1 - 2 * 1.5 / (2 + 1.75)
    assert soft_dice_loss(mask_true=MASK_TRUE, probability=PROBABILITY) == pytest.approx(expected)


def test_soft_dice_loss_of_a_binary_map_is_one_minus_dice():
    mask_pred = np.array([[True, False], [True, False]])
    loss = soft_dice_loss(mask_true=MASK_TRUE, probability=mask_pred.astype(np.float32))
    assert loss == 1 - overlap.count(mask_true=MASK_TRUE, mask_pred=mask_pred).dice


def test_undefined_losses():
    zeros = np.zeros((2, 2), np.float32)
    assert math.isnan(soft_dice_loss(mask_true=zeros.astype(bool), probability=zeros))
    assert math.isnan(binary_cross_entropy(mask_true=np.zeros(0, bool), probability=np.zeros(0, np.float32)))


@pytest.mark.parametrize("function", [binary_cross_entropy, soft_dice_loss, histogram])
def test_bad_pairs_are_refused(function):
    with pytest.raises(ValueError, match="differ in shape"):
        function(mask_true=MASK_TRUE, probability=PROBABILITY[:1])
    with pytest.raises(ValueError, match="mask_true: expected bool, found float32"):
        function(mask_true=MASK_TRUE.astype(np.float32), probability=PROBABILITY)
    with pytest.raises(ValueError, match="probability: expected floating, found bool"):
        function(mask_true=MASK_TRUE, probability=MASK_TRUE)
    for wrong in (math.nan, -0.1, 1.1):
        with pytest.raises(ValueError, match=r"expected values in \[0, 1\]"):
            function(mask_true=MASK_TRUE, probability=np.where(MASK_TRUE, PROBABILITY, np.float32(wrong)))


# Values that are exact in float16, the smallest and the largest among them; -0.0 is a probability too.
VALUES = st.sampled_from([-0.0, 0.0, 2.0**-24, 0.125, 0.25, 0.5, 0.75, 1 - 2.0**-11, 1.0])
SHAPE = (3, 5)


@given(arrays(bool, SHAPE), arrays(np.float32, SHAPE, elements=VALUES))
def test_curve_agrees_with_counting_and_with_scikit_learn(mask_true, probability):
    curve = precision_recall(histogram(mask_true=mask_true, probability=probability))
    assert set(curve.threshold) == set(np.abs(probability).ravel().tolist())
    for k, threshold in enumerate(curve.threshold):
        counts = overlap.count(mask_true=mask_true, mask_pred=probability >= threshold)
        assert curve.precision[k] == counts.precision
        assert curve.dice[k] == counts.dice
        assert curve.sensitivity[k] == pytest.approx(counts.sensitivity, abs=0, nan_ok=True)
    if mask_true.any():
        precision, sensitivity, threshold = sklearn.metrics.precision_recall_curve(
            mask_true.ravel(), np.abs(probability).ravel()
        )
        np.testing.assert_array_equal(curve.threshold[::-1], threshold)
        np.testing.assert_allclose(curve.precision[::-1], precision[:-1])
        np.testing.assert_allclose(curve.sensitivity[::-1], sensitivity[:-1])


def test_histograms_add_up():
    whole = histogram(mask_true=MASK_TRUE, probability=PROBABILITY)
    parts = sum(histogram(mask_true=MASK_TRUE[k], probability=PROBABILITY[k]) for k in range(2))
    assert whole.shape == (2, BINS)
    np.testing.assert_array_equal(whole, parts)
    np.testing.assert_array_equal(whole.sum(axis=1), [2, 2])


def test_a_long_curve_keeps_its_ends_and_its_shape():
    random = np.random.default_rng(3)
    mask_true = random.random((50, 400)) < 0.1
    probability = np.clip(random.normal(np.where(mask_true, 0.7, 0.3), 0.2), 0, 1).astype(np.float16)
    counts = histogram(mask_true=mask_true, probability=probability.astype(np.float32))
    full, thinned = precision_recall(counts, points=BINS), precision_recall(counts, points=200)
    assert len(full.threshold) > 2000
    assert 150 <= len(thinned.threshold) <= 200
    assert (thinned.threshold[0], thinned.threshold[-1]) == (full.threshold[0], full.threshold[-1])
    assert thinned.sensitivity[-1] == 1
    redrawn = np.interp(full.sensitivity, thinned.sensitivity, thinned.precision)
    beyond_noise = full.sensitivity > 0.05
    assert np.abs(redrawn - full.precision)[beyond_noise].max() < 0.02


def test_the_curve_without_pixels_is_empty():
    assert len(precision_recall(np.zeros((2, BINS), np.int64)).threshold) == 0
