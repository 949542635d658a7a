"""Pictures of scores."""

import math
from pathlib import Path

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from brainseg.figures.sheet import STYLED, WARNING_COLOUR, Sheet

DOT_COLOUR = "#0072B2"  # Okabe & Ito's blue
LINE_COLOUR = "0.35"


def limits_of_agreement(differences: np.ndarray) -> tuple[float, float, float]:
    """Mean difference and the limits that 95 % of differences are expected between, if they are normal.

    Args:
        differences: shape (N,), a number per patient.

    Returns:
        mean, mean - 1.96 SD, mean + 1.96 SD, in the unit of the differences; NaN without patients, and limits NaN with
        fewer than two.

    Source: Bland & Altman 1986, Lancet 327(8476):307-310.
    """
    mean = float(np.mean(differences)) if len(differences) else math.nan
    spread = 1.96 * float(np.std(differences, ddof=1)) if len(differences) > 1 else math.nan
    return mean, mean - spread, mean + spread


@matplotlib.style.context(STYLED)
def draw_bland_altman(patients: pd.DataFrame, path: Path, *, leaky: bool = False) -> None:
    """Difference of predicted and true volume against their mean, a dot per patient (Bland & Altman).

    Args:
        patients: a row per patient with tumour_pixels and predicted_pixels, voxels.
        path: the PNG to write.
        leaky: whether neighbours of the test slices were trained on, which the picture then says.
    """
    sheet = Sheet(7, 4.6)
    axes = sheet.axes(0.9, 0.6, 4.6, 3.0)
    true, predicted = (patients[name].to_numpy(np.float64) / 1000 for name in ("tumour_pixels", "predicted_pixels"))
    axes.plot((true + predicted) / 2, predicted - true, "o", color=DOT_COLOUR, alpha=0.7, markeredgewidth=0)
    mean, low, high = limits_of_agreement(predicted - true)
    for value, words in ((mean, "mean"), (low, "mean - 1.96 SD"), (high, "mean + 1.96 SD")):
        if not math.isnan(value):
            _line(axes, value, words, dashed=value != mean)
    axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    axes.set_title("Volumes: predicted and true", size=13, weight="bold", loc="left", pad=12)
    axes.set_xlabel("mean of predicted and true volume, thousand voxels", size=10)
    axes.set_ylabel("predicted - true, thousand voxels", size=10)
    axes.margins(x=0.08, y=0.15)
    caption = (
        f"{len(patients)} test patient(s). Above 0 the prediction is too large. Limits hold if differences are normal"
    )
    caption += " and do not grow with volume."
    colour = "0.35"
    if leaky:
        caption = "Split by slice: neighbours of these slices were trained on. This shows memory, not skill."
        colour = WARNING_COLOUR
    sheet.text(0.25, 4.3, caption, size=7, color=colour, weight="bold" if leaky else "normal")
    sheet.save(path)


def _line(axes: Axes, value: float, words: str, *, dashed: bool) -> None:
    """A line across, named at its right end."""
    axes.axhline(value, color=LINE_COLOUR, linewidth=1, linestyle="--" if dashed else "-")
    axes.annotate(
        f"{words}\n{value:+.2f}",
        (1.01, value),
        xycoords=("axes fraction", "data"),
        va="center",
        size=8,
        color=LINE_COLOUR,
    )
