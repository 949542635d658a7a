"""The sheet that every figure is drawn on, and the shared style.

The same input gives the same bytes, whatever the user's matplotlibrc says.
"""

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from brainseg.figures.text import FONT, MIN_ID_LENGTH, Title
from brainseg.files import atomic_write

DPI = 200
PANEL_SIZE = 1.28  # inches, height and width of a panel
# Slices of 256 and 128 pixels are drawn without resampling.
PANEL_PIXELS = round(PANEL_SIZE * DPI)
PANEL_GAP = 0.05  # inches between the panels of a row
ROW_PANELS = 5
ROW_WIDTH = ROW_PANELS * PANEL_SIZE + (ROW_PANELS - 1) * PANEL_GAP  # inches
MARGIN = 0.25  # inches around the sheet
LINE_HEIGHT = 0.2  # inches, a line of text
ROW_HEIGHT = 0.1 + LINE_HEIGHT + PANEL_SIZE  # inches from row to row: space, title, panels
STYLE_SETTINGS = {
    "font.family": FONT,
    "font.size": 9,
    "axes.labelsize": 10,
    "text.parse_math": False,  # a patient may be called $x$
    "axes.spines.top": False,
    "axes.spines.right": False,
}
FIGURE_STYLE: list[str | Path | dict[str, Any]] = [
    "default",
    STYLE_SETTINGS,
]  # "default" undoes the user's matplotlibrc

# Colours that colour-blind readers tell apart: Okabe & Ito 2008, Color Universal Design.
SKY_BLUE = "#56B4E9"
BLUE = "#0072B2"
ORANGE = "#E69F00"
VERMILION = "#D55E00"
CAPTION_COLOUR = "0.35"
WARNING_COLOUR = "#C1121F"


class Sheet:
    """A figure with a title and warnings, whose parts are placed in inches from the left and from below the title.

    Attributes:
        figure: the matplotlib figure, white.
        width: inches.
        height: inches, with title and warnings.
    """

    def __init__(self, width: float, height: float, *, title: str, warnings: Sequence[str] = ()) -> None:
        """Write the title, and below it one red line per warning; `height` is that of the part below, in inches."""
        self._header = MARGIN + 0.35 + len(warnings) * LINE_HEIGHT
        self.width = width
        self.height = self._header + height
        self.figure = Figure(figsize=(self.width, self.height), dpi=DPI)
        self.text(MARGIN, MARGIN - self._header, title, size=13, weight="bold")
        for i, warning in enumerate(warnings):
            top = MARGIN + 0.3 + i * LINE_HEIGHT - self._header
            self.text(MARGIN, top, warning, weight="bold", color=WARNING_COLOUR)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Add empty axes; position and size in inches."""
        bottom = self.height - self._header - top - height
        return self.figure.add_axes((left / self.width, bottom / self.height, width / self.width, height / self.height))

    def panel(self, left: float, top: float, image: np.ndarray, **style: Any) -> Axes:
        """Draw an image, shape (H, W) or (H, W, C), fitted into a square of PANEL_SIZE inches.

        `style` is passed to imshow. It needs much memory for large images: shrink them first (`figures.shrinking`).
        """
        axes = self.axes(left, top, PANEL_SIZE, PANEL_SIZE)
        axes.set_axis_off()
        axes.imshow(image, interpolation=interpolation(image), **style)
        return axes

    def text(self, left: float, top: float, text: str, **style: Any) -> Text:
        """Write text with its upper left corner at this position; `style` is passed to Figure.text."""
        position = (left / self.width, 1 - (self._header + top) / self.height)
        return self.figure.text(*position, text, **{"va": "top", **style})

    def title(self, left: float, top: float, title: Title, width: float, **style: Any) -> Text:
        """Write the title of a row; if it is wider than `width` inches, the middle of the patient_id is left out."""
        drawn = self.text(left, top, "", **style)
        ruler = RendererAgg(1, 1, DPI)  # the figure's own would be made as large as the figure, each time

        def width_of(count: int) -> float:
            drawn.set_text(title.line(count))
            return drawn.get_window_extent(ruler).width

        counts = range(MIN_ID_LENGTH, max(MIN_ID_LENGTH, len(title.patient_id)) + 1)
        fitting = bisect_right(counts, width * DPI, key=width_of)
        drawn.set_text(title.line(counts[max(0, fitting - 1)]))
        return drawn

    def headings(self, top: float, headings: Sequence[str]) -> None:
        """Write a bold heading above each panel of a row."""
        for column, heading in enumerate(headings):
            self.text(panel_left(column) + PANEL_SIZE / 2, top, heading, ha="center", weight="bold")

    def legend(self, left: float, top: float, handles: Sequence[Artist]) -> None:
        """Write the labels of lines and areas beside each other."""
        corner = (left / self.width, 1 - (self._header + top) / self.height)
        self.figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=corner,
            ncols=len(handles),
            frameon=False,
            borderpad=0,
            borderaxespad=0,
            columnspacing=1.5,
        )

    def caption(self, top: float, *lines: str) -> None:
        """Write small grey lines."""
        self.text(MARGIN, top, "\n".join(lines), size=8, color=CAPTION_COLOUR, linespacing=1.4)

    def save(self, path: Path) -> None:
        """Write the PNG, without the name and version of the program that drew it."""
        with atomic_write(path) as temporary:
            self.figure.savefig(temporary, dpi=DPI, metadata={"Software": None})


def panel_left(column: int) -> float:
    """Left edge of a panel in a row, inches."""
    return MARGIN + column * (PANEL_SIZE + PANEL_GAP)


def interpolation(image: np.ndarray) -> str:
    """How imshow draws an image in a panel: pixel by pixel if a whole number of the panel's pixels fits each."""
    # matplotlib makes the same test, but rounding errors let it fail.
    return "nearest" if PANEL_PIXELS % max(image.shape[:2]) == 0 else "antialiased"
