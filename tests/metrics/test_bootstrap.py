"""Bootstrap: defined values for few patients, laws, what 95 % means, and against SciPy's bootstrap."""

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


def same(found, *expected):
    return astuple(found) == pytest.approx(expected, abs=0, nan_ok=True)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([], (NAN, NAN, NAN, 0, 0), id="nobody: no value"),
        pytest.param([NAN, NAN], (NAN, NAN, NAN, 0, 2), id="nobody with a value: all left out"),
        pytest.param([0.8], (0.8, NAN, NAN, 1, 0), id="one patient says nothing about others"),
        pytest.param([NAN, 0.8], (0.8, NAN, NAN, 1, 1), id="one with a value"),
        pytest.param([0.5, 0.5, NAN], (0.5, 0.5, 0.5, 2, 1), id="no spread: an interval without width"),
    ],
)
@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_few_patients(values, expected, statistic):
    assert same(interval(values, seed=1, statistic=statistic), *expected)
    nothing = np.zeros(len(values))
    assert same(paired_difference(values_a=nothing, values_b=values, seed=1, statistic=statistic), *expected)


def test_two_patients_by_hand():
    """Of the draws of two, a quarter are twice the first and a quarter twice the second."""
    assert same(interval([0.0, 1.0], seed=1), 0.5, 0, 1, 2, 0)
    assert same(interval([0.0, 1.0], seed=1, level=0.4), 0.5, 0.5, 0.5, 2, 0)


@pytest.mark.parametrize("statistic", ["mean", "median"])
@pytest.mark.parametrize("count", [10, 17, 110])
def test_agrees_with_scipy(count, statistic):
    """The same method with other draws, so the ends differ by the noise of 10,000 of them."""
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


def test_the_interval_holds_the_true_mean_as_often_as_it_says():
    """400 subsets of 60 patients: 95 % asked for, and what chance leaves of it. Of 10 patients, fewer do."""
    rng = np.random.default_rng(6)
    covered = {}
    for count in (10, 60):
        samples = [interval(rng.normal(size=count), seed=k, resamples=1000) for k in range(400)]
        covered[count] = np.mean([sample.ci_low <= 0 <= sample.ci_high for sample in samples])
    assert 0.92 <= covered[60] <= 0.97
    assert 0.86 <= covered[10] <= 0.93


def test_pairing_finds_what_two_intervals_hide():
    """Every patient a little better: the intervals of the two models overlap, that of the difference is above 0."""
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
def test_law_left_out_is_as_if_never_there(values):
    known = interval([value for value in values if not math.isnan(value)], **FEW)
    found = interval(values, **FEW)
    expected = Interval(**{**vars(known), "left_out": len(values) - known.count})
    assert same(found, *astuple(expected))


@given(VALUES)
def test_law_a_model_does_not_differ_from_itself(values):
    found = paired_difference(values_a=values, values_b=values, **FEW)
    if found.count > 1:
        assert (found.value, found.ci_low, found.ci_high) == (0, 0, 0)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=12))
def test_law_swapping_the_models_turns_the_interval_round(pairs):
    values_a, values_b = zip(*pairs, strict=True)
    there = paired_difference(values_a=values_a, values_b=values_b, **FEW)
    back = paired_difference(values_a=values_b, values_b=values_a, **FEW)
    expected = (-back.value, -back.ci_high, -back.ci_low)
    assert (there.value, there.ci_low, there.ci_high) == pytest.approx(expected, abs=1e-12)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"values: expected shape \(N,\) without infinities, found \(1, 2\)"):
        interval([[0.1, 0.2]], seed=1)
    with pytest.raises(ValueError, match=r"values_b: .*inf"):
        paired_difference(values_a=[0.1], values_b=[math.inf], seed=1)
    with pytest.raises(ValueError, match=r"values_a and values_b differ in shape: \(1,\) and \(2,\)"):
        paired_difference(values_a=[0.1], values_b=[0.1, 0.2], seed=1)
    with pytest.raises(ValueError, match="statistic: expected one of mean, median, found 'mode'"):
        interval([0.1], seed=1, statistic="mode")
    for wrong in ({"resamples": 0}, {"level": 0}, {"level": 1}, {"level": 95}):
        with pytest.raises(ValueError, match="expected 1 resample or more and a level"):
            interval([0.1, 0.2], seed=1, **wrong)
    with pytest.raises(TypeError):
        paired_difference([0.1], [0.2], seed=1)
