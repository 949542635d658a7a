"""Bootstrap: values for few patients, laws, the coverage of 95 % intervals, and SciPy's bootstrap."""

import math
from dataclasses import astuple

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from brainseg.metrics.bootstrap import Interval, interval, paired_difference

PATIENTS = np.random.default_rng(2).beta(6, 1.5, 110)
NAN = math.nan


def is_interval(found, *expected):
    """Compare an interval with (value, ci_low, ci_high, count, left_out)."""
    return astuple(found) == pytest.approx(expected, abs=0, nan_ok=True)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([], (NAN, NAN, NAN, 0, 0), id="no patients: undefined"),
        pytest.param([NAN, NAN], (NAN, NAN, NAN, 0, 2), id="no patient with a value: all left out"),
        pytest.param([0.8], (0.8, NAN, NAN, 1, 0), id="one patient: no interval"),
        pytest.param([NAN, 0.8], (0.8, NAN, NAN, 1, 1), id="one patient with a value: no interval"),
        pytest.param([0.5, 0.5, NAN], (0.5, 0.5, 0.5, 2, 1), id="equal values: an interval of width 0"),
    ],
)
@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_few_patients(values, expected, statistic):
    assert is_interval(interval(values, seed=1, statistic=statistic), *expected)
    if statistic == "mean":
        zeros = np.zeros(len(values))
        assert is_interval(paired_difference(values_a=zeros, values_b=values, seed=1), *expected)


def test_two_patients_by_hand():
    """A quarter of the resamples contain the first patient twice, and a quarter the second."""
    assert is_interval(interval([0.0, 1.0], seed=1), 0.5, 0, 1, 2, 0)


@pytest.mark.parametrize("statistic", ["mean", "median"])
@pytest.mark.parametrize("count", [10, 17, 110])
def test_agrees_with_scipy(count, statistic):
    """The method is the same and the resamples differ, so the ends differ by the noise of 10,000 resamples."""
    values = PATIENTS[:count]
    ours = interval(values, seed=3, statistic=statistic)
    theirs = scipy.stats.bootstrap(
        (values,), getattr(np, statistic), method="percentile", n_resamples=10_000, rng=np.random.default_rng(4)
    ).confidence_interval
    assert ours.value == getattr(np, statistic)(values)
    width = theirs.high - theirs.low
    assert (ours.ci_low, ours.ci_high) == pytest.approx((theirs.low, theirs.high), abs=0.1 * width)


def test_agrees_with_scipy_on_a_paired_difference():
    other = np.clip(PATIENTS + np.random.default_rng(5).normal(0.02, 0.05, 110), 0, 1)
    ours = paired_difference(values_a=PATIENTS, values_b=other, seed=3)
    theirs = scipy.stats.bootstrap(
        (PATIENTS, other),
        lambda a, b, axis: b.mean(axis) - a.mean(axis),
        paired=True,
        method="percentile",
        n_resamples=10_000,
        rng=np.random.default_rng(4),
    ).confidence_interval
    assert ours.value == pytest.approx(other.mean() - PATIENTS.mean())
    width = theirs.high - theirs.low
    assert (ours.ci_low, ours.ci_high) == pytest.approx((theirs.low, theirs.high), abs=0.1 * width)


def test_intervals_of_60_patients_cover_the_true_mean_in_95_percent_of_samples():
    """400 samples, within what chance allows. Intervals of 10 patients cover it less often."""
    rng = np.random.default_rng(6)
    covered = {}
    for count in (10, 60):
        samples = [interval(rng.normal(size=count), seed=k, resamples=1000) for k in range(400)]
        covered[count] = np.mean([sample.ci_low <= 0 <= sample.ci_high for sample in samples])
    assert 0.92 <= covered[60] <= 0.97
    assert 0.86 <= covered[10] <= 0.93


def test_paired_difference_is_more_sensitive_than_two_intervals():
    """Model B is a little better on every patient: the two intervals overlap, that of the difference is above 0."""
    better = PATIENTS + np.random.default_rng(7).normal(0.01, 0.01, 110)
    model_a, model_b = interval(PATIENTS, seed=1), interval(better, seed=1)
    assert model_b.ci_low < model_a.ci_high
    assert paired_difference(values_a=PATIENTS, values_b=better, seed=1).ci_low > 0


def test_a_patient_without_a_value_from_either_model_is_left_out():
    found = paired_difference(values_a=[0.1, NAN, 0.3, 0.2], values_b=[0.2, 0.5, NAN, 0.4], seed=1)
    assert (found.count, found.left_out) == (2, 2)
    assert found.value == pytest.approx(0.15)


def test_same_seed_same_interval():
    assert interval(PATIENTS, seed=1) == interval(PATIENTS, seed=1) != interval(PATIENTS, seed=2)


VALUES = st.lists(st.floats(0, 1) | st.just(NAN), max_size=12)
FEW = {"seed": 1, "resamples": 200}


@given(VALUES, st.sampled_from(["mean", "median"]))
def test_law_the_ends_lie_within_the_values(values, statistic):
    found = interval(values, statistic=statistic, **FEW)
    assert found.count + found.left_out == len(values)
    if found.count > 1:
        assert np.nanmin(values) - 1e-12 <= found.ci_low <= found.ci_high <= np.nanmax(values) + 1e-12


@given(VALUES)
def test_law_patients_without_a_value_change_only_their_count(values):
    known = interval([value for value in values if not math.isnan(value)], **FEW)
    found = interval(values, **FEW)
    expected = Interval(**{**vars(known), "left_out": len(values) - known.count})
    assert is_interval(found, *astuple(expected))


@given(VALUES)
def test_law_a_model_does_not_differ_from_itself(values):
    found = paired_difference(values_a=values, values_b=values, **FEW)
    if found.count > 1:
        assert (found.value, found.ci_low, found.ci_high) == (0, 0, 0)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=12))
def test_law_swapping_the_models_negates_the_interval(pairs):
    values_a, values_b = zip(*pairs, strict=True)
    found = paired_difference(values_a=values_a, values_b=values_b, **FEW)
    swapped = paired_difference(values_a=values_b, values_b=values_a, **FEW)
    expected = (-swapped.value, -swapped.ci_high, -swapped.ci_low)
    assert (found.value, found.ci_low, found.ci_high) == pytest.approx(expected, abs=1e-12)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"values: expected shape \(N,\) without infinities, found \(1, 2\)"):
        interval([[0.1, 0.2]], seed=1)
    with pytest.raises(ValueError, match=r"values_b: .*inf"):
        paired_difference(values_a=[0.1], values_b=[math.inf], seed=1)
    with pytest.raises(ValueError, match=r"values_a and values_b differ in shape: \(1,\) and \(2,\)"):
        paired_difference(values_a=[0.1], values_b=[0.1, 0.2], seed=1)
    with pytest.raises(ValueError, match="statistic: expected one of mean, median, found 'mode'"):
        interval([0.1], seed=1, statistic="mode")
    with pytest.raises(ValueError, match="resamples: expected 1 or more, found 0"):
        interval([0.1, 0.2], seed=1, resamples=0)
    with pytest.raises(TypeError):
        paired_difference([0.1], [0.2], seed=1)
