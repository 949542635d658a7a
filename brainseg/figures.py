"""Pictures of slices and of the learning curve: the same input gives the same bytes, whatever the user's matplotlib."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from brainseg.tables import replacing
from brainseg.volumes import FLAIR, BoolArray, ByteArray

DPI = 200
PANEL = 1.28  # inches a side: 256 pixels, so that a slice of 256 or 128 pixels is drawn as it is, or exactly doubled
GAP = 0.05  # inches between the panels of a row
MARGIN = 0.25  # inches around everything and between blocks
LINE = 0.2  # inches, height of a line of text
ROW = 0.08 + LINE + PANEL  # inches from row to row: space, title, panels
TITLE_DROP = 0.04  # inches from the top of a title's line to its letters
STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 8,
    "text.parse_math": False,  # a patient may be called $x$
    "axes.spines.top": False,
    "axes.spines.right": False,
}
STYLED: list[str | Path | dict[str, Any]] = ["default", STYLE]  # whatever the user's matplotlibrc says

# Blue and amber stay apart for colour-blind eyes (Okabe & Ito 2008, Color Universal Design) and on grey.
TRUE_COLOUR = "#56B4E9"
PREDICTED_COLOUR = "#E69F00"
WARNING_COLOUR = "#C1121F"

# The notebook's colours.
TRAINING_COLOUR = "#2A9D8F"  # greenish teal
VALIDATION_COLOUR = "#FFB000"  # amber
LEAST_COLOUR = "#D62728"  # red
LOSS_NAMES = {
    "binary_cross_entropy": "log loss (binary cross-entropy)",
    "soft_dice": "soft Dice loss",
    "both": "log loss (binary cross-entropy) + soft Dice loss",
}


class Sheet:
    """A figure whose parts are placed in inches from its top left corner.

    Attributes:
        figure: the matplotlib figure, white.
        width: inches.
        height: inches.
    """

    def __init__(self, width: float, height: float) -> None:
        self.figure = Figure(figsize=(width, height), dpi=DPI)
        self.width = width
        self.height = height

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Empty axes, sizes in inches."""
        box = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(box)

    def panel(self, left: float, top: float, picture: np.ndarray, **style: Any) -> Axes:
        """A slice, shape (H, W) or (H, W, 3), fitted into a square of PANEL inches; `style` is imshow's."""
        axes = self.axes(left, top, PANEL, PANEL)
        axes.set_axis_off()
        whole = round(PANEL * DPI) % max(picture.shape[:2]) == 0  # matplotlib's own test fails on rounding errors
        axes.imshow(picture, interpolation="nearest" if whole else "antialiased", **style)
        return axes

    def text(self, left: float, top: float, text: str, **style: Any) -> Text:
        """Text whose upper left corner is there; `style` is Figure.text's."""
        return self.figure.text(left / self.width, 1 - top / self.height, text, **{"va": "top", **style})

    def title(self, left: float, top: float, text: str, width: float, **style: Any) -> Text:
        """Text over a row of panels; if it is wider than `width` inches, its middle is left out."""
        drawn = self.text(left, top + TITLE_DROP, text, **style)
        half = len(text) // 2
        while drawn.get_window_extent().width > width * DPI and half > 1:
            half -= 1
            drawn.set_text(f"{text[:half]}…{text[-half:]}")
        return drawn

    def headings(self, left: float, headings: Sequence[str]) -> None:
        """A bold heading over each panel of a row that starts at `left`."""
        for column, heading in enumerate(headings):
            self.text(left + column * (PANEL + GAP) + PANEL / 2, MARGIN, heading, ha="center", weight="bold")

    def save(self, path: Path) -> None:
        """Write the PNG, without the name and version of the program that drew it."""
        with replacing(path) as temporary:
            self.figure.savefig(temporary, dpi=DPI, metadata={"Software": None})


def flair_panel(sheet: Sheet, left: float, top: float, flair: ByteArray) -> Axes:
    """A FLAIR slice, shape (H, W), uint8, in grey; white is its 99th percentile over the head, or fat outshines all."""
    head = flair[flair > flair.max() / 10]  # the rule for head pixels that the preprocessing has
    white = np.percentile(head, 99) if head.size else 1
    return sheet.panel(left, top, flair, cmap="gray", vmin=0, vmax=white)


def draw_outline(axes: Axes, mask: BoolArray, colour: str, width: float) -> None:
    """Draw a mask's border as a line, between the pixels inside and those outside.

    Args:
        axes: show a picture of the mask's size.
        mask: shape (H, W), bool; without a pixel, nothing is drawn.
        colour: matplotlib's.
        width: of the line, points.
    """
    if mask.any():
        height, columns = mask.shape
        padded = np.pad(mask, 1)  # closes the line where the tumour touches the picture's edge
        axes.contour(
            np.arange(-1, columns + 1), np.arange(-1, height + 1), padded, [0.5], colors=colour, linewidths=width
        )
        axes.set(xlim=(-0.5, columns - 0.5), ylim=(height - 0.5, -0.5))


def columns_of(count: int, single: int) -> tuple[int, int]:
    """How rows of panels are laid out: in how many columns side by side, and how many rows a column has at most.

    Args:
        count: rows in all.
        single: so many still stand in one column.
    """
    columns = 1 if count <= single else 2
    return columns, max(1, math.ceil(count / columns))


@matplotlib.style.context(STYLED)
def draw_slices(slices: Sequence[tuple[str, ByteArray, BoolArray]], path: Path) -> None:
    """Slices with their tumour (step 5): a row each of image, mask, and the mask's outline on the FLAIR.

    Args:
        slices: title; image, shape (H, W, 3), uint8, channels as in volumes.SEQUENCES; mask_true, shape (H, W), bool.
        path: the PNG to write.
    """
    columns, rows = columns_of(len(slices), single=2)
    pitch = 3 * PANEL + 2 * GAP + MARGIN
    top = MARGIN + LINE
    sheet = Sheet(MARGIN + columns * pitch, top + rows * ROW + 1.5 * LINE + MARGIN)
    for column in range(columns):
        sheet.headings(MARGIN + column * pitch, ("image", "mask", "outline"))
    for position, (title, image, mask_true) in enumerate(slices):
        left = MARGIN + position // rows * pitch
        down = top + position % rows * ROW
        sheet.title(left, down, title, pitch - MARGIN)
        sheet.panel(left, down + LINE, image)
        sheet.panel(left + PANEL + GAP, down + LINE, mask_true, cmap="gray", vmin=0, vmax=1)
        axes = flair_panel(sheet, left + 2 * (PANEL + GAP), down + LINE, image[..., FLAIR])
        draw_outline(axes, mask_true, TRUE_COLOUR, 1.2)
    caption = (
        "Image: pre-contrast, FLAIR and post-contrast as red, green and blue.\n"
        "Outline: the mask's border on the FLAIR, which is brightened."
    )
    sheet.text(MARGIN, top + rows * ROW + 0.05, caption, color="0.35", size=7)
    sheet.save(path)


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
