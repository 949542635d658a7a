"""Slices as panels: FLAIR, outlines, and the first look at a data set."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes

from brainseg.figures.sheet import GAP, LINE, MARGIN, PANEL, ROW, STYLED, TRUE_COLOUR, Sheet, columns_of
from brainseg.imaging.volume import FLAIR, BoolArray, ByteArray


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
