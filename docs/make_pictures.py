"""Draw the pictures of README and docs/ from the last run; those that are committed show the default parameters.

From the root of the project, after dvc repro: python -m docs.make_pictures
docs/make_augmentations.py draws augmentations.png.
"""

import shutil
from pathlib import Path
from typing import Any

import matplotlib.style
import pandas as pd
from matplotlib.lines import Line2D

from brainseg.evaluation.cases import Case, read_cases
from brainseg.evaluation.patient_scores import PATIENT_COLUMNS
from brainseg.figures.panels import draw_outline, grey_panel, zoom_in
from brainseg.figures.predictions import PROBABILITY_COLOURMAP, draw_predictions
from brainseg.figures.selection import SlicePrediction, choose_patients, sample_tumour_slices, slice_predictions
from brainseg.figures.sheet import (
    BLUE,
    FIGURE_STYLE,
    LINE_HEIGHT,
    MARGIN,
    ORANGE,
    PANEL_GAP,
    PANEL_SIZE,
    SKY_BLUE,
    Sheet,
    panel_left,
)
from brainseg.figures.text import fit
from brainseg.figures.warning_lines import warning_lines
from brainseg.files import INDEX_COLUMNS, SPLIT_COLUMNS, read_table, select_subset
from brainseg.params import Params, load_params
from brainseg.prediction.operating_point import read_operating_point

IMAGES = Path("docs/images")
COPIED = ("learning_curve.png", "patients.png")  # from plots/pictures
ROWS = 4  # slices in the grid of predictions
GREY = "0.6"


def read_test_cases(params: Params, rows: pd.DataFrame, index: pd.DataFrame) -> dict[str, Case]:
    """Read the patients of rows of data/index.csv with their predictions: patient_id -> case."""
    cases = read_cases(rows, index=index, root=Path(params.data.root), predictions=Path("data/predictions"))
    return {case.volume.patient_id: case for case in cases}


@matplotlib.style.context(FIGURE_STYLE)
def draw_triptych(shown: SlicePrediction, path: Path) -> None:
    """Draw a slice three times: FLAIR, with both outlines, and the probability."""
    sheet = Sheet(3 * PANEL_SIZE + 2 * PANEL_GAP + 2 * MARGIN, LINE_HEIGHT + PANEL_SIZE + 0.9, title="A slice outlined")
    sheet.headings(0, ("FLAIR", "outlines", "probability"))
    flair = grey_panel(sheet, panel_left(0), LINE_HEIGHT, shown.flair, shown.mask_any)
    outlined = grey_panel(sheet, panel_left(1), LINE_HEIGHT, shown.flair, shown.mask_any)
    draw_outline(outlined, shown.mask_true, SKY_BLUE)
    draw_outline(outlined, shown.mask_pred, ORANGE)
    probability = sheet.panel(panel_left(2), LINE_HEIGHT, shown.probability, cmap=PROBABILITY_COLOURMAP, vmin=0, vmax=1)
    for axes in (flair, outlined, probability):
        zoom_in(axes, shown.mask_any)
    outlines = {"reference": SKY_BLUE, "prediction": ORANGE}
    top = LINE_HEIGHT + PANEL_SIZE
    sheet.legend(MARGIN, top + 0.1, [Line2D([], [], color=colour, label=name) for name, colour in outlines.items()])
    sheet.caption(
        top + 0.4,
        f"A synthetic patient. Dice of this slice: {shown.dice:.2f}.",
        "Probability: black is 0, light yellow is 1.",
    )
    sheet.save(path)


@matplotlib.style.context(FIGURE_STYLE)
def draw_dice_by_patient(patients: pd.DataFrame, path: Path) -> None:
    """Draw the Dice of each test patient, beside that of the FLAIR threshold.

    Args:
        patients: rows of metrics/patients.csv.
        path: the PNG to write.
    """
    ranked = patients.sort_values(["dice", "patient_id"], ignore_index=True)
    height = 0.22 * len(ranked)
    sheet = Sheet(7.2, height + 1.05, title="Dice of each test patient", warnings=warning_lines(ranked["patient_id"]))
    scores = {"network": ("dice", BLUE), "FLAIR threshold": ("flair_dice", GREY)}
    dots: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 6}
    sheet.legend(2.2, 0, [Line2D([], [], color=colour, label=name, **dots) for name, (_, colour) in scores.items()])
    axes = sheet.axes(2.2, 0.3, 4.6, height)
    axes.hlines(ranked.index, ranked["flair_dice"], ranked["dice"], color="0.85", linewidth=2)
    for column, colour in scores.values():
        axes.plot(ranked[column], ranked.index, color=colour, **dots, clip_on=False, zorder=3)
    axes.set_yticks(ranked.index, [fit(patient_id, 24) for patient_id in ranked["patient_id"]])
    axes.set(xlim=(0, 1), ylim=(-0.6, len(ranked) - 0.4), xlabel="Dice of the whole volume")
    axes.tick_params(left=False)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    sheet.save(path)


def main() -> None:
    """Write the pictures."""
    params = load_params()
    index = read_table(Path("data/index.csv"), INDEX_COLUMNS)
    test = select_subset(index, read_table(Path("data/split.csv"), SPLIT_COLUMNS), "test")
    patients = read_table(Path("metrics/patients.csv"), PATIENT_COLUMNS)
    point = read_operating_point(Path("models/operating_point.json"))
    warnings = warning_lines(index["patient_id"])

    cases = read_test_cases(params, test, index)
    median = list(choose_patients(patients))[1]
    draw_triptych(
        max(slice_predictions(cases[median], point), key=lambda shown: shown.mask_true.sum()), IMAGES / "triptych.png"
    )
    drawn = sample_tumour_slices(test, count=ROWS, seed=params.visualise.seed)
    wanted = set(zip(drawn["patient_id"], drawn["slice_number"], strict=True))
    slices = [shown for case in cases.values() for shown in slice_predictions(case, point)]
    slices = [shown for shown in slices if (shown.patient_id, shown.slice_number) in wanted]
    draw_predictions(slices, IMAGES / "predictions.png", warnings=warnings)
    draw_dice_by_patient(patients, IMAGES / "dice_by_patient.png")
    for name in COPIED:
        shutil.copyfile(Path("plots/pictures") / name, IMAGES / name)


if __name__ == "__main__":
    main()
