"""The sheet that every figure is drawn on, and its style: the same input gives the same bytes, whatever the user's matplotlibrc."""

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
        with atomic_write(path) as temporary:
            self.figure.savefig(temporary, dpi=DPI, metadata={"Software": None})


def columns_of(count: int, single: int) -> tuple[int, int]:
    """How rows of panels are laid out: in how many columns side by side, and how many rows a column has at most.

    Args:
        count: rows in all.
        single: so many still stand in one column.
    """
    columns = 1 if count <= single else 2
    return columns, max(1, math.ceil(count / columns))
