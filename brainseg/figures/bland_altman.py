"""The Bland-Altman plot: agreement between predicted and true tumour volume."""

import math
from pathlib import Path

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from brainseg.figures.sheet import FIGURE_STYLE, Sheet

DOT_COLOUR = "#0072B2"  # Okabe & Ito's blue
LINE_COLOUR = "0.35"


def limits_of_agreement(differences: np.ndarray) -> tuple[float, float, float]:
    """Mean difference and the 95 % limits of agreement, which assume normally distributed differences.

    Args:
        differences: shape (N,), one per patient.

    Returns:
        mean, mean - 1.96 SD and mean + 1.96 SD, in the unit of the differences. The mean is NaN without patients, the
        limits are NaN with fewer than two.

    Source: Bland & Altman 1986, Lancet 327(8476):307-310.
    """
    mean = float(np.mean(differences)) if len(differences) else math.nan
    half_width = 1.96 * float(np.std(differences, ddof=1)) if len(differences) > 1 else math.nan
    return mean, mean - half_width, mean + half_width


@matplotlib.style.context(FIGURE_STYLE)
def draw_bland_altman(patients: pd.DataFrame, path: Path, *, leaky: bool = False) -> None:
    """Plot the difference of predicted and true volume against their mean, one dot per patient.

    Args:
        patients: one row per patient with tumour_pixels and predicted_pixels, voxels.
        path: the PNG to write.
        leaky: whether the split was by slice, so that the scores are too optimistic; the figure then says so.
    """
    sheet = Sheet(7, 4.6)
    axes = sheet.axes(0.9, 0.6, 4.6, 3.0)
    true, predicted = (patients[name].to_numpy(np.float64) / 1000 for name in ("tumour_pixels", "predicted_pixels"))
    axes.plot((true + predicted) / 2, predicted - true, "o", color=DOT_COLOUR, alpha=0.7, markeredgewidth=0)
    mean, low, high = limits_of_agreement(predicted - true)
    for value, label in ((mean, "mean"), (low, "mean - 1.96 SD"), (high, "mean + 1.96 SD")):
        if not math.isnan(value):
            _draw_line(axes, value, label, dashed=value != mean)
    axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    axes.set_title("Bland-Altman plot of tumour volume", size=13, weight="bold", loc="left", pad=12)
    axes.set_xlabel("mean of predicted and true volume, thousand voxels", size=10)
    axes.set_ylabel("predicted - true volume, thousand voxels", size=10)
    axes.margins(x=0.08, y=0.15)
    caption = (
        f"Test patients: {len(patients)}. Above 0, the predicted volume is larger than the true one.\n"
        "Dashed lines: 95 % limits of agreement, for normally distributed differences that do not depend on volume."
    )
    sheet.caption(0.25, 4.25, caption, leaky=leaky)
    sheet.save(path)


def _draw_line(axes: Axes, value: float, label: str, *, dashed: bool) -> None:
    """Draw a horizontal line with its label and value at the right end."""
    axes.axhline(value, color=LINE_COLOUR, linewidth=1, linestyle="--" if dashed else "-")
    axes.annotate(
        f"{label}\n{value:+.2f}",
        (1.01, value),
        xycoords=("axes fraction", "data"),
        va="center",
        size=8,
        color=LINE_COLOUR,
    )
