"""The learning curve: training and validation loss by epoch."""

from pathlib import Path

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from brainseg.figures.sheet import STYLED, Sheet

# The notebook's colours.
TRAINING_COLOUR = "#2A9D8F"  # greenish teal
VALIDATION_COLOUR = "#FFB000"  # amber
LEAST_COLOUR = "#D62728"  # red
LOSS_NAMES = {
    "binary_cross_entropy": "log loss (binary cross-entropy)",
    "soft_dice": "soft Dice loss",
    "bce_dice": "log loss (binary cross-entropy) + soft Dice loss",
}


def least_epoch(history: pd.DataFrame) -> tuple[int, float] | None:
    """The first epoch with the least validation loss, and that loss; None if no validation loss is a number.

    Args:
        history: a row per epoch, tables.HISTORY_COLUMNS.
    """
    losses = history["val_loss"].where(np.isfinite(history["val_loss"]))
    if losses.isna().all():
        return None
    row = history.loc[losses.idxmin()]
    return int(row["epoch"]), float(row["val_loss"])


@matplotlib.style.context(STYLED)
def draw_learning_curve(history: pd.DataFrame, path: Path, *, loss: str, deep_supervision: bool = False) -> None:
    """The learning curve as the notebook draws it (step 19).

    Args:
        history: a row per epoch, tables.HISTORY_COLUMNS.
        path: the PNG to write.
        loss: which one, as in params.yaml; it names the axis.
        deep_supervision: whether it is the mean over three grids; the axis says so.
    """
    sheet = Sheet(8, 4.5)
    name = LOSS_NAMES.get(loss, loss) + (",\nweighted mean over three grids" if deep_supervision else "")
    plot_learning_curve(sheet.axes(0.8, 0.6, 6.95, 3.3), history, name)
    sheet.save(path)


def plot_learning_curve(axes: Axes, history: pd.DataFrame, loss_name: str) -> None:
    """Both losses by epoch, the least validation loss marked; arguments as in `draw_learning_curve`."""
    axes.plot("epoch", "loss", ".-", data=history, color=TRAINING_COLOUR, label="training loss")
    axes.plot("epoch", "val_loss", ".-", data=history, color=VALIDATION_COLOUR, label="validation loss")
    least = least_epoch(history)
    if least:
        text = f"its least: {least[1]:.4g} at epoch {least[0]}"
        axes.plot(*least, "o", color=LEAST_COLOUR, markersize=9, zorder=3, clip_on=False, label=text)
    axes.set_title("Learning curve", size=13, weight="bold", loc="left", pad=12)
    axes.set_xlabel("epoch", size=11)
    axes.set_ylabel(loss_name, size=10)
    axes.set_xlim(0.5, history["epoch"].max() + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.tick_params(labelsize=10)
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, columnspacing=1.2, fontsize=9, frameon=False)
