"""What probability maps are worth before a threshold makes masks of them: losses, and precision against sensitivity."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainseg.imaging.volume import BoolArray, FloatArray

CLIP = 1e-7  # as Keras does: a probability of exactly 0 or 1 that is wrong costs 16.1, not infinity
BINS = 15361  # float16 values from 0 to 1; their bit patterns are 0 ... 15360 in the same order


def binary_cross_entropy(*, mask_true: BoolArray, probability: FloatArray) -> float:
    """Mean binary cross-entropy over pixels.

    Maps that were stored as float16 round what is above 0.99976 to 1, so a wrong pixel there costs the full 16.1; on
    such maps the value can lie a little above the one Keras logs.

    Args:
        mask_true: reference, any shape, bool, True = tumour.
        probability: same shape, float32, in [0, 1]; what it gives to the truth counts as at least 1e-7.

    Returns:
        Natural-logarithm units, 0 or more, lower is better; NaN without pixels.

    Raises:
        ValueError: if the shapes differ, a dtype is wrong, or a value is outside [0, 1] or NaN.

    Source: Good 1952, J R Stat Soc B 14(1):107-114.
    """
    _check(mask_true, probability)
    if mask_true.size == 0:
        return float("nan")
    given_to_truth = np.where(mask_true, probability, 1 - probability)
    return -float(np.log(np.clip(given_to_truth, CLIP, 1)).mean(dtype=np.float64))


def soft_dice_loss(*, mask_true: BoolArray, probability: FloatArray) -> float:
    """One minus Dice with probabilities in place of the predicted mask, unsmoothed.

    Args:
        mask_true: reference, any shape, bool, True = tumour.
        probability: same shape, float32, in [0, 1].

    Returns:
        In [0, 1], lower is better; NaN if the reference is empty and every probability is 0.

    Raises:
        ValueError: as `binary_cross_entropy`.

    Source: Milletari et al. 2016, V-Net, arXiv:1606.04797, with sums instead of sums of squares in the denominator.
    """
    _check(mask_true, probability)
    total = np.count_nonzero(mask_true) + float(probability.sum(dtype=np.float64))
    overlap = float(probability.sum(where=mask_true, dtype=np.float64))
    return 1 - 2 * overlap / total if total else float("nan")


def histogram(*, mask_true: BoolArray, probability: FloatArray) -> NDArray[np.int64]:
    """Count pixels by truth and probability, a bin for each float16 value: exact for maps stored so. Add them up.

    Args:
        mask_true: reference, any shape, bool, True = tumour.
        probability: same shape, float32, in [0, 1].

    Returns:
        Shape (2, 15361), int64: row 0 counts pixels without tumour, row 1 pixels with; columns from 0 to 1.

    Raises:
        ValueError: as `binary_cross_entropy`.
    """
    _check(mask_true, probability)
    # -0.0 is a float16 too; adding 0 makes it 0, whose bit pattern is the first.
    bits = (probability.astype(np.float16) + np.float16(0)).view(np.uint16)
    tumour = np.bincount(bits[mask_true], minlength=BINS)
    return np.stack([np.bincount(bits.ravel(), minlength=BINS) - tumour, tumour])


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Scores of pixels pooled, at falling thresholds; all arrays have the same shape (K,), float64.

    Attributes:
        threshold: `>=` is tumour; 1 or less, falling to the least probability that occurs.
        precision: in [0, 1], never NaN: each threshold is a probability that occurs.
        sensitivity: in [0, 1], rising to 1; NaN if there is no tumour.
        dice: in [0, 1].
    """

    threshold: NDArray[np.float64]
    precision: NDArray[np.float64]
    sensitivity: NDArray[np.float64]
    dice: NDArray[np.float64]


def precision_recall(counts: NDArray[np.int64], *, points: int = 200) -> Curve:
    """Precision and sensitivity at every threshold that matters.

    Args:
        counts: what `histogram` gives, or a sum of such.
        points: the most that are kept, spread evenly along the curve, both ends included; at least 2.

    Returns:
        The curve; its arrays are empty if `counts` holds no pixel.

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
    """Refuse what is no mask, no probability map, or not a pair; raises ValueError."""
    if mask_true.dtype != np.bool_:
        raise ValueError(f"mask_true: expected bool, found {mask_true.dtype}")
    if not np.issubdtype(probability.dtype, np.floating):
        raise ValueError(f"probability: expected floating, found {probability.dtype}")
    if mask_true.shape != probability.shape:
        raise ValueError(f"mask_true and probability differ in shape: {mask_true.shape} and {probability.shape}")
    if not (probability.min(initial=1) >= 0 and probability.max(initial=0) <= 1):
        raise ValueError("probability: expected values in [0, 1], found others or NaN")
