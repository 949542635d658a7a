"""Figures of slices and patients with their predictions; `brainseg.figures.selection` chooses which."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from brainseg.figures.panels import (
    FALSE_POSITIVE_COLOUR,
    MISSED_COLOUR,
    OUTLINE_WIDTH,
    OVERLAP_COLOUR,
    OVERLAP_EDGE,
    draw_agreement,
    grey_panel,
    mask_panel,
    zoom_in,
)
from brainseg.figures.selection import SlicePrediction
from brainseg.figures.sheet import (
    FIGURE_STYLE,
    LINE_HEIGHT,
    MARGIN,
    PANEL_SIZE,
    ROW_HEIGHT,
    ROW_WIDTH,
    SKY_BLUE,
    Sheet,
    panel_left,
)
from brainseg.figures.text import Title
from brainseg.imaging.volume import BoolArray

PROBABILITY_COLOURMAP = "inferno"  # black is 0, as in a mask; perceptually uniform, also for colour-blind readers
HEADINGS = ("FLAIR", "true mask", "probability", "predicted mask", "close-up")
LEGEND_HEIGHT = 0.3  # inches
SHEET_WIDTH = ROW_WIDTH + 2 * MARGIN  # inches


@matplotlib.style.context(FIGURE_STYLE)
def draw_predictions(slices: Sequence[SlicePrediction], path: Path, *, warnings: Sequence[str] = ()) -> None:
    """Draw one row per slice: FLAIR, true mask, probability, predicted mask, and their agreement (step 21).

    Args:
        slices: if there are none, the figure says so.
        path: the PNG to write.
        warnings: lines to write in red below the title.
    """
    title = "Random test slices with tumour, and their predictions"
    if not slices:
        _draw_nothing(title, "No test slice contains tumour.", path, warnings)
        return
    rows_top = LEGEND_HEIGHT + LINE_HEIGHT
    height = rows_top + len(slices) * ROW_HEIGHT + 0.95 + MARGIN
    sheet = Sheet(SHEET_WIDTH, height, title=title, warnings=warnings)
    _draw_legend(sheet)
    sheet.headings(LEGEND_HEIGHT, HEADINGS)
    for row, prediction in enumerate(slices):
        top = rows_top + row * ROW_HEIGHT
        line = Title(patient_id=prediction.patient_id, after=f", {prediction.title}")
        sheet.title(MARGIN, top, line, ROW_WIDTH)
        _draw_panels(sheet, top + LINE_HEIGHT, prediction)
    _draw_colour_bar(sheet, height - MARGIN - 0.85, slices[0].threshold)
    sheet.caption(
        height - MARGIN - 0.35,
        "Slices are chosen at random, from as many patients as possible. FLAIR is brightened for display;",
        "the close-up is enlarged around the masks. Dice is that of the single slice.",
    )
    sheet.save(path)


@matplotlib.style.context(FIGURE_STYLE)
def draw_patients(
    patients: Sequence[tuple[Title, Sequence[SlicePrediction]]], path: Path, *, warnings: Sequence[str] = ()
) -> None:
    """Draw one row of FLAIR slices per patient, with the agreement of true and predicted mask.

    Args:
        patients: title and one to five slices of each patient; if there are none, the figure says so.
        path: the PNG to write.
        warnings: lines to write in red below the title.
    """
    title = "Best, median and worst test patient"
    if not patients:
        _draw_nothing(title, "No test patient has a defined Dice score.", path, warnings)
        return
    row_height = ROW_HEIGHT + LINE_HEIGHT
    height = LEGEND_HEIGHT + len(patients) * row_height + 0.5 + MARGIN
    sheet = Sheet(SHEET_WIDTH, height, title=title, warnings=warnings)
    _draw_legend(sheet)
    for row, (line, slices) in enumerate(patients):
        top = LEGEND_HEIGHT + row * row_height
        sheet.title(MARGIN, top, line, ROW_WIDTH, size=8, weight="bold")
        shown = np.logical_or.reduce([prediction.mask_any for prediction in slices])
        for column, prediction in enumerate(slices):
            left = panel_left(column)
            _draw_close_up(sheet, left, top + LINE_HEIGHT, prediction, shown)
            below = top + LINE_HEIGHT + PANEL_SIZE + 0.03
            sheet.text(left + PANEL_SIZE / 2, below, prediction.title, ha="center", size=8)
    sheet.caption(
        height - MARGIN - 0.4,
        "FLAIR slices, evenly spaced through the tumour, enlarged around the masks and brightened for display.",
        "Dice above a row is that of the whole volume, below a slice that of the slice. Predicted: probability of at "
        f"least {patients[0][1][0].threshold:g}.",
    )
    sheet.save(path)


def _draw_panels(sheet: Sheet, top: float, prediction: SlicePrediction) -> None:
    """Draw the five panels of one slice."""
    grey_panel(sheet, panel_left(0), top, prediction.flair, prediction.mask_any)
    mask_panel(sheet, panel_left(1), top, prediction.mask_true)
    sheet.panel(panel_left(2), top, prediction.probability, cmap=PROBABILITY_COLOURMAP, vmin=0, vmax=1)
    mask_panel(sheet, panel_left(3), top, prediction.mask_pred)
    _draw_close_up(sheet, panel_left(4), top, prediction, prediction.mask_any)


def _draw_close_up(sheet: Sheet, left: float, top: float, prediction: SlicePrediction, shown: BoolArray) -> None:
    """Draw FLAIR with the agreement of true and predicted mask, enlarged around `shown`, shape (H, W), bool."""
    axes = grey_panel(sheet, left, top, prediction.flair, prediction.mask_any)
    draw_agreement(axes, prediction.mask_true, prediction.mask_pred)
    zoom_in(axes, shown)


def _draw_legend(sheet: Sheet) -> None:
    """Say what the colours of the agreement mean."""
    handles = [
        Line2D(
            [],
            [],
            color=OVERLAP_COLOUR,
            linewidth=OUTLINE_WIDTH,
            path_effects=OVERLAP_EDGE,
            label="overlap of true and predicted mask",
        ),
        Patch(color=MISSED_COLOUR, label="missed: true only"),
        Patch(color=FALSE_POSITIVE_COLOUR, label="false positive: predicted only"),
    ]
    sheet.legend(MARGIN, 0.02, handles)


def _draw_colour_bar(sheet: Sheet, top: float, threshold: float) -> None:
    """Draw the colours of the probabilities, with a mark at the threshold."""
    sheet.text(MARGIN, top, "probability")
    axes = sheet.axes(MARGIN + 0.85, top + 0.02, 2 * PANEL_SIZE, 0.11)
    mappable = ScalarMappable(cmap=PROBABILITY_COLOURMAP)
    mappable.set_clim(0, 1)
    sheet.figure.colorbar(mappable, cax=axes, orientation="horizontal", ticks=[0, 0.25, 0.5, 0.75, 1])
    axes.axvline(threshold, color=SKY_BLUE, linewidth=2)
    sheet.text(MARGIN + 0.95 + 2 * PANEL_SIZE, top, f"blue mark: threshold, {threshold:g}")


def _draw_nothing(title: str, reason: str, path: Path, warnings: Sequence[str]) -> None:
    """Write a figure that only says why there is nothing to show."""
    sheet = Sheet(SHEET_WIDTH, 1, title=title, warnings=warnings)
    sheet.text(MARGIN, 0.2, f"Nothing to show: {reason}", size=11)
    sheet.save(path)
