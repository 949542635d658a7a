"""The sheet that every figure is drawn on, and the shared style.

The same input gives the same bytes, whatever the user's matplotlibrc says.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from brainseg.files import atomic_write

DPI = 200
# Inches, height and width of a panel: 256 pixels, so that slices of 256 and 128 pixels are drawn without resampling.
PANEL_SIZE = 1.28
PANEL_GAP = 0.05  # inches between the panels of a row
MARGIN = 0.25  # inches around the sheet and between blocks
LINE_HEIGHT = 0.2  # inches, a line of text
ROW_HEIGHT = 0.08 + LINE_HEIGHT + PANEL_SIZE  # inches from row to row: space, title, panels
TITLE_PADDING = 0.04  # inches between the top of a title's line and its letters
STYLE_SETTINGS = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 8,
    "text.parse_math": False,  # a patient may be called $x$
    "axes.spines.top": False,
    "axes.spines.right": False,
}
FIGURE_STYLE: list[str | Path | dict[str, Any]] = [
    "default",
    STYLE_SETTINGS,
]  # "default" undoes the user's matplotlibrc

# Blue and amber are told apart by colour-blind readers (Okabe & Ito 2008, Color Universal Design), also on grey.
TRUE_COLOUR = "#56B4E9"
PREDICTED_COLOUR = "#E69F00"
WARNING_COLOUR = "#C1121F"
CAPTION_COLOUR = "0.35"
LEAK_WARNING = (
    "Split by slice: other slices of these patients were used for training, so the results are too optimistic."
)


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
        """Add empty axes; position and size in inches."""
        box = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(box)

    def panel(self, left: float, top: float, image: np.ndarray, **style: Any) -> Axes:
        """Draw an image, shape (H, W) or (H, W, 3), fitted into a square of PANEL_SIZE inches.

        `style` is passed to imshow.
        """
        axes = self.axes(left, top, PANEL_SIZE, PANEL_SIZE)
        axes.set_axis_off()
        # matplotlib makes the same test, but rounding errors let it fail.
        is_multiple = round(PANEL_SIZE * DPI) % max(image.shape[:2]) == 0
        axes.imshow(image, interpolation="nearest" if is_multiple else "antialiased", **style)
        return axes

    def text(self, left: float, top: float, text: str, **style: Any) -> Text:
        """Write text with its upper left corner at this position; `style` is passed to Figure.text."""
        return self.figure.text(left / self.width, 1 - top / self.height, text, **{"va": "top", **style})

    def title(self, left: float, top: float, text: str, width: float, **style: Any) -> Text:
        """Write text above a row of panels; if it is wider than `width` inches, its middle is left out."""
        drawn = self.text(left, top + TITLE_PADDING, text, **style)
        half = len(text) // 2
        while drawn.get_window_extent().width > width * DPI and half > 1:
            half -= 1
            drawn.set_text(f"{text[:half]}…{text[-half:]}")
        return drawn

    def headings(self, left: float, headings: Sequence[str]) -> None:
        """Write a bold heading above each panel of a row that starts at `left`."""
        for column, heading in enumerate(headings):
            centre = left + column * (PANEL_SIZE + PANEL_GAP) + PANEL_SIZE / 2
            self.text(centre, MARGIN, heading, ha="center", weight="bold")

    def caption(self, left: float, top: float, text: str, *, leaky: bool = False) -> None:
        """Write a small grey caption; `leaky` replaces it with the warning, in red, that the split was by slice."""
        if leaky:
            self.text(left, top, LEAK_WARNING, size=7, color=WARNING_COLOUR, weight="bold")
        else:
            self.text(left, top, text, size=7, color=CAPTION_COLOUR)

    def save(self, path: Path) -> None:
        """Write the PNG, without the name and version of the program that drew it."""
        with atomic_write(path) as temporary:
            self.figure.savefig(temporary, dpi=DPI, metadata={"Software": None})


def grid_layout(count: int, *, single_column_max: int) -> tuple[int, int]:
    """Arrange rows of panels in one or two columns.

    Args:
        count: rows in total.
        single_column_max: up to this many stand in one column; more are split into two.

    Returns:
        The number of columns, and the number of rows in the longest column, at least 1.
    """
    columns = 1 if count <= single_column_max else 2
    return columns, max(1, math.ceil(count / columns))
