"""The Bland-Altman plot: agreement between predicted and true tumour volume."""

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib.style
import numpy as np
import pandas as pd

from brainseg.figures.labels import Label, draw_labels
from brainseg.figures.sheet import BLUE, FIGURE_STYLE, MARGIN, Sheet
from brainseg.figures.text import fit

LINE_COLOUR = "0.35"
# With fewer patients, the 95 % interval of a limit is wider than 1 SD to either side. Its half width is
# t * sqrt(3 / n) SD: Bland & Altman 1986.
MIN_PATIENTS = 15
MAX_NAMED = 5  # outliers
ID_LENGTH = 24  # characters of a patient_id


def limits_of_agreement(differences: np.ndarray) -> tuple[float, float, float]:
    """Mean difference and the 95 % limits of agreement, which assume normally distributed differences.

    Args:
        differences: shape (N,), one per patient.

    Returns:
        mean, mean - 1.96 SD and mean + 1.96 SD, in the unit of the differences. The mean is NaN without patients, the
        limits are NaN with fewer than `MIN_PATIENTS`.

    Source: Bland & Altman 1986, Lancet 327(8476):307-310.
    """
    mean = float(np.mean(differences)) if len(differences) else math.nan
    half_width = 1.96 * float(np.std(differences, ddof=1)) if len(differences) >= MIN_PATIENTS else math.nan
    return mean, mean - half_width, mean + half_width


def outliers(differences: np.ndarray) -> list[int]:
    """Find differences that lie far outside the others.

    Args:
        differences: shape (N,), one per patient.

    Returns:
        Positions of those more than 1.5 interquartile ranges below the lower or above the upper quartile, the most
        distant first, at most `MAX_NAMED`.

    Source: Tukey 1977, Exploratory Data Analysis.
    """
    if not len(differences):
        return []
    lower, upper = np.percentile(differences, [25, 75])
    distance = np.maximum(lower - differences, differences - upper)
    far = np.flatnonzero(distance > 1.5 * (upper - lower))
    return [int(row) for row in far[np.argsort(-distance[far], kind="stable")][:MAX_NAMED]]


@matplotlib.style.context(FIGURE_STYLE)
def draw_bland_altman(patients: pd.DataFrame, path: Path, *, warnings: Sequence[str] = ()) -> None:
    """Plot the difference of predicted and true volume against their mean, one dot per patient.

    Args:
        patients: one row per patient with patient_id, tumour_pixels and predicted_pixels, voxels.
        path: the PNG to write.
        warnings: lines to write in red below the title.
    """
    sheet = Sheet(7.5, 4.75, title="Bland-Altman plot: difference of volumes against their mean", warnings=warnings)
    axes = sheet.axes(0.95, 0.1, 4.9, 3.2)
    true, predicted = (patients[name].to_numpy(np.float64) / 1000 for name in ("tumour_pixels", "predicted_pixels"))
    means, differences = (true + predicted) / 2, predicted - true
    axes.plot(means, differences, "o", color=BLUE, alpha=0.7, markeredgewidth=0, clip_on=False, zorder=3)
    axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    axes.set_xlabel("mean of predicted and true volume, thousand voxels")
    axes.set_ylabel("predicted \N{MINUS SIGN} true volume, thousand voxels")
    axes.margins(y=0.15)
    axes.set_xlim(0, 1.08 * max(means, default=0) or 1)
    lines = [
        (value, name)
        for value, name in zip(
            limits_of_agreement(differences), ("mean", "mean - 1.96 SD", "mean + 1.96 SD"), strict=True
        )
        if not math.isnan(value)
    ]
    for value, name in lines:
        axes.axhline(value, color=LINE_COLOUR, linewidth=1, linestyle="-" if name == "mean" else "--")
    right = axes.get_xlim()[1]
    beside = [
        Label(x=right, y=value, text=_minus(f"{name}\n{value:+.3g}"), colour=LINE_COLOUR) for value, name in lines
    ]
    named = [
        Label(
            x=means[row], y=differences[row], text=fit(patients["patient_id"].iloc[row], ID_LENGTH), colour=LINE_COLOUR
        )
        for row in outliers(differences)
    ]
    draw_labels(axes, beside, outside=True)
    draw_labels(axes, named, outside=False, size=8)
    sheet.caption(4.75 - MARGIN - 0.62, *_caption(len(patients), len(named)))
    sheet.save(path)


def _caption(count: int, named: int) -> list[str]:
    """Say what dots and lines are; three lines."""
    dots = f"One dot per test patient (n = {count}). Above 0, the predicted volume is larger than the true one."
    if count >= MIN_PATIENTS:
        limits = "Dashed: 95 % limits of agreement; they assume normal differences that do not depend on volume."
    else:
        limits = f"No limits of agreement with fewer than {MIN_PATIENTS} patients: too uncertain (Bland & Altman 1986)."
    return [
        dots,
        limits,
        "Named: difference more than 1.5 interquartile ranges outside the quartiles." if named else "",
    ]


def _minus(text: str) -> str:
    """Use the minus sign of the axes' numbers."""
    return text.replace("-", "\N{MINUS SIGN}")
