"""Quantiles, and mean and deviation without outliers, in a graph."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from brainseg.imaging.preprocessing import NORMAL_QUARTILE, OUTLIER

QUARTILES = (0.25, 0.5, 0.75)
LARGEST = 3e38  # above every grey level


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


def robust_zscore(ops: Any, values: Any, chosen: Any) -> tuple[Any, Any]:
    """Mean and standard deviation without outliers, see `brainseg.imaging.preprocessing.robust_zscore`.

    Args:
        ops: `keras.ops` or an `OnnxOps`.
        values: grey levels of one sequence, shape (S, H, W), float32.
        chosen: 1 where they count, else 0, same shape, float32.

    Returns:
        Offset and scale, shape (), float32; 0 and 1 if none counts.
    """
    number = _total(ops, chosen)
    known = ops.reshape(ops.where(chosen > 0.0, values, LARGEST), (-1,))
    lower, median, upper = quantiles(ops, known, QUARTILES, ops.maximum(ops.cast(number, "int32"), 1))
    centred = values - median
    inlier = ops.cast(ops.abs(centred) <= OUTLIER * (upper - lower) / (2 * NORMAL_QUARTILE), "float32") * chosen
    inliers = ops.maximum(_total(ops, inlier), 1.0)
    centred = centred * inlier
    shift = _total(ops, centred) / inliers
    deviations = (centred - shift) * inlier
    scale = ops.sqrt(_total(ops, deviations * deviations) / inliers)
    return ops.where(number > 0.0, median + shift, 0.0), ops.where(scale > 0.0, scale, 1.0)


def _total(ops: Any, values: Any) -> Any:
    """The sum of all values, shape (S, H, W) -> (): axis by axis, because a long sum in float32 is not exact."""
    return ops.sum(ops.sum(ops.sum(values, axis=2), axis=1), axis=0)
