"""The figure of a cross-validation: any number of patients, named columns, no misleading value."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainseg.evaluation.cross_validation import PatientSource
from brainseg.figures.cross_validation import draw_dice_distribution
from brainseg.figures.sheet import BLUE, VERMILION, WARNING_COLOUR
from brainseg.figures.warning_lines import SYNTHETIC
from brainseg.metrics import bootstrap
from tests.figures.panels import check_texts, of_colour, read_png, saved_sheets, written


def patients(count: int) -> pd.DataFrame:
    """Make patients with a Dice from 0.3 to 0.95."""
    return pd.DataFrame({"dice": np.linspace(0.3, 0.95, count)})


@pytest.mark.parametrize("source", ["published", "synthetic", "other"])
def test_published_scores_are_drawn_for_the_published_set_only(tmp_path: Path, source: PatientSource) -> None:
    with saved_sheets() as sheets:
        draw_dice_distribution(patients(9), tmp_path / "a.png", source=source)
    figure = read_png(tmp_path / "a.png")
    assert of_colour(figure, VERMILION).any() == (source == "published")
    assert of_colour(figure, WARNING_COLOUR).any() == (source == "synthetic")
    assert (SYNTHETIC in written(sheets[0])) == (source == "synthetic")
    assert ("mean,\nBuda et al.\n0.836" in written(sheets[0])) == (source == "published")
    check_texts(sheets[0])


@pytest.mark.parametrize("source", ["published", "other"])
@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_any_number_of_patients_is_drawn(tmp_path: Path, count: int, source: PatientSource) -> None:
    with saved_sheets() as sheets:
        draw_dice_distribution(patients(count), tmp_path / "a.png", source=source)
    check_texts(sheets[0])
    assert of_colour(read_png(tmp_path / "a.png"), BLUE).any() == (count > 0)


def test_each_bar_is_named_and_stands_at_its_interval(tmp_path: Path) -> None:
    table = pd.DataFrame({"dice": [0.1, 0.7, 0.8, 0.85, 0.9, 0.92]})
    with saved_sheets() as sheets:
        draw_dice_distribution(table, tmp_path / "a.png", source="published")
    columns = sheets[0].figure.axes[1]
    labels = [label.get_text() for label in columns.get_xticklabels()]
    assert labels[1::2] == ["mean,\nBuda et al.\n0.836", "median,\nBuda et al.\n0.873"]
    for x, name in ((0, "mean"), (2, "median")):
        interval = bootstrap.interval(table["dice"], statistic=name)
        ends = f"{interval.ci_low:.3f} to\n{interval.ci_high:.3f}"
        assert labels[x] == f"{name}\n{interval.value:.3f}\n{ends}"
        dot, bar = (line for line in columns.lines if line.get_xdata()[0] == x)
        assert dot.get_ydata() == pytest.approx([getattr(table["dice"], name)()])
        assert bar.get_ydata() == pytest.approx([interval.ci_low, interval.ci_high])


def test_patients_without_a_dice_are_left_out(tmp_path: Path) -> None:
    known = pd.DataFrame({"dice": [0.3, 0.6, 0.9]})
    draw_dice_distribution(known, tmp_path / "a.png", source="other")
    draw_dice_distribution(pd.concat([known, pd.DataFrame({"dice": [np.nan]})]), tmp_path / "b.png", source="other")
    first, second = (read_png(tmp_path / name) for name in ("a.png", "b.png"))
    rows = np.flatnonzero((first != second).any(axis=(1, 2)))
    assert rows.min() > 0.8 * len(first)  # only the caption, which counts them, differs


def test_same_patients_same_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw_dice_distribution(patients(9), tmp_path / name, source="published")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
