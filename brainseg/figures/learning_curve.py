"""The learning curve: training and validation loss by epoch."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from brainseg.figures.labels import Label, draw_labels
from brainseg.figures.sheet import FIGURE_STYLE, MARGIN, Sheet

# The notebook's colours.
TRAINING_COLOUR = "#2A9D8F"  # greenish teal
VALIDATION_COLOUR = "#FFB000"  # amber
MINIMUM_COLOUR = "#D62728"  # red
LOSS_NAMES = {
    "binary_cross_entropy": "binary cross-entropy (log loss)",
    "soft_dice": "soft Dice loss",
    "bce_dice": "binary cross-entropy (log loss) + soft Dice loss",
}
LOG_RATIO = 10  # between the largest and the smallest loss; from here on, a linear axis would flatten the curve


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
def draw_learning_curve(
    history: pd.DataFrame, path: Path, *, loss: str, deep_supervision: bool = False, warnings: Sequence[str] = ()
) -> None:
    """Draw the learning curve as the notebook does (step 19), on a logarithmic axis if a linear one would flatten it.

    Args:
        history: one row per epoch, files.HISTORY_COLUMNS.
        path: the PNG to write.
        loss: train.loss in params.yaml; named below the curve.
        deep_supervision: whether the loss is the weighted mean over three resolutions; also named.
        warnings: lines to write in red below the title.
    """
    sheet = Sheet(8, 4.35, title="Learning curve", warnings=warnings)
    axes = sheet.axes(0.95, 0.35, 5.4, 2.95)
    plot_learning_curve(axes, history)
    supervision = ", weighted mean over three resolutions" if deep_supervision else ""
    lines = [f"Loss: {LOSS_NAMES.get(loss, loss)}{supervision}."]
    if axes.get_yscale() == "log":
        lines.append(
            f"The vertical axis is logarithmic, because the largest loss is more than {LOG_RATIO} times the smallest."
        )
    sheet.caption(4.35 - MARGIN - 0.3, *lines)
    sheet.save(path)


def plot_learning_curve(axes: Axes, history: pd.DataFrame) -> None:
    """Plot both losses by epoch and mark the lowest validation loss.

    Args:
        axes: empty axes.
        history: one row per epoch, files.HISTORY_COLUMNS.
    """
    curves = {"loss": ("training loss", TRAINING_COLOUR), "val_loss": ("validation loss", VALIDATION_COLOUR)}
    for column, (_, colour) in curves.items():
        axes.plot("epoch", column, ".-", data=history, color=colour)
    best = best_epoch(history)
    if best:
        epoch, val_loss = best
        label = f"lowest validation loss: {val_loss:.3g} in epoch {epoch}"
        marker = axes.plot(epoch, val_loss, "o", color=MINIMUM_COLOUR, markersize=9, zorder=3, clip_on=False)
        axes.legend(marker, [label], loc="lower left", bbox_to_anchor=(0, 1), frameon=False, borderpad=0.2)
    axes.set_xlabel("epoch")
    axes.set_xlim(0.5, history["epoch"].max() + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _scale_losses(axes, history[list(curves)].to_numpy(np.float64))
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    known = {column: history.loc[np.isfinite(history[column])].tail(1) for column in curves}
    draw_labels(
        axes,
        [
            Label(x=row["epoch"].item(), y=row[column].item(), text=curves[column][0], colour=curves[column][1])
            for column, row in known.items()
            if len(row)
        ],
        outside=True,
        size=10,
    )


def _scale_losses(axes: Axes, losses: np.ndarray) -> None:
    """Make the vertical axis logarithmic if the losses are positive and differ much, and name it."""
    finite = losses[np.isfinite(losses)]
    if not finite.size or finite.min() <= 0 or finite.max() <= LOG_RATIO * finite.min():
        axes.set_ylabel("loss")
        return
    axes.set_yscale("log")
    axes.set_ylabel("loss, logarithmic axis")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
