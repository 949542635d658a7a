"""The sheet: parts below title and warnings, titles that fit, and the same bytes twice for every figure drawn on it."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import matplotlib.style
import pandas as pd
import pytest

from brainseg.figures.learning_curve import draw_learning_curve
from brainseg.figures.predictions import SHEET_WIDTH, draw_patients, draw_predictions
from brainseg.figures.sheet import DPI, FIGURE_STYLE, MARGIN, Sheet
from brainseg.figures.slices import draw_slices
from brainseg.figures.text import Title
from brainseg.figures.warning_lines import LEAKY, SYNTHETIC
from tests.figures.panels import box_of, check_texts, grey_image, one_slice, slice_prediction, square_mask


def test_title_that_fits_is_left_alone() -> None:
    fits = Sheet(5, 1, title="").title(0, 0, Title(patient_id="TCGA_DU_7010_19860307", after=", slice 1"), width=4)
    assert fits.get_text() == "TCGA_DU_7010_19860307, slice 1"
    long = Title(patient_id="A" + "W" * 200 + "Z", after=", slice 1")
    shortened = Sheet(5, 1, title="").title(0, 0, long, width=4)
    assert shortened.get_text().startswith("AW")
    assert shortened.get_text().endswith("WZ, slice 1")
    width = shortened.get_window_extent().width
    assert 3.7 * DPI < width <= 4 * DPI  # no shorter than needed


@pytest.mark.parametrize("warnings", [[], [SYNTHETIC], [SYNTHETIC, LEAKY]])
@matplotlib.style.context(FIGURE_STYLE)
def test_content_starts_below_title_and_warnings(warnings: list[str]) -> None:
    """Also on the narrowest sheet."""
    sheet = Sheet(SHEET_WIDTH, 1, title="title", warnings=warnings)
    sheet.text(MARGIN, 0, "content")
    axes = sheet.axes(MARGIN + 2, 0.5, 1, 0.25)
    check_texts(sheet)
    boxes = [box_of(text) for text in sheet.figure.texts]
    assert [text.get_text() for text in sheet.figure.texts] == ["title", *warnings, "content"]
    assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(boxes))
    assert axes.bbox.bounds == pytest.approx(((MARGIN + 2) * DPI, 0.25 * DPI, DPI, 0.25 * DPI))


@pytest.mark.parametrize(
    "draw",
    [
        lambda path: draw_slices([one_slice(grey_image(), square_mask())], path),
        lambda path: draw_learning_curve(
            pd.DataFrame({"epoch": [1, 2, 3], "loss": [0.9, 0.6, 0.5], "val_loss": [1.0, 0.5, 0.7]}),
            path,
            loss="bce_dice",
        ),
        lambda path: draw_predictions([slice_prediction()], path),
        lambda path: draw_patients([(Title(patient_id="title"), [slice_prediction()])], path),
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
