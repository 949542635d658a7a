"""The learning curve: training and validation loss by epoch."""

from pathlib import Path

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from brainseg.figures.sheet import FIGURE_STYLE, Sheet

# The notebook's colours.
TRAINING_COLOUR = "#2A9D8F"  # greenish teal
VALIDATION_COLOUR = "#FFB000"  # amber
MINIMUM_COLOUR = "#D62728"  # red
LOSS_LABELS = {
    "binary_cross_entropy": "binary cross-entropy (log loss)",
    "soft_dice": "soft Dice loss",
    "bce_dice": "binary cross-entropy (log loss) + soft Dice loss",
}


def best_epoch(history: pd.DataFrame) -> tuple[int, float] | None:
    """Find the first epoch with the lowest validation loss.

    Args:
        history: one row per epoch, files.HISTORY_COLUMNS.

    Returns:
        The epoch and its validation loss; None if no validation loss is finite.
    """
    losses = history["val_loss"].where(np.isfinite(history["val_loss"]))
    if losses.isna().all():
        return None
    row = history.loc[losses.idxmin()]
    return int(row["epoch"]), float(row["val_loss"])


@matplotlib.style.context(FIGURE_STYLE)
def draw_learning_curve(history: pd.DataFrame, path: Path, *, loss: str, deep_supervision: bool = False) -> None:
    """Draw the learning curve as the notebook does (step 19).

    Args:
        history: one row per epoch, files.HISTORY_COLUMNS.
        path: the PNG to write.
        loss: train.loss in params.yaml; names the vertical axis.
        deep_supervision: whether the loss is the weighted mean over three resolutions; the axis says so.
    """
    sheet = Sheet(8, 4.5)
    label = LOSS_LABELS.get(loss, loss) + (",\nweighted mean over three resolutions" if deep_supervision else "")
    plot_learning_curve(sheet.axes(0.8, 0.6, 6.95, 3.3), history, label)
    sheet.save(path)


def plot_learning_curve(axes: Axes, history: pd.DataFrame, loss_label: str) -> None:
    """Plot both losses by epoch and mark the lowest validation loss.

    Args:
        axes: empty axes.
        history: one row per epoch, files.HISTORY_COLUMNS.
        loss_label: label of the vertical axis.
    """
    axes.plot("epoch", "loss", ".-", data=history, color=TRAINING_COLOUR, label="training loss")
    axes.plot("epoch", "val_loss", ".-", data=history, color=VALIDATION_COLOUR, label="validation loss")
    best = best_epoch(history)
    if best:
        epoch, val_loss = best
        label = f"minimum: {val_loss:.4g} at epoch {epoch}"
        axes.plot(epoch, val_loss, "o", color=MINIMUM_COLOUR, markersize=9, zorder=3, clip_on=False, label=label)
    axes.set_title("Learning curve", size=13, weight="bold", loc="left", pad=12)
    axes.set_xlabel("epoch", size=11)
    axes.set_ylabel(loss_label, size=10)
    axes.set_xlim(0.5, history["epoch"].max() + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.tick_params(labelsize=10)
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, columnspacing=1.2, fontsize=9, frameon=False)
