"""Pictures of what the model found, from what `brainseg.figures.selection` chose."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.style
from matplotlib.cm import ScalarMappable
from matplotlib.lines import Line2D

from brainseg.figures.selection import SlicePrediction
from brainseg.figures.sheet import (
    GAP,
    LINE,
    MARGIN,
    PANEL,
    PREDICTED_COLOUR,
    ROW,
    STYLED,
    TITLE_DROP,
    TRUE_COLOUR,
    WARNING_COLOUR,
    Sheet,
    columns_of,
)
from brainseg.figures.slices import draw_outline, flair_panel

PROBABILITY_COLOURS = "inferno"  # black is 0, as in a mask; the steps look even, to colour-blind eyes too
TRUE_WIDTH, PREDICTED_WIDTH = 1.3, 0.7  # points; the thinner is drawn later: both show where they agree
FOOT = 0.6  # inches, the colour bar, the legend and the caption
FULL = 5 * PANEL + 4 * GAP  # inches, five panels


@matplotlib.style.context(STYLED)
def draw_predictions(slices: Sequence[SlicePrediction], path: Path, *, leaky: bool = False) -> None:
    """The notebook's last grid (step 21): a row each of FLAIR, true mask, probability, prediction, and both outlines.

    Args:
        slices: in two columns if there are more than three; without any, the picture says so.
        path: the PNG to write.
        leaky: whether neighbours of these slices were trained on, which the picture then says.
    """
    columns, rows = columns_of(len(slices), single=3)
    top = MARGIN + LINE
    sheet = Sheet(MARGIN + columns * (FULL + MARGIN), top + rows * ROW + FOOT + MARGIN)
    if not slices:
        _say(sheet, "No test slice shows tumour, so there is none to draw.")
        sheet.save(path)
        return
    for column in range(columns):
        headings = ("FLAIR", "true mask", "probability", "prediction", "outlines")
        sheet.headings(MARGIN + column * (FULL + MARGIN), headings)
    for position, one in enumerate(slices):
        left = MARGIN + position // rows * (FULL + MARGIN)
        down = top + position % rows * ROW
        sheet.title(left, down, f"{one.patient_id}, {one.title}", FULL)
        _draw_slice(sheet, left, down + LINE, one)
    _colour_bar(sheet, slices[0].threshold)
    caption = "Test slices with tumour, drawn by seed. FLAIR is brightened. Dice is of the slice alone."
    _foot(sheet, slices[0].threshold, caption, leaky=leaky)
    sheet.save(path)


@matplotlib.style.context(STYLED)
def draw_patients(
    patients: Sequence[tuple[str, Sequence[SlicePrediction]]], path: Path, *, leaky: bool = False
) -> None:
    """A row of FLAIR slices each, with the true and the predicted outline.

    Args:
        patients: title and one to five slices of a patient; without any, the picture says so.
        path: the PNG to write.
        leaky: whether neighbours of these slices were trained on, which the picture then says.
    """
    row = ROW + LINE
    sheet = Sheet(FULL + 2 * MARGIN, MARGIN + max(1, len(patients)) * row + FOOT + MARGIN)
    if not patients:
        _say(sheet, "No test patient has a Dice score, so there is none to draw.")
        sheet.save(path)
        return
    for position, (title, slices) in enumerate(patients):
        down = MARGIN + position * row
        sheet.title(MARGIN, down, title, FULL, weight="bold")
        for column, one in enumerate(slices):
            left = MARGIN + column * (PANEL + GAP)
            _draw_outlines(sheet, left, down + LINE, one)
            sheet.text(left + PANEL / 2, down + LINE + PANEL + TITLE_DROP, one.title, ha="center", size=7)
    caption = (
        "Test patients, slices spread over the tumour. FLAIR is brightened. A patient's Dice is of all slices at once."
    )
    _foot(sheet, patients[0][1][0].threshold, caption, leaky=leaky)
    sheet.save(path)


def _draw_slice(sheet: Sheet, left: float, top: float, one: SlicePrediction) -> None:
    places = [left + column * (PANEL + GAP) for column in range(5)]
    flair_panel(sheet, places[0], top, one.flair)
    sheet.panel(places[1], top, one.mask_true, cmap="gray", vmin=0, vmax=1)
    sheet.panel(places[2], top, one.probability, cmap=PROBABILITY_COLOURS, vmin=0, vmax=1)
    sheet.panel(places[3], top, one.mask_pred, cmap="gray", vmin=0, vmax=1)
    _draw_outlines(sheet, places[4], top, one)


def _draw_outlines(sheet: Sheet, left: float, top: float, one: SlicePrediction) -> None:
    axes = flair_panel(sheet, left, top, one.flair)
    draw_outline(axes, one.mask_true, TRUE_COLOUR, TRUE_WIDTH)
    draw_outline(axes, one.mask_pred, PREDICTED_COLOUR, PREDICTED_WIDTH)


def _foot(sheet: Sheet, threshold: float, caption: str, *, leaky: bool) -> None:
    """The legend and a line of explanation below the panels."""
    top = sheet.height - MARGIN - FOOT
    predicted = f"predicted outline (threshold {threshold:g})"
    handles = [
        Line2D([], [], color=TRUE_COLOUR, linewidth=TRUE_WIDTH, label="true outline"),
        Line2D([], [], color=PREDICTED_COLOUR, linewidth=PREDICTED_WIDTH, label=predicted),
    ]
    corner = ((sheet.width - MARGIN) / sheet.width, 1 - (top + 0.1) / sheet.height)
    sheet.figure.legend(
        handles=handles, loc="upper right", bbox_to_anchor=corner, ncols=2, frameon=False, borderpad=0, borderaxespad=0
    )
    if leaky:
        sentence = "Split by slice: neighbours of these slices were trained on. This shows memory, not skill."
        sheet.text(MARGIN, top + 0.5, sentence, color=WARNING_COLOUR, weight="bold", size=7)
    else:
        sheet.text(MARGIN, top + 0.5, caption, color="0.35", size=7)


def _colour_bar(sheet: Sheet, threshold: float) -> None:
    """The colours of the probabilities, and the threshold among them, at the left below the panels."""
    top = sheet.height - MARGIN - FOOT
    sheet.text(MARGIN, top + 0.1, "probability")
    axes = sheet.axes(MARGIN + 0.75, top + 0.12, 1.5 * PANEL, 0.11)
    mappable = ScalarMappable(cmap=PROBABILITY_COLOURS)
    mappable.set_clim(0, 1)
    sheet.figure.colorbar(mappable, cax=axes, orientation="horizontal", ticks=[0, 0.25, 0.5, 0.75, 1])
    axes.axvline(threshold, color=TRUE_COLOUR, linewidth=1.5)


def _say(sheet: Sheet, sentence: str) -> None:
    sheet.figure.text(0.5, 0.5, sentence, ha="center", va="center", size=11)
