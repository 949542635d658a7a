"""What is drawn in a panel: a slice in grey, a mask, outlines, the agreement of two masks."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patheffects import AbstractPathEffect, withStroke

from brainseg.figures.sheet import ORANGE, SKY_BLUE, Sheet
from brainseg.imaging.volume import BoolArray, ByteArray

OUTLINE_COLOUR = SKY_BLUE
MISSED_COLOUR, FALSE_POSITIVE_COLOUR = SKY_BLUE, ORANGE
OUTLINE_WIDTH = 1.2  # points
# The overlap's outline is white with a black edge, which is seen on any grey and by everyone.
OVERLAP_COLOUR = "white"
OVERLAP_EDGE = [withStroke(linewidth=2.4, foreground="black")]
TUMOUR_GREY = 0.85  # of white; the tumour's brightest pixels
MIN_CLOSE_UP = 0.5  # of the slice's size
CLOSE_UP_MARGIN = 1.3  # height and width of a close-up, as a multiple of the masks'


def grey_panel(sheet: Sheet, left: float, top: float, image: ByteArray, mask: BoolArray) -> Axes:
    """Draw one sequence of a slice in grey, brightened for display, but not so much that the tumour becomes white.

    White is the 99th percentile of the pixels brighter than a tenth of the slice's maximum; with the maximum as white,
    bright fat would leave the brain dark. It is raised so that the 99th percentile of the mask's pixels is not brighter
    than `TUMOUR_GREY`. This is for display only: the network's preprocessing has rules of its own.

    Args:
        sheet: the sheet to draw on.
        left: inches.
        top: inches.
        image: shape (H, W), uint8.
        mask: shape (H, W), bool: the tumour, true or predicted.
    """
    head, tumour = image[image > image.max() / 10], image[mask]
    white = float(np.percentile(head, 99)) if head.size else 1.0
    if tumour.size:
        white = max(white, float(np.percentile(tumour, 99)) / TUMOUR_GREY)
    return sheet.panel(left, top, image, cmap="gray", vmin=0, vmax=white)


def mask_panel(sheet: Sheet, left: float, top: float, mask: BoolArray) -> Axes:
    """Draw a mask, shape (H, W), bool, in black and white."""
    return sheet.panel(left, top, mask, cmap="gray", vmin=0, vmax=1)


def draw_outline(axes: Axes, mask: BoolArray, colour: str, *, edge: Sequence[AbstractPathEffect] = ()) -> None:
    """Draw the border of a mask as a line between the pixels inside and those outside.

    Args:
        axes: axes that show an image of the mask's size.
        mask: shape (H, W), bool; nothing is drawn if it is empty.
        colour: a matplotlib colour.
        edge: effects of the line.
    """
    if mask.any():
        height, columns = mask.shape
        padded = np.pad(mask, 1)  # closes the line where the tumour touches the edge of the image
        rows = np.arange(-1, height + 1)
        line = axes.contour(np.arange(-1, columns + 1), rows, padded, [0.5], colors=colour, linewidths=OUTLINE_WIDTH)
        line.set_path_effects(list(edge))
        axes.set(xlim=(-0.5, columns - 0.5), ylim=(height - 0.5, -0.5))


def draw_agreement(axes: Axes, mask_true: BoolArray, mask_pred: BoolArray) -> None:
    """Outline the overlap of two masks, and fill what only one of them contains.

    Args:
        axes: axes that show an image of the masks' size.
        mask_true: reference, shape (H, W), bool.
        mask_pred: prediction, same shape, bool.
    """
    draw_outline(axes, mask_true & mask_pred, OVERLAP_COLOUR, edge=OVERLAP_EDGE)
    fill = np.zeros((*mask_true.shape, 4))
    fill[mask_true & ~mask_pred] = to_rgba(MISSED_COLOUR)
    fill[mask_pred & ~mask_true] = to_rgba(FALSE_POSITIVE_COLOUR)
    axes.imshow(fill, interpolation="nearest", zorder=3)  # above the outline, which is wider than a pixel


def zoom_in(axes: Axes, mask: BoolArray) -> None:
    """Show only a square around a mask, at least half as large as the slice, and no more than the slice.

    Args:
        axes: axes that show an image of the mask's size.
        mask: shape (H, W), bool; nothing changes if it is empty.
    """
    if not mask.any():
        return
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    extent = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    size = max(MIN_CLOSE_UP * max(mask.shape), CLOSE_UP_MARGIN * extent)
    bounds = []
    for occupied, full in zip((rows, columns), mask.shape, strict=True):
        shown = min(size, full)
        start = min(max((occupied[0] + occupied[-1] + 1 - shown) / 2, 0), full - shown)
        bounds.append((start - 0.5, start + shown - 0.5))
    axes.set(ylim=bounds[0][::-1], xlim=bounds[1])
