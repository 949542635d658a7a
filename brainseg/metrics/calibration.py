"""Calibration of probabilities: reliability table, expected calibration error, Brier score.

A model is calibrated if, of the pixels with a probability of 0.7, 70 % are tumour. All scores come from counts of the
pixels inside the head by reference and probability. The counts of patients can be added, which pools a subset. The air
around the head is left out: every model is right there, and would look well calibrated.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainseg.imaging.volume import BoolArray, FloatArray
from brainseg.metrics import probability as maps

# The probability of each column of a histogram.
VALUES = np.arange(maps.BINS, dtype=np.uint16).view(np.float16).astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Mean predicted probability and observed tumour frequency per bin; all arrays have the shape (K,).

    The bins divide [0, 1] into K equal parts.

    Attributes:
        low: float64, lower edge of the bin, inclusive.
        high: float64, upper edge of the bin, exclusive except for the last bin, which includes 1.
        count: int64, number of pixels.
        mean_probability: float64, mean probability of the bin's pixels; NaN if it has none.
        observed: float64, fraction of the bin's pixels that are tumour; NaN if it has none.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    count: NDArray[np.int64]
    mean_probability: NDArray[np.float64]
    observed: NDArray[np.float64]

    @property
    def expected_calibration_error(self) -> float:
        """Mean absolute difference of `observed` and `mean_probability`, weighted by the pixels of the bins.

        In [0, 1], lower is better; NaN without pixels. Most pixels of a head are background that any model is sure of,
        so the value is small: compare it between models, and look at the bins.
        Source: Naeini et al. 2015, AAAI 29:2901-2907; Guo et al. 2017, arXiv:1706.04599.
        """
        pixels = int(self.count.sum())
        gaps = np.abs(self.observed - self.mean_probability)
        return float(np.nansum(self.count * gaps) / pixels) if pixels else math.nan


def histogram_inside(*, mask_true: BoolArray, probability: FloatArray, head: BoolArray) -> NDArray[np.int64]:
    """Count the pixels inside the head by reference and probability.

    Args:
        mask_true: reference, any shape, bool, True = tumour.
        probability: same shape, float32, in [0, 1]; rounded to float16, in which maps are stored.
        head: same shape, bool, True = inside the head.

    Returns:
        Counts, as returned by `brainseg.metrics.probability.histogram`, shape (2, 15361), int64. The counts of
        patients can be added.

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
    """Compute the reliability table.

    Args:
        counts: a result of `histogram_inside`, or a sum of several.
        bins: number of bins. A probability on the edge between two bins belongs to the upper one, just as one equal to
            a threshold is tumour.

    Returns:
        The table, one entry per bin, from 0 to 1.

    Raises:
        ValueError: if `bins` is below 1.

    Source: Murphy & Winkler 1977, J R Stat Soc C 26(1):41-47.
    """
    if bins < 1:
        raise ValueError(f"bins: expected 1 or more, found {bins}")
    edges = np.linspace(0, 1, bins + 1)
    bin_of_value = np.searchsorted(edges[1:-1], VALUES, side="right")
    pixels = counts.sum(axis=0)
    count = np.bincount(bin_of_value, pixels, bins).astype(np.int64)
    divisor = np.where(count, count, math.nan)
    return Reliability(
        low=edges[:-1],
        high=edges[1:],
        count=count,
        mean_probability=np.bincount(bin_of_value, pixels * VALUES, bins) / divisor,
        observed=np.bincount(bin_of_value, counts[1], bins) / divisor,
    )


def brier_loss(counts: NDArray[np.int64]) -> float:
    """Brier score: the mean squared difference of probability and reference. Named a loss because lower is better.

    Args:
        counts: a result of `histogram_inside`, or a sum of several.

    Returns:
        A value in [0, 1]; NaN without pixels.

    Source: Brier 1950, Mon Weather Rev 78(1):1-3; there the sum over both classes, which is twice this value.
    """
    pixels = int(counts.sum())
    return float(counts[0] @ VALUES**2 + counts[1] @ (1 - VALUES) ** 2) / pixels if pixels else math.nan
