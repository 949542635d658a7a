"""Helpers that make slices to draw, and find panels, colours and texts in a figure."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from unittest.mock import patch

import cv2
import matplotlib.colors
import numpy as np
from matplotlib.axis import Axis
from matplotlib.text import Text
from matplotlib.transforms import BboxBase

from brainseg.figures.selection import SlicePrediction
from brainseg.figures.sheet import PANEL_PIXELS, Sheet
from brainseg.imaging.volume import FLAIR, BoolArray, ByteArray, Volume


@contextmanager
def saved_sheets() -> Iterator[list[Sheet]]:
    """Collect the sheets that are saved, to look at their parts."""
    sheets: list[Sheet] = []
    save = Sheet.save

    def keep(sheet: Sheet, path: Path) -> None:
        sheets.append(sheet)
        save(sheet, path)

    with patch.object(Sheet, "save", keep):
        yield sheets


def texts(sheet: Sheet) -> list[Text]:
    """All texts that are drawn; the labels of ticks outside an axis are not."""
    sheet.figure.draw_without_rendering()
    axis_of = [axis for axes in sheet.figure.axes if axes.axison for axis in (axes.xaxis, axes.yaxis)]
    shown = {id(label) for axis in axis_of for label in _tick_labels(axis)}
    ticks = {id(text) for axis in axis_of for tick in axis.get_major_ticks() for text in (tick.label1, tick.label2)}
    found = [text for text in sheet.figure.findobj(Text) if text.get_visible() and text.get_text()]
    return [
        text
        for text in found
        if (id(text) not in ticks or id(text) in shown) and (text.axes is None or text.axes.axison)
    ]


def box_of(text: Text) -> BboxBase:
    """Where a text is, pixels from the lower left corner; without the line that leads to its point."""
    return Text.get_window_extent(text)


def check_texts(sheet: Sheet) -> None:
    """Demand that every text is inside the figure and that no two of them overlap."""
    boxes = [(text.get_text(), box_of(text)) for text in texts(sheet)]
    width, height = sheet.figure.bbox.size
    for text, box in boxes:
        assert 0 <= box.x0 <= box.x1 <= width, f"{text!r} is cut off"
        assert 0 <= box.y0 <= box.y1 <= height, f"{text!r} is cut off"
    for (text, box), (other_text, other) in combinations(boxes, 2):
        shared = (min(box.x1, other.x1) - max(box.x0, other.x0), min(box.y1, other.y1) - max(box.y0, other.y0))
        assert min(shared) < 2, f"{text!r} and {other_text!r} overlap"  # pixels


def written(sheet: Sheet) -> str:
    """All texts of a figure, joined."""
    return "\n".join(text.get_text() for text in texts(sheet))


def _tick_labels(axis: Axis) -> list[Text]:
    low, high = sorted(axis.get_view_interval())
    labels = axis.get_majorticklabels()  # none if they are switched off
    return [
        label for place, label in zip(axis.get_majorticklocs(), labels, strict=bool(labels)) if low <= place <= high
    ]


def read_png(path: Path) -> ByteArray:
    """Read a figure, shape (H, W, 3), uint8, RGB."""
    return np.asarray(cv2.imread(str(path))[..., ::-1], dtype=np.uint8)


def panels_of(sheet: Sheet, path: Path) -> list[ByteArray]:
    """Cut the panels out of a saved figure, in the order in which they were drawn; each 256 x 256 pixels."""
    figure = read_png(path)
    panels = []
    for axes in sheet.figure.axes:
        if not axes.axison:
            left, top = round(axes.bbox.x0), figure.shape[0] - round(axes.get_position(original=True).y1 * len(figure))
            panels.append(figure[top : top + PANEL_PIXELS, left : left + PANEL_PIXELS])
    return panels


def of_colour(figure: ByteArray, colour: str) -> BoolArray:
    """Mark the pixels of a colour, with a tolerance for smoothed edges."""
    wanted = np.array(matplotlib.colors.to_rgb(colour)) * 255
    return np.asarray(np.abs(figure - wanted).max(axis=-1) < 40)


def square_mask(size: int = 128) -> BoolArray:
    """Make a mask with one rectangle of tumour."""
    mask = np.zeros((size, size), dtype=np.bool_)
    mask[size // 4 : size // 2, 3 * size // 8 : 3 * size // 4] = True
    return mask


def grey_image(size: int = 128) -> ByteArray:
    """Make grey noise that never comes near a colour of the outlines, shape (size, size, 3)."""
    return np.repeat(np.random.default_rng(2).integers(20, 90, (size, size, 1), dtype=np.uint8), 3, axis=-1)


def one_slice(image: ByteArray, mask_true: BoolArray, *, patient_id: str = "TCGA_CS_0001_20000101") -> Volume:
    """Make a volume of one slice, number 7."""
    return Volume(
        patient_id=patient_id, image=image[None], mask_true=mask_true[None], slice_numbers=np.array([7], np.int64)
    )


def slice_prediction(**changes: object) -> SlicePrediction:
    """Make a slice whose predicted mask lies 8 pixels to the right of the true one."""
    fields: dict[str, object] = {
        "patient_id": "TCGA_CS_0001_20000101",
        "slice_number": 7,
        "flair": grey_image()[..., FLAIR],
        "mask_true": square_mask(),
        "probability": np.roll(square_mask(), 8, axis=1).astype(np.float32) * 0.75,
        "mask_pred": np.roll(square_mask(), 8, axis=1),
        "threshold": 0.5,
        "dice": 5 / 6,
    }
    return SlicePrediction(**{**fields, **changes})  # type: ignore[arg-type]
