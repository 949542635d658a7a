"""Slices as panels: FLAIR, outlines, and the first look at a data set."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes

from brainseg.figures.sheet import (
    FIGURE_STYLE,
    LINE_HEIGHT,
    MARGIN,
    PANEL_GAP,
    PANEL_SIZE,
    ROW_HEIGHT,
    TRUE_COLOUR,
    Sheet,
    grid_layout,
)
from brainseg.imaging.volume import FLAIR, BoolArray, ByteArray


def flair_panel(sheet: Sheet, left: float, top: float, flair: ByteArray) -> Axes:
    """Draw a FLAIR slice, shape (H, W), uint8, in grey, brightened for display.

    White is the 99th percentile of the pixels brighter than a tenth of the slice's maximum; with the maximum as white,
    bright fat would leave the brain dark. This is for display only: the network's preprocessing has rules of its own.
    """
    foreground = flair[flair > flair.max() / 10]
    white = np.percentile(foreground, 99) if foreground.size else 1
    return sheet.panel(left, top, flair, cmap="gray", vmin=0, vmax=white)


def draw_outline(axes: Axes, mask: BoolArray, colour: str, width: float) -> None:
    """Draw the border of a mask as a line between the pixels inside and those outside.

    Args:
        axes: axes that show an image of the mask's size.
        mask: shape (H, W), bool; nothing is drawn if it is empty.
        colour: a matplotlib colour.
        width: line width, points.
    """
    if mask.any():
        height, columns = mask.shape
        padded = np.pad(mask, 1)  # closes the line where the tumour touches the edge of the image
        axes.contour(
            np.arange(-1, columns + 1), np.arange(-1, height + 1), padded, [0.5], colors=colour, linewidths=width
        )
        axes.set(xlim=(-0.5, columns - 0.5), ylim=(height - 0.5, -0.5))


@matplotlib.style.context(FIGURE_STYLE)
def draw_slices(slices: Sequence[tuple[str, ByteArray, BoolArray]], path: Path) -> None:
    """Draw slices with their tumour (step 5), one row per slice: image, mask, and the mask's outline on the FLAIR.

    Args:
        slices: title; image, shape (H, W, 3), uint8, channels as in imaging.volume.SEQUENCES; mask_true, shape (H, W),
            bool. More than two are drawn in two columns.
        path: the PNG to write.
    """
    columns, rows = grid_layout(len(slices), single_column_max=2)
    block_width = 3 * PANEL_SIZE + 2 * PANEL_GAP + MARGIN
    grid_top = MARGIN + LINE_HEIGHT
    sheet = Sheet(MARGIN + columns * block_width, grid_top + rows * ROW_HEIGHT + 1.5 * LINE_HEIGHT + MARGIN)
    for column in range(columns):
        sheet.headings(MARGIN + column * block_width, ("image", "mask", "outline"))
    for i, (title, image, mask_true) in enumerate(slices):
        column, row = divmod(i, rows)
        left = MARGIN + column * block_width
        top = grid_top + row * ROW_HEIGHT
        sheet.title(left, top, title, block_width - MARGIN)
        sheet.panel(left, top + LINE_HEIGHT, image)
        sheet.panel(left + PANEL_SIZE + PANEL_GAP, top + LINE_HEIGHT, mask_true, cmap="gray", vmin=0, vmax=1)
        axes = flair_panel(sheet, left + 2 * (PANEL_SIZE + PANEL_GAP), top + LINE_HEIGHT, image[..., FLAIR])
        draw_outline(axes, mask_true, TRUE_COLOUR, 1.2)
    caption = (
        "Image: pre-contrast, FLAIR and post-contrast as red, green and blue.\n"
        "Outline: the border of the mask, on the brightened FLAIR image."
    )
    sheet.caption(MARGIN, grid_top + rows * ROW_HEIGHT + 0.05, caption)
    sheet.save(path)
