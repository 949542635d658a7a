"""Figures of predictions: which panels, outlines in which colour, and warnings."""

from pathlib import Path

import matplotlib
import numpy as np

from brainseg.figures.predictions import ROW_WIDTH, draw_patients, draw_predictions
from brainseg.figures.sheet import (
    DPI,
    LINE_HEIGHT,
    MARGIN,
    PREDICTED_COLOUR,
    ROW_HEIGHT,
    TRUE_COLOUR,
    WARNING_COLOUR,
)
from tests.figures.panels import of_colour, panel_of, read_png, slice_prediction, square_mask


def test_predictions_show_the_five_panels(tmp_path: Path) -> None:
    draw_predictions([slice_prediction()], tmp_path / "predictions.png")
    figure = read_png(tmp_path / "predictions.png")
    assert figure.shape[1] == round((ROW_WIDTH + 2 * MARGIN) * DPI)
    true = square_mask().repeat(2, axis=0).repeat(2, axis=1)
    predicted = np.roll(true, 16, axis=1)
    np.testing.assert_array_equal(panel_of(figure, 1)[..., 0] == 255, true)
    np.testing.assert_array_equal(panel_of(figure, 3)[..., 0] == 255, predicted)
    colour = np.array(matplotlib.colormaps["inferno"](0.75, bytes=True)[:3])
    np.testing.assert_array_equal((panel_of(figure, 2) == colour).all(axis=-1), predicted)
    outlines = panel_of(figure, 4)
    assert not of_colour(panel_of(figure, 0), TRUE_COLOUR).any()
    middle = outlines[96]  # a row through both squares: true 96..192, predicted 112..208
    assert of_colour(middle, TRUE_COLOUR)[[95, 96, 191, 192]].all()
    assert of_colour(middle, PREDICTED_COLOUR)[110:114].any()
    assert not of_colour(middle, PREDICTED_COLOUR)[115:205].any()


def test_figures_without_a_slice_say_so(tmp_path: Path) -> None:
    draw_predictions([], tmp_path / "predictions.png")
    draw_patients([], tmp_path / "patients.png")
    for name in ("predictions.png", "patients.png"):
        assert 0 < (read_png(tmp_path / name) < 128).mean() < 0.05  # a sentence, no panel


def test_warning_of_the_leak_is_written_in_the_figures(tmp_path: Path) -> None:
    for leaky in (False, True):
        draw_predictions([slice_prediction()], tmp_path / "predictions.png", leaky=leaky)
        draw_patients([("title", [slice_prediction()])], tmp_path / "patients.png", leaky=leaky)
        for name in ("predictions.png", "patients.png"):
            bottom = read_png(tmp_path / name)[-round((MARGIN + 0.2) * DPI) :]
            assert of_colour(bottom, WARNING_COLOUR).any() == leaky


def test_each_patient_has_a_row_of_outlines(tmp_path: Path) -> None:
    draw_patients([("best", [slice_prediction()] * 5), ("worst", [slice_prediction()])], tmp_path / "patients.png")
    figure = read_png(tmp_path / "patients.png")
    row_height = ROW_HEIGHT + LINE_HEIGHT
    for row, column in [(0, 0), (0, 4), (1, 0)]:
        drawn = panel_of(figure, column, top=MARGIN + row * row_height + LINE_HEIGHT)
        assert of_colour(drawn, TRUE_COLOUR).any()
        assert of_colour(drawn, PREDICTED_COLOUR).any()
    assert (panel_of(figure, 1, top=MARGIN + row_height + LINE_HEIGHT) == 255).all()
