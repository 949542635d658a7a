"""Losses and metrics, compared with values calculated by hand."""

import keras
import numpy as np
import pytest

from brainseg.training.losses import (
    PooledDice,
    accuracy,
    bce_dice_loss,
    deep_supervision_loss,
    loss_from_name,
    soft_dice_loss,
)

MASK = np.array([1, 1, 0, 0], np.float32).reshape(1, 2, 2, 1)
PROBABILITY = np.array([1, 0.5, 0.5, 0], np.float32).reshape(1, 2, 2, 1)


def test_soft_dice_of_a_drawn_mask() -> None:
    # overlap 1.5, sums 2 and 2: 1 - (3 + 1) / (4 + 1)
    assert float(soft_dice_loss(MASK, PROBABILITY)) == pytest.approx(0.2)


def test_soft_dice_of_a_perfect_and_of_an_empty_mask_is_0() -> None:
    assert float(soft_dice_loss(MASK, MASK)) == pytest.approx(0)
    assert float(soft_dice_loss(0 * MASK, 0 * MASK)) == pytest.approx(0)


def test_bce_dice_is_the_sum() -> None:
    entropy = -np.log(0.5) / 2  # two of four pixels at 0.5, two certain and correct
    assert float(bce_dice_loss(MASK, PROBABILITY)) == pytest.approx(entropy + 0.2, abs=1e-5)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "soft_dice", "bce_dice"])
def test_a_better_prediction_has_a_lower_loss(name: str) -> None:
    loss = keras.losses.get(loss_from_name(name))
    worse = 1 - PROBABILITY
    assert float(np.mean(loss(MASK, PROBABILITY))) < float(np.mean(loss(MASK, worse)))


def test_pooled_dice_sums_over_batches_and_includes_the_threshold() -> None:
    metric = PooledDice()
    assert float(metric.result()) == 0
    metric.update_state(MASK, PROBABILITY)  # 0.5 is tumour: TP 2, FP 1, FN 0
    metric.update_state(MASK, 0 * PROBABILITY)  # FN 2
    assert float(metric.result()) == pytest.approx(2 * 2 / (2 * 2 + 1 + 2))


@pytest.mark.parametrize("name", ["binary_cross_entropy", "soft_dice", "bce_dice"])
def test_each_lower_resolution_weighs_half(name: str) -> None:
    loss = loss_from_name(name)
    outputs = [PROBABILITY, 0.2 + 0.5 * PROBABILITY, 1 - PROBABILITY]
    found = deep_supervision_loss(loss)(MASK, np.concatenate(outputs, axis=-1))
    losses = [np.mean(loss(MASK, output)) for output in outputs]
    assert float(np.mean(found)) == pytest.approx((4 * losses[0] + 2 * losses[1] + losses[2]) / 7, rel=1e-5)


def test_metrics_use_the_output_at_full_resolution() -> None:
    outputs = np.concatenate([PROBABILITY, 1 - PROBABILITY], axis=-1)
    found, expected = PooledDice(), PooledDice()
    found.update_state(MASK, outputs)
    expected.update_state(MASK, PROBABILITY)
    assert float(found.result()) == float(expected.result()) > 0
    assert float(np.mean(accuracy(MASK, outputs))) == pytest.approx(0.75)  # 0.5 is not above 0.5
