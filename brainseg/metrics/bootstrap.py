"""Confidence intervals of means and medians over patients, by bootstrap resampling.

The resampled units are patients, never slices or pixels: those of one patient resemble each other and would make any
interval too narrow. The interval covers the choice of test patients. It covers neither the choice of training patients
nor the variation between training runs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Statistic = Literal["mean", "median"]
STATISTICS: dict[str, Callable[..., Any]] = {"mean": np.mean, "median": np.median}
SEED = 21  # of the project's intervals: the same for every score, so that all of them resample the same patients
LEVEL = 0.95  # fraction of the resamples inside the interval


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A statistic over patients with its 95 % percentile interval, in the unit of the values.

    Attributes:
        value: the statistic of the original patients; NaN if none has a value.
        ci_low: lower end; NaN with fewer than two patients, because one says nothing about others.
        ci_high: upper end, likewise.
        count: number of patients with a value.
        left_out: number of patients without, whose value is NaN.
    """

    value: float
    ci_low: float
    ci_high: float
    count: int
    left_out: int


def interval(
    values: ArrayLike, *, seed: int = SEED, statistic: Statistic = "mean", resamples: int = 10_000
) -> Interval:
    """Compute the mean or median over patients with its 95 % percentile interval.

    Args:
        values: shape (N,), one number per patient, NaN where undefined: left out and counted.
        seed: the same seed and values give the same interval.
        statistic: "mean" or "median".
        resamples: how often N patients are drawn with replacement; takes 16 bytes of memory per drawn patient.

    Returns:
        The interval. With few patients it is too narrow: with 10, it covers the true value in about 90 % of cases
        instead of 95 %.

    Raises:
        ValueError: if `values` does not have the shape (N,), a value is infinite, the statistic is unknown, or there
            are no resamples.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.3.
    """
    numbers = _per_patient("values", values)
    if statistic not in STATISTICS:
        raise ValueError(f"statistic: expected one of {', '.join(STATISTICS)}, found {statistic!r}")
    if resamples < 1:
        raise ValueError(f"resamples: expected 1 or more, found {resamples}")
    calculate = STATISTICS[statistic]
    known = numbers[~np.isnan(numbers)]
    value = float(calculate(known)) if len(known) else math.nan
    low = high = math.nan
    if len(known) > 1:
        drawn = np.random.default_rng(seed).integers(len(known), size=(resamples, len(known)))
        low, high = np.quantile(calculate(known[drawn], axis=1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
    return Interval(value=value, ci_low=low, ci_high=high, count=len(known), left_out=len(numbers) - len(known))


def paired_difference(
    *, values_a: ArrayLike, values_b: ArrayLike, seed: int = SEED, resamples: int = 10_000
) -> Interval:
    """Compute the mean difference of two models on the same patients, B minus A, with its 95 % percentile interval.

    Patients are resampled with both their values. What makes a patient hard for both models cancels out, so this
    interval is narrower than those of the two models suggest: they may overlap even if the difference is certain.

    Args:
        values_a: shape (N,), one number per patient from model A, NaN where undefined.
        values_b: shape (N,), from model B, the same patients in the same order.
        seed: as in `interval`.
        resamples: as in `interval`.

    Returns:
        The interval; above 0, B is higher. A patient without a value from one of the models is left out.

    Raises:
        ValueError: if the shapes differ, and as for `interval`.
    """
    a, b = _per_patient("values_a", values_a), _per_patient("values_b", values_b)
    if a.shape != b.shape:
        raise ValueError(f"values_a and values_b differ in shape: {a.shape} and {b.shape}")
    return interval(b - a, seed=seed, resamples=resamples)


def _per_patient(name: str, values: ArrayLike) -> NDArray[np.float64]:
    numbers = np.asarray(values, np.float64)
    if numbers.ndim != 1 or np.isinf(numbers).any():
        raise ValueError(f"{name}: expected shape (N,) without infinities, found {numbers.shape}, {numbers}")
    return numbers
