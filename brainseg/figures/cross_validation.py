"""The picture of a cross-validation: the Dice of every patient."""

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from brainseg.evaluation.cross_validation import PatientSource
from brainseg.evaluation.summary import SEED
from brainseg.figures.sheet import STYLED, WARNING_COLOUR, Sheet
from brainseg.metrics import bootstrap

DOT_COLOUR = "0.6"
OWN_COLOUR = "#0072B2"  # Okabe & Ito's blue
PUBLISHED_COLOUR = "#D55E00"  # their vermilion
LABEL_GAP = 0.055  # Dice, from label to label: the height of a line

# Buda, Saha, Mazurowski 2019, doi:10.1016/j.compbiomed.2019.05.002: all 110 patients, 22 folds.
PUBLISHED_MEAN = 0.836
PUBLISHED_MEDIAN = 0.873
STATISTICS: tuple[tuple[bootstrap.Statistic, str, float], ...] = (
    ("mean", "-", PUBLISHED_MEAN),
    ("median", "--", PUBLISHED_MEDIAN),
)
BUDA = f"mean {PUBLISHED_MEAN}, median {PUBLISHED_MEDIAN} (Buda et al. 2019)"
Line = tuple[float, str, str, str]  # value, matplotlib's line style, colour, words
CAPTIONS = {
    "published": "Orange: Buda et al. 2019, on all 110 patients of this set, 22 folds.",
    "synthetic": "SYNTHETIC PATIENTS: this says nothing about people, and published scores are no yardstick for it.",
    "other": "Not the published Kaggle set, so its published scores are not drawn.",
}


@matplotlib.style.context(STYLED)
def draw_dice_distribution(patients: pd.DataFrame, path: Path, *, kind: PatientSource) -> None:
    """Every patient's Dice, from the least to the most, with mean, median and their intervals.

    Args:
        patients: a row per patient with dice, NaN where undefined.
        path: the PNG to write.
        kind: the published mean and median are drawn for "published" only; "synthetic" is said in red.
    """
    sheet = Sheet(8, 5)
    axes = sheet.axes(0.75, 0.6, 4.75, 3.45)
    known = np.sort(patients["dice"].dropna().to_numpy(np.float64))
    axes.plot(np.arange(1, len(known) + 1), known, "o", color=DOT_COLOUR, markersize=4, markeredgewidth=0, zorder=3)
    lines: list[Line] = []
    for name, style, published in STATISTICS:
        # In the order of the table: the same draws, and so the same intervals, as in the metrics.
        found = bootstrap.interval(patients["dice"], seed=SEED, statistic=name)
        if not math.isnan(found.value):
            lines.append((found.value, style, OWN_COLOUR, _words(name, found)))
        if not math.isnan(found.ci_low):
            right = len(known) * (1.04 if name == "mean" else 1.07) + 0.5
            ends = [found.ci_low, found.ci_high]
            axes.plot([right, right], ends, color=OWN_COLOUR, linewidth=2.5, solid_capstyle="butt")
        if kind == "published":
            lines.append((published, style, PUBLISHED_COLOUR, f"{name} {published}, Buda et al. 2019"))
    _draw_lines(axes, lines)
    axes.set_title("Dice of each patient, by a network that never saw them", size=13, weight="bold", loc="left", pad=12)
    axes.set_xlabel("patients, from the least Dice to the most", size=10)
    axes.set_ylabel("Dice of the whole volume", size=10)
    axes.set(xlim=(0, len(known) * 1.09 + 1), ylim=(-0.02, 1.02))
    axes.set_xticks([tick for tick in MaxNLocator(integer=True).tick_values(0, len(known)) if 0 < tick <= len(known)])

    caption = f"A dot is a patient: {len(known)}"
    left_out = len(patients) - len(known)
    caption += f", and {left_out} without a Dice. " if left_out else ". "
    sheet.text(
        0.25,
        4.52,
        caption + "Bars at the right: 95 % intervals of the mean and of the median, patients drawn again.",
        color="0.35",
    )
    synthetic = kind == "synthetic"
    colour, weight = (WARNING_COLOUR, "bold") if synthetic else ("0.35", "normal")
    sheet.text(0.25, 4.72, CAPTIONS[kind], color=colour, weight=weight)
    sheet.save(path)


def spread(values: Sequence[float], gap: float) -> list[float]:
    """Places for labels near `values`, ascending, none closer than `gap` to the next; the last is at most 1.

    Args:
        values: ascending, where the labels belong.
        gap: least distance of two labels.
    """
    places: list[float] = []
    for value in reversed(values):  # from the top, where there is no room above
        places.append(min(value, places[-1] - gap) if places else value)
    return places[::-1]


def _words(name: str, found: bootstrap.Interval) -> str:
    interval = "" if math.isnan(found.ci_low) else f" ({found.ci_low:.3f} to {found.ci_high:.3f})"
    return f"{name} {found.value:.3f}{interval}"


def _draw_lines(axes: Axes, lines: Sequence[Line]) -> None:
    """Lines across, each named at its right end."""
    ordered = sorted(lines)
    places = spread([value for value, *_ in ordered], LABEL_GAP)
    for (value, style, colour, words), place in zip(ordered, places, strict=True):
        axes.axhline(value, color=colour, linestyle=style, linewidth=1, zorder=2)
        axes.annotate(
            words,
            (1, value),
            (1.05, place),
            xycoords=("axes fraction", "data"),
            va="center",
            size=9,
            color=colour,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "relpos": (0, 0.5), "shrinkB": 0},
        )
