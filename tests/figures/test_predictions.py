"""Figures of predictions: which panels, legends, warnings, and any patient_id."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest

from brainseg.figures.panels import FALSE_POSITIVE_COLOUR, MISSED_COLOUR
from brainseg.figures.predictions import draw_patients, draw_predictions
from brainseg.figures.sheet import WARNING_COLOUR
from brainseg.figures.text import Title
from brainseg.figures.warning_lines import LEAKY, SYNTHETIC
from tests.figures.panels import (
    check_texts,
    of_colour,
    panels_of,
    read_png,
    saved_sheets,
    slice_prediction,
    square_mask,
    written,
)


def test_predictions_show_the_five_panels(tmp_path: Path) -> None:
    with saved_sheets() as sheets:
        draw_predictions([slice_prediction()], tmp_path / "predictions.png")
    flair, true_mask, probability, predicted_mask, close_up = panels_of(sheets[0], tmp_path / "predictions.png")
    true = square_mask().repeat(2, axis=0).repeat(2, axis=1)
    predicted = np.roll(true, 16, axis=1)
    assert (flair.max(axis=-1) == flair.min(axis=-1)).all()
    np.testing.assert_array_equal(true_mask[..., 0] == 255, true)
    np.testing.assert_array_equal(predicted_mask[..., 0] == 255, predicted)
    colour = np.array(matplotlib.colormaps["inferno"](0.75, bytes=True)[:3])
    np.testing.assert_array_equal((probability == colour).all(axis=-1), predicted)
    for colour in (MISSED_COLOUR, FALSE_POSITIVE_COLOUR):
        assert of_colour(close_up, colour).any()
    for text in ("TCGA_CS_0001_20000101, slice 7, Dice 0.83", "blue mark: threshold, 0.5", "missed: true only"):
        assert text in written(sheets[0])


@pytest.mark.parametrize("count", [1, 12])
def test_predictions_are_at_most_1600_pixels_wide(tmp_path: Path, count: int) -> None:
    with saved_sheets() as sheets:
        draw_predictions([slice_prediction()] * count, tmp_path / "predictions.png")
    assert read_png(tmp_path / "predictions.png").shape[1] <= 1600
    assert len(panels_of(sheets[0], tmp_path / "predictions.png")) == 5 * count


def test_figures_without_a_slice_say_so(tmp_path: Path) -> None:
    with saved_sheets() as sheets:
        draw_predictions([], tmp_path / "predictions.png")
        draw_patients([], tmp_path / "patients.png", warnings=[SYNTHETIC])
    assert "Nothing to show: No test slice contains tumour." in written(sheets[0])
    assert "Nothing to show: No test patient has a defined Dice score." in written(sheets[1])
    for sheet in sheets:
        check_texts(sheet)


@pytest.mark.parametrize("warnings", [[], [SYNTHETIC], [SYNTHETIC, LEAKY]])
def test_warnings_are_written_in_red(tmp_path: Path, warnings: list[str]) -> None:
    with saved_sheets() as sheets:
        draw_predictions([slice_prediction()], tmp_path / "predictions.png", warnings=warnings)
        draw_patients([(Title(patient_id="a"), [slice_prediction()])], tmp_path / "patients.png", warnings=warnings)
    for sheet, name in zip(sheets, ("predictions.png", "patients.png"), strict=True):
        check_texts(sheet)
        assert [line for line in (SYNTHETIC, LEAKY) if line in written(sheet)] == warnings
        assert of_colour(read_png(tmp_path / name)[:200], WARNING_COLOUR).any() == bool(warnings)


def test_each_patient_has_a_row_of_close_ups_of_the_same_part(tmp_path: Path) -> None:
    low = np.zeros((128, 128), np.bool_)
    low[100:110, 10:20] = True
    slices = [slice_prediction(), slice_prediction(mask_true=low, mask_pred=low)]
    with saved_sheets() as sheets:
        draw_patients(
            [(Title(patient_id="best"), slices * 2), (Title(patient_id="worst"), slices[:1])], tmp_path / "patients.png"
        )
    panels = panels_of(sheets[0], tmp_path / "patients.png")
    assert len(panels) == 5
    for row in (0, 2, 4):
        for colour in (MISSED_COLOUR, FALSE_POSITIVE_COLOUR):
            assert of_colour(panels[row], colour).any()
    limits = [(*axes.get_xlim(), *axes.get_ylim()) for axes in sheets[0].figure.axes]
    assert limits[0] == limits[1] == limits[2] == limits[3] != limits[4]
    check_texts(sheets[0])


@pytest.mark.parametrize(
    "patient_id", ["W" * 255, "张伟" * 100, "สมชาย", "$x_{$", "a\nb", "\N{RIGHT-TO-LEFT OVERRIDE}a"]
)
def test_any_patient_id_fits_and_nothing_else_is_shortened(tmp_path: Path, patient_id: str) -> None:
    after = ", Dice 0.52, true volume 123,456 voxels, predicted 234,567"
    title = Title(before="Median of 110: ", patient_id=patient_id, after=after)
    with saved_sheets() as sheets:
        draw_predictions([slice_prediction(patient_id=patient_id)], tmp_path / "a.png")
        draw_patients([(title, [slice_prediction()] * 5)], tmp_path / "b.png")
    for sheet in sheets:
        check_texts(sheet)
    assert after in written(sheets[1])
    assert "Median of 110: " in written(sheets[1])
