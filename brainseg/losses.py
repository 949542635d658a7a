"""What training makes small, and the Dice it watches; on probabilities, in any Keras backend."""

from collections.abc import Callable
from typing import Any, Literal

import keras
from keras import ops

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


def both_losses(mask_true: Any, probability: Any) -> Any:
    """Mean binary cross-entropy plus soft Dice loss; arguments as in `soft_dice_loss`."""
    return ops.mean(keras.losses.binary_crossentropy(mask_true, probability)) + soft_dice_loss(mask_true, probability)


def loss_named(name: Literal["binary_cross_entropy", "soft_dice", "both"]) -> str | Callable[[Any, Any], Any]:
    """What `Model.compile` takes for a loss of params.yaml."""
    losses: dict[str, str | Callable[[Any, Any], Any]] = {
        "binary_cross_entropy": "binary_crossentropy",
        "soft_dice": soft_dice_loss,
        "both": both_losses,
    }
    return losses[name]


class PooledDice(keras.metrics.Metric):
    """Dice of all pixels of an epoch together, at threshold 0.5; NaN-free: 0 without any tumour, true or predicted.

    A watch on training only: the scores that are reported are of patients (brainseg.evaluation).
    """

    def __init__(self, name: str = "dice", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.overlap = self.add_weight(name="overlap", initializer="zeros")
        self.pixels = self.add_weight(name="pixels", initializer="zeros")

    def update_state(self, mask_true: Any, probability: Any, sample_weight: Any = None) -> None:  # noqa: ARG002
        """Count a batch; shapes (N, H, W, 1)."""
        mask_true = ops.cast(mask_true, "float32")
        mask_pred = ops.cast(probability >= 0.5, "float32")
        self.overlap.assign_add(ops.sum(mask_true * mask_pred))
        self.pixels.assign_add(ops.sum(mask_true) + ops.sum(mask_pred))

    def result(self) -> Any:
        """2TP / (2TP + FP + FN)."""
        return ops.divide_no_nan(2 * self.overlap, self.pixels)
