"""Is a probability of 0.7 tumour in seven cases of ten: reliability, expected calibration error, Brier score.

All of it comes from counts of pixels inside the head, by truth and probability. Counts of patients add up, so that a
subset is pooled by a sum. The air around a head is left out, because it is right for nothing and would make every model
look well calibrated.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainseg.imaging.volume import BoolArray, FloatArray
from brainseg.metrics import probability as maps

VALUES = np.arange(maps.BINS, dtype=np.uint16).view(np.float16).astype(np.float64)  # what the columns stand for


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """What was promised and what came, in bins of probability of the same width; all arrays have the shape (K,).

    Attributes:
        low: float64, least probability of the bin.
        high: float64, probability at which the next bin starts; the last one holds 1 too.
        count: int64, pixels.
        mean_probability: float64, of the bin's pixels; NaN if it has none.
        observed: float64, share of the bin's pixels that are tumour; NaN if it has none.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    count: NDArray[np.int64]
    mean_probability: NDArray[np.float64]
    observed: NDArray[np.float64]

    @property
    def expected_calibration_error(self) -> float:
        """How far `observed` is from `mean_probability`, on average over pixels.

        In [0, 1], lower is better; NaN without pixels. Most pixels of a head are background that any model is sure of,
        so the value is small: compare it between models, and look at the bins.
        Source: Naeini et al. 2015, AAAI 29:2901-2907; Guo et al. 2017, arXiv:1706.04599.
        """
        pixels = int(self.count.sum())
        gaps = np.abs(self.observed - self.mean_probability)
        return float(np.nansum(self.count * gaps) / pixels) if pixels else math.nan


def histogram_inside(*, mask_true: BoolArray, probability: FloatArray, head: BoolArray) -> NDArray[np.int64]:
    """Count the pixels inside the head by truth and probability. Add them up.

    Args:
        mask_true: reference, any shape, bool, True = tumour.
        probability: same shape, float32, in [0, 1]; counted at float16's precision, as maps are stored.
        head: same shape, bool, True = inside the head.

    Returns:
        As `brainseg.metrics.probability.histogram`: shape (2, 15361), int64.

    Raises:
        ValueError: if the shapes differ, a dtype is wrong, or a value inside the head is outside [0, 1] or NaN.
    """
    if head.dtype != np.bool_:
        raise ValueError(f"head: expected bool, found {head.dtype}")
    if not mask_true.shape == probability.shape == head.shape:
        raise ValueError(
            f"mask_true, probability and head differ in shape: {mask_true.shape}, {probability.shape} and {head.shape}"
        )
    return maps.histogram(mask_true=mask_true[head], probability=probability[head])


def reliability(counts: NDArray[np.int64], *, bins: int = 10) -> Reliability:
    """The reliability table.

    Args:
        counts: what `histogram_inside` gives, or a sum of such.
        bins: how many; a probability on the border of two belongs to the upper one, as with a threshold.

    Returns:
        A row per bin, from 0 to 1.

    Raises:
        ValueError: if `bins` is below 1.

    Source: Murphy & Winkler 1977, J R Stat Soc C 26(1):41-47.
    """
    if bins < 1:
        raise ValueError(f"bins: expected 1 or more, found {bins}")
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], VALUES, side="right")
    pixels = counts.sum(axis=0)
    count = np.bincount(place, pixels, bins).astype(np.int64)
    some = np.where(count, count, math.nan)
    return Reliability(
        low=edges[:-1],
        high=edges[1:],
        count=count,
        mean_probability=np.bincount(place, pixels * VALUES, bins) / some,
        observed=np.bincount(place, counts[1], bins) / some,
    )


def brier_loss(counts: NDArray[np.int64]) -> float:
    """The Brier score: the mean squared distance of probability and truth. A loss by name, for lower is better.

    Args:
        counts: what `histogram_inside` gives, or a sum of such.

    Returns:
        In [0, 1]; NaN without pixels.

    Source: Brier 1950, Mon Weather Rev 78(1):1-3, for one event, half of what the paper's sum over two gives.
    """
    pixels = int(counts.sum())
    return float(counts[0] @ VALUES**2 + counts[1] @ (1 - VALUES) ** 2) / pixels if pixels else math.nan
