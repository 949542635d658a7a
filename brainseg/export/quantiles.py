"""Quantiles, and mean and deviation without outliers, in a graph."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from brainseg.imaging.preprocessing import NORMAL_QUARTILE, OUTLIER

QUARTILES = (0.25, 0.5, 0.75)
NOWHERE = 3e38  # instead of a grey level that does not count; above every one that does


def quantiles(ops: Any, values: Any, fractions: Sequence[float], count: Any) -> list[Any]:
    """Quantiles as `numpy.quantile` defines them.

    Args:
        ops: `keras.ops` or an `OnnxOps`.
        values: shape (N,), float32.
        fractions: the quantiles, ascending, numbers with at most two decimals.
        count: only the lowest so many values count, whole number from 1 to N.

    Returns:
        For each quantile, shape (), float32.
    """
    last = count - 1
    places = [_place(ops, fraction, last) for fraction in fractions]
    highest = ops.minimum(places[-1][0] + 1, last)
    descending, _ = ops.top_k(-values, highest + 1)  # values above the highest quantile need not be sorted
    found = []
    for index, share in places:
        low, high = ops.take(descending, index, axis=0), ops.take(descending, ops.minimum(index + 1, last), axis=0)
        found.append(-(low + share * (high - low)))
    return found


def _place(ops: Any, fraction: float, last: Any) -> tuple[Any, Any]:
    """The position of a quantile among sorted values: a whole number, and the share of the next one, float32.

    Float32 alone does not count beyond 16 million.
    """
    exact = Fraction(fraction).limit_denominator(100)
    rest = last % exact.denominator * exact.numerator
    index = last // exact.denominator * exact.numerator + rest // exact.denominator
    return index, ops.cast(rest % exact.denominator, "float32") / exact.denominator


def robust_zscore(ops: Any, values: Any) -> Any:
    """Mean and standard deviation without outliers, see `brainseg.imaging.preprocessing.robust_zscore`.

    Args:
        ops: `keras.ops` or an `OnnxOps`.
        values: grey levels of one sequence, shape (S, H, W), float32; `NOWHERE` where they do not count.

    Returns:
        Offset and scale, shape (2,), float32; 0 and 1 if none counts.
    """

    def total(terms: Any) -> Any:
        """The sum over all values: axis by axis, because a long sum in float32 is not exact."""
        return ops.sum(ops.sum(ops.sum(terms, axis=2), axis=1), axis=0)

    # No loop over the slices, which would save little: this is in a loop over the sequences, and in OpenVINO 2026.4 a
    # loop in it that reads the result of another reads freed memory, if the volume before had the same shape.
    number = total(ops.cast(values < NOWHERE, "float32"))
    count = ops.maximum(ops.cast(number, "int32"), 1)
    lower, median, upper = quantiles(ops, ops.reshape(values, (-1,)), QUARTILES, count)
    inlier = ops.abs(values - median) <= OUTLIER * (upper - lower) / (2 * NORMAL_QUARTILE)
    inliers = ops.maximum(total(ops.cast(inlier, "float32")), 1.0)

    def deviation(centre: Any) -> Any:
        """From the centre, 0 for outliers."""
        return ops.where(inlier, values - centre, 0.0)

    mean = median + total(deviation(median)) / inliers
    from_mean = deviation(mean)
    scale = ops.sqrt(total(from_mean * from_mean) / inliers)
    return ops.stack([ops.where(number > 0.0, mean, 0.0), ops.where(scale > 0.0, scale, 1.0)])
