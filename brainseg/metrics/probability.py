"""Scores of probability maps that need no threshold: losses, and the precision-recall curve."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainseg.imaging.volume import BoolArray, FloatArray

CLIP = 1e-7  # as in Keras: a wrong probability of exactly 0 or 1 costs 16.1 instead of infinity
BINS = 15361  # float16 values from 0 to 1; in ascending order, their bit patterns are 0 ... 15360


def binary_cross_entropy(*, mask_true: BoolArray, probability: FloatArray) -> float:
    """Mean binary cross-entropy over pixels.

    A map stored as float16 has rounded probabilities above 0.99976 to 1, so a wrong pixel there costs the full 16.1. On
    such maps, the value can be a little higher than the one Keras logs.

    Args:
        mask_true: reference, any shape, bool, True = tumour.
        probability: same shape, float32, in [0, 1]; the probability of the true class counts as at least 1e-7.

    Returns:
        A value in nats (natural logarithm), 0 or more, lower is better; NaN without pixels.

    Raises:
        ValueError: if the shapes differ, a dtype is wrong, or a value is outside [0, 1] or NaN.

    Source: Good 1952, J R Stat Soc B 14(1):107-114.
    """
    _check(mask_true, probability)
    if mask_true.size == 0:
        return float("nan")
    true_class = np.where(mask_true, probability, 1 - probability)
    return -float(np.log(np.clip(true_class, CLIP, 1)).mean(dtype=np.float64))


def soft_dice_loss(*, mask_true: BoolArray, probability: FloatArray) -> float:
    """One minus Dice with probabilities in place of the predicted mask, without smoothing.

    Args:
        mask_true: reference, any shape, bool, True = tumour.
        probability: same shape, float32, in [0, 1].

    Returns:
        A value in [0, 1], lower is better; NaN if the reference is empty and every probability is 0.

    Raises:
        ValueError: as for `binary_cross_entropy`.

    Source: Milletari et al. 2016, V-Net, arXiv:1606.04797, with sums instead of sums of squares in the denominator.
    """
    _check(mask_true, probability)
    total = np.count_nonzero(mask_true) + float(probability.sum(dtype=np.float64))
    overlap = float(probability.sum(where=mask_true, dtype=np.float64))
    return 1 - 2 * overlap / total if total else float("nan")


def histogram(*, mask_true: BoolArray, probability: FloatArray) -> NDArray[np.int64]:
    """Count pixels by reference and probability, with one bin per float16 value.

    Nothing is lost on maps that are stored as float16.

    Args:
        mask_true: reference, any shape, bool, True = tumour.
        probability: same shape, float32, in [0, 1].

    Returns:
        Counts, shape (2, 15361), int64: row 0 for pixels without tumour, row 1 for pixels with tumour; probability
        ascends from 0 to 1 along the columns. The counts of patients can be added.

    Raises:
        ValueError: as for `binary_cross_entropy`.
    """
    _check(mask_true, probability)
    # float16 has a -0.0 too; adding 0 turns it into 0.0, whose bit pattern is 0.
    bits = (probability.astype(np.float16) + np.float16(0)).view(np.uint16)
    tumour = np.bincount(bits[mask_true], minlength=BINS)
    return np.stack([np.bincount(bits.ravel(), minlength=BINS) - tumour, tumour])


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Precision, sensitivity and Dice at descending thresholds, all pixels pooled; arrays of shape (K,), float64.

    Attributes:
        threshold: `>=` is tumour; 1 or less, descending to the minimum probability that occurs.
        precision: in [0, 1], never NaN, because each threshold is a probability that occurs.
        sensitivity: in [0, 1], ascending to 1; NaN if there is no tumour.
        dice: in [0, 1].
    """

    threshold: NDArray[np.float64]
    precision: NDArray[np.float64]
    sensitivity: NDArray[np.float64]
    dice: NDArray[np.float64]


def precision_recall(counts: NDArray[np.int64], *, points: int = 200) -> Curve:
    """Compute precision and sensitivity at every threshold that makes a difference.

    Args:
        counts: a result of `histogram`, or a sum of several.
        points: maximum number of points, at least 2; spaced evenly along the curve, both ends included.

    Returns:
        The curve; its arrays are empty if `counts` contains no pixel.

    Source: Manning & Schuetze 1999, Foundations of Statistical NLP, section 8.1 (sensitivity is called recall there).
    """
    occurring = np.flatnonzero(counts.sum(axis=0))[::-1]
    tp = np.cumsum(counts[1, occurring])
    predicted = np.cumsum(counts[:, occurring].sum(axis=0))
    tumour = int(counts[1].sum())
    precision = tp / predicted
    sensitivity = tp / tumour if tumour else np.full(len(tp), math.nan)
    if len(occurring) > points:
        steps = np.abs(np.diff(precision)) + np.abs(np.diff(np.nan_to_num(sensitivity)))
        length = np.concatenate([[0.0], np.cumsum(steps)])
        keep = np.unique(np.searchsorted(length, np.linspace(0, length[-1], points)))
        keep[-1] = len(occurring) - 1
    else:
        keep = np.arange(len(occurring))
    threshold = occurring.astype(np.uint16).view(np.float16).astype(np.float64)
    dice = 2 * tp / (tumour + predicted)
    return Curve(threshold=threshold[keep], precision=precision[keep], sensitivity=sensitivity[keep], dice=dice[keep])


def _check(mask_true: BoolArray, probability: FloatArray) -> None:
    """Check that the arrays are a mask and a probability map of the same shape; raises ValueError."""
    if mask_true.dtype != np.bool_:
        raise ValueError(f"mask_true: expected bool, found {mask_true.dtype}")
    if not np.issubdtype(probability.dtype, np.floating):
        raise ValueError(f"probability: expected floating, found {probability.dtype}")
    if mask_true.shape != probability.shape:
        raise ValueError(f"mask_true and probability differ in shape: {mask_true.shape} and {probability.shape}")
    if not (probability.min(initial=1) >= 0 and probability.max(initial=0) <= 1):
        raise ValueError("probability: expected values in [0, 1], found others or NaN")
