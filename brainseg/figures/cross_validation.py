"""The figure of a cross-validation: the Dice of every patient."""

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from brainseg.dataset.kaggle_lgg import PUBLISHED_DICE_MEAN, PUBLISHED_DICE_MEDIAN
from brainseg.evaluation.cross_validation import PatientSource
from brainseg.figures.sheet import CAPTION_COLOUR, FIGURE_STYLE, WARNING_COLOUR, Sheet
from brainseg.metrics import bootstrap

DOT_COLOUR = "0.6"
OWN_COLOUR = "#0072B2"  # Okabe & Ito's blue
PUBLISHED_COLOUR = "#D55E00"  # Okabe & Ito's vermilion
LABEL_GAP = 0.055  # Dice, from label to label: the height of a line of text

STATISTICS: tuple[tuple[bootstrap.Statistic, str, float], ...] = (  # name, line style, published value
    ("mean", "-", PUBLISHED_DICE_MEAN),
    ("median", "--", PUBLISHED_DICE_MEDIAN),
)
Line = tuple[float, str, str, str]  # value, matplotlib's line style, colour, label
CAPTIONS = {
    "published": "Orange: Buda et al. 2019, all 110 patients of this data set, 22-fold cross-validation.",
    "synthetic": "SYNTHETIC PATIENTS: these scores say nothing about real patients and cannot be compared with "
    "published ones.",
    "other": "Not the published Kaggle data set, so the published scores are not shown.",
}


@matplotlib.style.context(FIGURE_STYLE)
def draw_dice_distribution(patients: pd.DataFrame, path: Path, *, source: PatientSource) -> None:
    """Plot every patient's Dice in ascending order, with mean, median and their confidence intervals.

    Args:
        patients: one row per patient with dice, NaN where undefined.
        path: the PNG to write.
        source: where the patients come from. The published mean and median are drawn for "published" only; for
            "synthetic" a warning is written in red.
    """
    sheet = Sheet(8, 5)
    axes = sheet.axes(0.75, 0.6, 4.75, 3.45)
    dices = np.sort(patients["dice"].dropna().to_numpy(np.float64))
    count = len(dices)
    axes.plot(np.arange(1, count + 1), dices, "o", color=DOT_COLOUR, markersize=4, markeredgewidth=0, zorder=3)
    lines: list[Line] = []
    for name, style, published in STATISTICS:
        # In the order of the table: the same resamples, and so the same intervals, as in the metrics.
        interval = bootstrap.interval(patients["dice"], statistic=name)
        if not math.isnan(interval.value):
            lines.append((interval.value, style, OWN_COLOUR, _label(name, interval)))
        if not math.isnan(interval.ci_low):
            right = count * (1.04 if name == "mean" else 1.07) + 0.5
            ends = [interval.ci_low, interval.ci_high]
            axes.plot([right, right], ends, color=OWN_COLOUR, linewidth=2.5, solid_capstyle="butt")
        if source == "published":
            lines.append((published, style, PUBLISHED_COLOUR, f"{name} {published}, Buda et al. 2019"))
    _draw_lines(axes, lines)
    axes.set_title("Dice of each patient in cross-validation", size=13, weight="bold", loc="left", pad=12)
    axes.set_xlabel("patients, sorted by Dice", size=10)
    axes.set_ylabel("Dice of the whole volume", size=10)
    axes.set(xlim=(0, count * 1.09 + 1), ylim=(-0.02, 1.02))
    axes.set_xticks([tick for tick in MaxNLocator(integer=True).tick_values(0, count) if 0 < tick <= count])
    _write_captions(sheet, count, len(patients) - count, source)
    sheet.save(path)


def _write_captions(sheet: Sheet, count: int, left_out: int, source: PatientSource) -> None:
    """Write two lines: what dots and bars are, and what the scores can be compared with."""
    undefined = f", {left_out} left out: Dice undefined" if left_out else ""
    dots = f"One dot per patient (n = {count}{undefined})."
    bars = "Bars: 95 % bootstrap confidence intervals of the mean and the median."
    sheet.text(0.25, 4.52, f"{dots} {bars}", color=CAPTION_COLOUR)
    colour, weight = (WARNING_COLOUR, "bold") if source == "synthetic" else (CAPTION_COLOUR, "normal")
    sheet.text(0.25, 4.72, CAPTIONS[source], color=colour, weight=weight)


def label_positions(values: Sequence[float], gap: float) -> list[float]:
    """Move labels down where they would overlap.

    Args:
        values: ascending, where the labels belong.
        gap: smallest distance between two labels.

    Returns:
        Positions in the order of `values`: none above its value, and none closer than `gap` to the next.
    """
    positions: list[float] = []
    for value in reversed(values):  # downwards from the highest, above which there is no room
        positions.append(min(value, positions[-1] - gap) if positions else value)
    return positions[::-1]


def _label(name: str, interval: bootstrap.Interval) -> str:
    ends = "" if math.isnan(interval.ci_low) else f" ({interval.ci_low:.3f} to {interval.ci_high:.3f})"
    return f"{name} {interval.value:.3f}{ends}"


def _draw_lines(axes: Axes, lines: Sequence[Line]) -> None:
    """Draw horizontal lines, each with its label at the right end."""
    ordered = sorted(lines)
    positions = label_positions([value for value, *_ in ordered], LABEL_GAP)
    for (value, style, colour, label), label_y in zip(ordered, positions, strict=True):
        axes.axhline(value, color=colour, linestyle=style, linewidth=1, zorder=2)
        axes.annotate(
            label,
            (1, value),
            (1.05, label_y),
            xycoords=("axes fraction", "data"),
            va="center",
            size=9,
            color=colour,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "relpos": (0, 0.5), "shrinkB": 0},
        )
