"""Axes and positions of brainseg.report.charts and run_charts."""

import math

import hypothesis.strategies as st
import pytest
from hypothesis import given

from brainseg.report.charts import Axis, Chart, Line, counting_axis, unit_axis, value_axis
from brainseg.report.run_charts import learning_curves, volumes
from tests.report.pages import run_tables

values = st.lists(st.floats(0, 1e9, allow_subnormal=False), min_size=1, max_size=8)


def test_positions_are_percentages_of_the_axis() -> None:
    axis = Axis(low=0, high=4, ticks=(0, 2, 4), label="")
    assert [axis.percent(value) for value in (0, 1, 4)] == [0, 25, 100]
    log = Axis(low=1, high=100, ticks=(), label="", log=True)
    assert [log.percent(value) for value in (1, 10, 100)] == [0, 50, 100]


def test_lines_run_to_the_right_and_upwards() -> None:
    chart = Chart(
        title="", text="", x=unit_axis(""), y=unit_axis(""), lines=[Line(points=[(0, 0), (0.5, 1)], style="a")]
    )
    assert chart.polylines == [("a", "0,100 50,0")]


@given(values)
def test_value_axis_holds_every_value_and_has_few_round_ticks(numbers: list[float]) -> None:
    axis = value_axis(numbers, "")
    assert axis.low == 0
    assert axis.high >= max(numbers) * (1 - 1e-9)
    assert 2 <= len(axis.ticks) <= 7
    assert axis.ticks[-1] == pytest.approx(axis.high)
    assert all(0 <= axis.percent(value) <= 100.01 for value in numbers)


@given(st.lists(st.floats(1e-6, 1e6), min_size=2, max_size=8))
def test_logarithmic_axis_is_chosen_where_a_linear_one_would_flatten(numbers: list[float]) -> None:
    axis = value_axis(numbers, "loss", log=True)
    assert axis.log == (max(numbers) > 10 * min(numbers))
    assert all(-0.01 <= axis.percent(value) <= 100.01 for value in numbers)
    assert ("logarithmic" in axis.label) == axis.log
    assert len(axis.ticks) >= 2


@pytest.mark.parametrize("numbers", [[], [math.nan], [0, 0], [math.inf]])
def test_axis_without_a_value_still_has_a_range(numbers: list[float]) -> None:
    assert value_axis(numbers, "", log=True).high > 0


@pytest.mark.parametrize(("last", "ticks"), [(1, (1,)), (3, (1, 2, 3)), (30, (1, 5, 10, 15, 20, 25, 30))])
def test_epochs_are_whole_numbers(last: int, ticks: tuple[int, ...]) -> None:
    axis = counting_axis(last, "epoch")
    assert axis.ticks == ticks
    assert 0 <= axis.percent(1) < 100


def test_learning_curve_marks_the_lowest_validation_loss() -> None:
    loss, dice = learning_curves(run_tables({"TCGA_CS_1": 0.9}).history)
    (dot,) = loss.dots
    assert (dot.x, dot.y) == (2, 0.6)
    assert [line.name for line in loss.lines] == ["training", "validation"]
    assert dice.y.high == 1


def test_both_axes_of_the_volumes_are_the_same_and_each_dot_leads_to_its_patient() -> None:
    row = {"place": 4, "colour": 2, "patient_id": "p", "tumour_pixels": 900, "predicted_pixels": 70}
    chart = volumes([row])
    assert (chart.x.high, chart.x.ticks) == (chart.y.high, chart.y.ticks)
    (dot,) = chart.dots
    assert (dot.x, dot.y, dot.link, dot.style) == (900, 70, "#patient-4", "site-2")
