"""Figures of slices and patients with their predictions; `brainseg.figures.selection` chooses which."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.style
from matplotlib.cm import ScalarMappable
from matplotlib.lines import Line2D

from brainseg.figures.selection import SlicePrediction
from brainseg.figures.sheet import (
    FIGURE_STYLE,
    LINE_HEIGHT,
    MARGIN,
    PANEL_GAP,
    PANEL_SIZE,
    PREDICTED_COLOUR,
    ROW_HEIGHT,
    TITLE_PADDING,
    TRUE_COLOUR,
    Sheet,
    grid_layout,
)
from brainseg.figures.slices import draw_outline, flair_panel

PROBABILITY_COLOURMAP = "inferno"  # black is 0, as in a mask; perceptually uniform, also for colour-blind readers
# Points. The prediction is drawn last and thinner, so that both outlines show where they agree.
TRUE_LINE_WIDTH, PREDICTED_LINE_WIDTH = 1.3, 0.7
FOOTER_HEIGHT = 0.6  # inches: colour bar, legend and caption
ROW_WIDTH = 5 * PANEL_SIZE + 4 * PANEL_GAP  # inches, five panels


@matplotlib.style.context(FIGURE_STYLE)
def draw_predictions(slices: Sequence[SlicePrediction], path: Path, *, leaky: bool = False) -> None:
    """Draw one row per slice: FLAIR, true mask, probability, predicted mask, and both outlines (step 21).

    Args:
        slices: more than three are drawn in two columns; if there are none, the figure says so.
        path: the PNG to write.
        leaky: whether the split was by slice, so that the scores are too optimistic; the figure then says so.
    """
    columns, rows = grid_layout(len(slices), single_column_max=3)
    grid_top = MARGIN + LINE_HEIGHT
    sheet = Sheet(MARGIN + columns * (ROW_WIDTH + MARGIN), grid_top + rows * ROW_HEIGHT + FOOTER_HEIGHT + MARGIN)
    if not slices:
        _write_centred(sheet, "No test slice contains tumour, so there is nothing to show.")
        sheet.save(path)
        return
    for column in range(columns):
        headings = ("FLAIR", "true mask", "probability", "predicted mask", "outlines")
        sheet.headings(MARGIN + column * (ROW_WIDTH + MARGIN), headings)
    for i, prediction in enumerate(slices):
        column, row = divmod(i, rows)
        left = MARGIN + column * (ROW_WIDTH + MARGIN)
        top = grid_top + row * ROW_HEIGHT
        sheet.title(left, top, f"{prediction.patient_id}, {prediction.title}", ROW_WIDTH)
        _draw_panels(sheet, left, top + LINE_HEIGHT, prediction)
    _draw_colour_bar(sheet, slices[0].threshold)
    caption = "Randomly chosen test slices with tumour. FLAIR is brightened. Dice is that of the single slice."
    _draw_footer(sheet, slices[0].threshold, caption, leaky=leaky)
    sheet.save(path)


@matplotlib.style.context(FIGURE_STYLE)
def draw_patients(
    patients: Sequence[tuple[str, Sequence[SlicePrediction]]], path: Path, *, leaky: bool = False
) -> None:
    """Draw one row of FLAIR slices per patient, with the true and the predicted outline.

    Args:
        patients: title and one to five slices of each patient; if there are none, the figure says so.
        path: the PNG to write.
        leaky: whether the split was by slice, so that the scores are too optimistic; the figure then says so.
    """
    row_height = ROW_HEIGHT + LINE_HEIGHT
    sheet = Sheet(ROW_WIDTH + 2 * MARGIN, MARGIN + max(1, len(patients)) * row_height + FOOTER_HEIGHT + MARGIN)
    if not patients:
        _write_centred(sheet, "No test patient has a defined Dice score, so there is nothing to show.")
        sheet.save(path)
        return
    for row, (title, slices) in enumerate(patients):
        top = MARGIN + row * row_height
        sheet.title(MARGIN, top, title, ROW_WIDTH, weight="bold")
        for column, prediction in enumerate(slices):
            left = MARGIN + column * (PANEL_SIZE + PANEL_GAP)
            _draw_outlines(sheet, left, top + LINE_HEIGHT, prediction)
            below = top + LINE_HEIGHT + PANEL_SIZE + TITLE_PADDING
            sheet.text(left + PANEL_SIZE / 2, below, prediction.title, ha="center", size=7)
    caption = (
        "Slices evenly spaced through the tumour. FLAIR is brightened. Dice above a row is that of the whole volume."
    )
    _draw_footer(sheet, patients[0][1][0].threshold, caption, leaky=leaky)
    sheet.save(path)


def _draw_panels(sheet: Sheet, left: float, top: float, prediction: SlicePrediction) -> None:
    """Draw the five panels of one slice."""
    lefts = [left + column * (PANEL_SIZE + PANEL_GAP) for column in range(5)]
    flair_panel(sheet, lefts[0], top, prediction.flair)
    sheet.panel(lefts[1], top, prediction.mask_true, cmap="gray", vmin=0, vmax=1)
    sheet.panel(lefts[2], top, prediction.probability, cmap=PROBABILITY_COLOURMAP, vmin=0, vmax=1)
    sheet.panel(lefts[3], top, prediction.mask_pred, cmap="gray", vmin=0, vmax=1)
    _draw_outlines(sheet, lefts[4], top, prediction)


def _draw_outlines(sheet: Sheet, left: float, top: float, prediction: SlicePrediction) -> None:
    """Draw a FLAIR panel with the true and the predicted outline."""
    axes = flair_panel(sheet, left, top, prediction.flair)
    draw_outline(axes, prediction.mask_true, TRUE_COLOUR, TRUE_LINE_WIDTH)
    draw_outline(axes, prediction.mask_pred, PREDICTED_COLOUR, PREDICTED_LINE_WIDTH)


def _draw_footer(sheet: Sheet, threshold: float, caption: str, *, leaky: bool) -> None:
    """Draw the legend of the outlines and the caption below the panels."""
    top = sheet.height - MARGIN - FOOTER_HEIGHT
    predicted = f"predicted outline (threshold {threshold:g})"
    handles = [
        Line2D([], [], color=TRUE_COLOUR, linewidth=TRUE_LINE_WIDTH, label="true outline"),
        Line2D([], [], color=PREDICTED_COLOUR, linewidth=PREDICTED_LINE_WIDTH, label=predicted),
    ]
    corner = ((sheet.width - MARGIN) / sheet.width, 1 - (top + 0.1) / sheet.height)
    sheet.figure.legend(
        handles=handles, loc="upper right", bbox_to_anchor=corner, ncols=2, frameon=False, borderpad=0, borderaxespad=0
    )
    sheet.caption(MARGIN, top + 0.5, caption, leaky=leaky)


def _draw_colour_bar(sheet: Sheet, threshold: float) -> None:
    """Draw the colours of the probabilities, with a mark at the threshold, at the left below the panels."""
    top = sheet.height - MARGIN - FOOTER_HEIGHT
    sheet.text(MARGIN, top + 0.1, "probability")
    axes = sheet.axes(MARGIN + 0.75, top + 0.12, 1.5 * PANEL_SIZE, 0.11)
    mappable = ScalarMappable(cmap=PROBABILITY_COLOURMAP)
    mappable.set_clim(0, 1)
    sheet.figure.colorbar(mappable, cax=axes, orientation="horizontal", ticks=[0, 0.25, 0.5, 0.75, 1])
    axes.axvline(threshold, color=TRUE_COLOUR, linewidth=1.5)


def _write_centred(sheet: Sheet, sentence: str) -> None:
    """Write a sentence in the middle of an otherwise empty sheet."""
    sheet.figure.text(0.5, 0.5, sentence, ha="center", va="center", size=11)
