"""The sheet: titles that fit, and the same bytes twice for every figure drawn on it."""

from collections.abc import Callable
from pathlib import Path

import matplotlib
import pandas as pd
import pytest

from brainseg.figures.learning_curve import draw_learning_curve
from brainseg.figures.predictions import draw_patients, draw_predictions
from brainseg.figures.sheet import DPI, Sheet
from brainseg.figures.slices import draw_slices
from tests.figures.panels import grey_image, slice_prediction, square_mask


def test_title_that_fits_is_left_alone() -> None:
    assert Sheet(5, 1).title(0, 0, "TCGA_DU_7010_19860307", width=4).get_text() == "TCGA_DU_7010_19860307"
    shortened = Sheet(5, 1).title(0, 0, "A" + "W" * 200 + "Z", width=4)
    assert shortened.get_text().startswith("AW")
    assert shortened.get_text().endswith("WZ")
    assert shortened.get_window_extent().width <= 4 * DPI


@pytest.mark.parametrize(
    "draw",
    [
        lambda path: draw_slices([("title", grey_image(), square_mask())], path),
        lambda path: draw_learning_curve(
            pd.DataFrame({"epoch": [1, 2, 3], "loss": [0.9, 0.6, 0.5], "val_loss": [1.0, 0.5, 0.7]}),
            path,
            loss="bce_dice",
        ),
        lambda path: draw_predictions([slice_prediction()], path),
        lambda path: draw_patients([("title", [slice_prediction()])], path),
    ],
    ids=["slices", "learning_curve", "predictions", "patients"],
)
def test_same_bytes_twice_whatever_the_users_settings(tmp_path: Path, draw: Callable[[Path], None]) -> None:
    draw(tmp_path / "first.png")
    settings = {"font.size": 20, "axes.facecolor": "black", "image.origin": "lower", "savefig.bbox": "tight"}
    with matplotlib.rc_context(settings):
        draw(tmp_path / "second.png")
    content = (tmp_path / "first.png").read_bytes()
    assert content == (tmp_path / "second.png").read_bytes()
    assert b"Matplotlib" not in content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.png", "second.png"]
