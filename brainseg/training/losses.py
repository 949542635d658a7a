"""Losses, and the metrics that are monitored during training; on probabilities, in any Keras backend."""

from collections.abc import Callable
from typing import Any, Literal

import keras
from keras import ops

Loss = Callable[[Any, Any], Any]
SMOOTH = 1.0  # pixels; keeps soft Dice defined for batches without tumour


def soft_dice_loss(mask_true: Any, probability: Any) -> Any:
    """One minus the soft Dice of a whole batch; pooling over the batch makes slices without tumour count too.

    Args:
        mask_true: shape (N, H, W, 1), 0 or 1.
        probability: same shape, in [0, 1].

    Returns:
        A scalar in [0, 1].

    Source: Milletari et al. 2016, V-Net, arXiv:1606.04797, but with sums instead of sums of squares in the denominator.
    """
    mask_true = ops.cast(mask_true, probability.dtype)
    overlap = ops.sum(mask_true * probability)
    return 1 - (2 * overlap + SMOOTH) / (ops.sum(mask_true) + ops.sum(probability) + SMOOTH)


def bce_dice_loss(mask_true: Any, probability: Any) -> Any:
    """Mean binary cross-entropy plus `soft_dice_loss`, with the same arguments; a scalar."""
    return ops.mean(keras.losses.binary_crossentropy(mask_true, probability)) + soft_dice_loss(mask_true, probability)


def loss_from_name(name: Literal["binary_cross_entropy", "soft_dice", "bce_dice"]) -> Loss:
    """The loss function for a value of train.loss in params.yaml."""
    losses: dict[str, Loss] = {
        "binary_cross_entropy": keras.losses.binary_crossentropy,
        "soft_dice": soft_dice_loss,
        "bce_dice": bce_dice_loss,
    }
    return losses[name]


def deep_supervision_loss(loss: Loss) -> Loss:
    """Apply a loss to each output of `brainseg.training.deep_supervision.with_deep_supervision`, and average.

    Each output weighs half as much as the one at the next higher resolution.

    Args:
        loss: of a mask and a probability, both of shape (N, H, W, 1).

    Returns:
        The weighted mean of the losses of a mask, shape (N, H, W, 1), and probabilities, shape (N, H, W, outputs),
        highest resolution first.

    Source: Isensee et al. 2021, nnU-Net, Nature Methods 18:203-211, for the weights.
    """

    def weighted_mean(mask_true: Any, probability: Any) -> Any:
        weights = [0.5**output for output in range(probability.shape[-1])]
        losses = [loss(mask_true, probability[..., output : output + 1]) for output in range(len(weights))]
        return sum(weight * value for weight, value in zip(weights, losses, strict=True)) / sum(weights)

    return weighted_mean


def accuracy(mask_true: Any, probability: Any) -> Any:
    """Binary accuracy of each pixel at threshold 0.5, at full resolution.

    Args:
        mask_true: shape (N, H, W, 1), 0 or 1.
        probability: shape (N, H, W, outputs), in [0, 1]; the first output is used.

    Returns:
        Shape (N, H, W), 0 or 1, which Keras averages.
    """
    return keras.metrics.binary_accuracy(mask_true, probability[..., :1])


class PooledDice(keras.metrics.Metric):
    """Dice over all pixels of an epoch together, at threshold 0.5; 0 if there is no tumour, true or predicted.

    With deep supervision, it is that of the full resolution. It only monitors training: reported scores are per patient
    (brainseg.evaluation.summary).
    """

    def __init__(self, name: str = "dice", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.overlap = self.add_weight(name="overlap", initializer="zeros")
        self.pixels = self.add_weight(name="pixels", initializer="zeros")

    def update_state(self, mask_true: Any, probability: Any, sample_weight: Any = None) -> None:  # noqa: ARG002
        """Add a batch; shapes as in `accuracy`."""
        mask_true = ops.cast(mask_true, "float32")
        mask_pred = ops.cast(probability[..., :1] >= 0.5, "float32")
        self.overlap.assign_add(ops.sum(mask_true * mask_pred))
        self.pixels.assign_add(ops.sum(mask_true) + ops.sum(mask_pred))

    def result(self) -> Any:
        """2TP / (2TP + FP + FN)."""
        return ops.divide_no_nan(2 * self.overlap, self.pixels)
