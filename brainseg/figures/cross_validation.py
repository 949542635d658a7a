"""The figure of a cross-validation: the Dice of every patient."""

import math
from pathlib import Path
from typing import NamedTuple

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from brainseg.dataset.kaggle_lgg import PUBLISHED_DICE_MEAN, PUBLISHED_DICE_MEDIAN
from brainseg.evaluation.cross_validation import PatientSource
from brainseg.figures import warning_lines
from brainseg.figures.sheet import BLUE, FIGURE_STYLE, MARGIN, VERMILION, Sheet
from brainseg.metrics import bootstrap

DOT_COLOUR = "0.6"
OWN_COLOUR = BLUE
PUBLISHED_COLOUR = VERMILION
AXES_HEIGHT = 3.1  # inches
STATISTICS: tuple[tuple[bootstrap.Statistic, float], ...] = (  # name, published value
    ("mean", PUBLISHED_DICE_MEAN),
    ("median", PUBLISHED_DICE_MEDIAN),
)
NOTES = {
    "published": "Diamonds: Buda et al. 2019, all 110 patients of this data set, 22-fold cross-validation.",
    "synthetic": "Scores of synthetic patients cannot be compared with published ones.",
    "other": "Not the published Kaggle data set, so the published scores are not shown.",
}


class Column(NamedTuple):
    """One column beside the dots: a value, its interval if it has one, and its name."""

    name: str
    value: float
    ci_low: float
    ci_high: float
    colour: str


@matplotlib.style.context(FIGURE_STYLE)
def draw_dice_distribution(patients: pd.DataFrame, path: Path, *, source: PatientSource) -> None:
    """Plot every patient's Dice in ascending order, beside it mean and median with their confidence intervals.

    Args:
        patients: one row per patient with dice, NaN where undefined.
        path: the PNG to write.
        source: where the patients come from. The published mean and median are drawn for "published" only; for
            "synthetic" a warning is written in red.
    """
    warnings = [warning_lines.SYNTHETIC] if source == "synthetic" else []
    sheet = Sheet(8, 4.95, title="Dice of each patient in cross-validation", warnings=warnings)
    dices = np.sort(patients["dice"].dropna().to_numpy(np.float64))
    count = len(dices)
    axes = sheet.axes(0.75, 0.1, 3.75, AXES_HEIGHT)
    axes.plot(np.arange(1, count + 1), dices, "o", color=DOT_COLOUR, markersize=4, markeredgewidth=0, zorder=3)
    axes.set_xlabel("patients, sorted by Dice")
    axes.set_ylabel("Dice of the whole volume")
    axes.set_xlim(0, count + 1)
    axes.set_xticks([tick for tick in MaxNLocator(integer=True).tick_values(0, count) if 0 < tick <= count])
    summary = sheet.axes(4.65, 0.1, 3.1, AXES_HEIGHT)
    _draw_columns(summary, _columns(patients["dice"], source))
    for part in (axes, summary):
        part.set_ylim(-0.02, 1.02)
        part.grid(axis="y", color="0.9")
        part.set_axisbelow(True)
    undefined = f", {len(patients) - count} left out: Dice undefined" if len(patients) > count else ""
    sheet.caption(
        4.95 - MARGIN - 0.5,
        f"One dot per patient (n = {count}{undefined}).",
        "Bars and ranges: 95 % bootstrap confidence intervals of the mean and the median.",
        NOTES[source],
    )
    sheet.save(path)


def _columns(dices: pd.Series, source: PatientSource) -> list[Column]:
    """What stands beside the dots, from left to right."""
    columns = []
    for name, published in STATISTICS:
        # In the order of the table: the same resamples, and so the same intervals, as in the metrics.
        interval = bootstrap.interval(dices, statistic=name)
        if not math.isnan(interval.value):
            columns.append(Column(name, interval.value, interval.ci_low, interval.ci_high, OWN_COLOUR))
        if source == "published":
            columns.append(Column(f"{name},\nBuda et al.", published, math.nan, math.nan, PUBLISHED_COLOUR))
    return columns


def _draw_columns(axes: Axes, columns: list[Column]) -> None:
    """Draw each value with its interval, and write name and numbers below it."""
    labels = []
    for x, column in enumerate(columns):
        has_interval = not math.isnan(column.ci_low)
        marker = "o" if column.colour == OWN_COLOUR else "D"
        axes.plot(x, column.value, marker, color=column.colour, markersize=5, zorder=3)
        if has_interval:
            axes.plot([x, x], [column.ci_low, column.ci_high], color=column.colour, linewidth=1.5)
        ends = f"\n{column.ci_low:.3f} to\n{column.ci_high:.3f}" if has_interval else ""
        labels.append(f"{column.name}\n{column.value:.3f}{ends}")
    axes.set_xlim(-0.6, max(len(columns), 1) - 0.4)
    axes.set_xticks(range(len(columns)), labels)
    for label, column in zip(axes.get_xticklabels(), columns, strict=True):
        label.set_color(column.colour)
    axes.tick_params(left=False, labelleft=False, bottom=False)
    axes.spines["left"].set_visible(False)
