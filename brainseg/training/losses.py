"""What training makes small, and the Dice it watches; on probabilities, in any Keras backend."""

from collections.abc import Callable
from typing import Any, Literal

import keras
from keras import ops

Loss = Callable[[Any, Any], Any]
SMOOTH = 1.0  # pixels; keeps soft Dice defined where a batch holds no tumour


def soft_dice_loss(mask_true: Any, probability: Any) -> Any:
    """One minus the Dice of probabilities, pooled over the batch, so that slices without tumour count too.

    Args:
        mask_true: shape (N, H, W, 1), 0 or 1.
        probability: same shape, in [0, 1].

    Returns:
        A scalar in [0, 1].

    Source: Milletari et al. 2016, V-Net, arXiv:1606.04797, with sums instead of sums of squares in the denominator.
    """
    mask_true = ops.cast(mask_true, probability.dtype)
    overlap = ops.sum(mask_true * probability)
    return 1 - (2 * overlap + SMOOTH) / (ops.sum(mask_true) + ops.sum(probability) + SMOOTH)


def bce_dice_loss(mask_true: Any, probability: Any) -> Any:
    """Mean binary cross-entropy plus soft Dice loss; arguments as in `soft_dice_loss`."""
    return ops.mean(keras.losses.binary_crossentropy(mask_true, probability)) + soft_dice_loss(mask_true, probability)


def loss_from_name(name: Literal["binary_cross_entropy", "soft_dice", "bce_dice"]) -> Loss:
    """What `Model.compile` takes for a loss of params.yaml."""
    losses: dict[str, Loss] = {
        "binary_cross_entropy": keras.losses.binary_crossentropy,
        "soft_dice": soft_dice_loss,
        "bce_dice": bce_dice_loss,
    }
    return losses[name]


def deep_supervision_loss(loss: Loss) -> Loss:
    """A loss for `brainseg.training.deep_supervision.with_deep_supervision`: each grid weighs half as much as the next finer one.

    Args:
        loss: of a mask and a probability, shape (N, H, W, 1) both.

    Returns:
        Their weighted mean, of a mask, shape (N, H, W, 1), and probabilities, shape (N, H, W, grids), finest first.

    Source of the weights: nnU-Net, Isensee et al. 2021, Nature Methods 18:203-211.
    """

    def weighted(mask_true: Any, probability: Any) -> Any:
        weights = [0.5**grid for grid in range(probability.shape[-1])]
        losses = [loss(mask_true, probability[..., grid : grid + 1]) for grid in range(len(weights))]
        return sum(weight * one for weight, one in zip(weights, losses, strict=True)) / sum(weights)

    return weighted


def accuracy(mask_true: Any, probability: Any) -> Any:
    """BatchShard of pixels on the right side of 0.5 on the finest grid; shapes as in `deep_supervision_loss`, result (N, H, W)."""
    return keras.metrics.binary_accuracy(mask_true, probability[..., :1])


class PooledDice(keras.metrics.Metric):
    """Dice of all pixels of an epoch together, at threshold 0.5; NaN-free: 0 without any tumour, true or predicted.

    Where there are several grids, of the finest.

    A watch on training only: the scores that are reported are of patients (brainseg.evaluation.summary).
    """

    def __init__(self, name: str = "dice", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.overlap = self.add_weight(name="overlap", initializer="zeros")
        self.pixels = self.add_weight(name="pixels", initializer="zeros")

    def update_state(self, mask_true: Any, probability: Any, sample_weight: Any = None) -> None:  # noqa: ARG002
        """Count a batch; shapes (N, H, W, 1) and (N, H, W, grids)."""
        mask_true = ops.cast(mask_true, "float32")
        mask_pred = ops.cast(probability[..., :1] >= 0.5, "float32")
        self.overlap.assign_add(ops.sum(mask_true * mask_pred))
        self.pixels.assign_add(ops.sum(mask_true) + ops.sum(mask_pred))

    def result(self) -> Any:
        """2TP / (2TP + FP + FN)."""
        return ops.divide_no_nan(2 * self.overlap, self.pixels)
