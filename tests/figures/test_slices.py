"""Pictures: what is drawn where, in which colour, and the same bytes twice."""

from collections.abc import Callable
from pathlib import Path

import cv2
import matplotlib
import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from brainseg.figures import sheet as figures
from brainseg.figures.learning_curve import draw_learning_curve
from brainseg.figures.predictions import FULL, draw_patients, draw_predictions
from brainseg.figures.selection import SlicePrediction
from brainseg.figures.sheet import DPI, GAP, LINE, MARGIN, PANEL, TRUE_COLOUR, Sheet
from brainseg.figures.slices import draw_slices
from brainseg.imaging.volume import FLAIR, BoolArray, ByteArray

SIDE = round(PANEL * DPI)  # pixels of a panel


def read(path: Path) -> ByteArray:
    """A picture, shape (H, W, 3), uint8, RGB."""
    return np.asarray(cv2.imread(str(path))[..., ::-1], dtype=np.uint8)


def panel(picture: ByteArray, column: int, *, top: float = MARGIN + LINE + LINE) -> ByteArray:
    """The panel in a column of the first row, shape (SIDE, SIDE, 3); `top` in inches."""
    left, down = round((MARGIN + column * (PANEL + GAP)) * DPI), round(top * DPI)
    return picture[down : down + SIDE, left : left + SIDE]


def of_colour(picture: ByteArray, colour: str) -> BoolArray:
    """Which pixels have a colour, but for the smoothing of edges."""
    wanted = np.array(matplotlib.colors.to_rgb(colour)) * 255
    return np.asarray(np.abs(picture - wanted).max(axis=-1) < 40)


def square(size: int = 128) -> BoolArray:
    """A mask with a square of tumour."""
    mask = np.zeros((size, size), dtype=np.bool_)
    mask[32:64, 48:96] = True
    return mask


def grey(size: int = 128) -> ByteArray:
    """Noise that never comes near a colour of the outlines."""
    return np.repeat(np.random.default_rng(2).integers(20, 90, (size, size, 1), dtype=np.uint8), 3, axis=-1)


def prediction(**changes: object) -> SlicePrediction:
    """A slice whose prediction lies 8 pixels to the right of the truth."""
    whole: dict[str, object] = {
        "patient_id": "TCGA_CS_0001_20000101",
        "slice_number": 7,
        "flair": grey()[..., FLAIR],
        "mask_true": square(),
        "probability": np.roll(square(), 8, axis=1).astype(np.float32) * 0.75,
        "mask_pred": np.roll(square(), 8, axis=1),
        "threshold": 0.5,
    }
    return SlicePrediction(**{**whole, **changes})  # type: ignore[arg-type]


def history(**columns: list[float]) -> pd.DataFrame:
    losses = {"loss": [0.9, 0.6, 0.5, 0.4], "val_loss": [1.0, 0.7, 0.5, 0.6], **columns}
    return pd.DataFrame({"epoch": range(1, len(losses["loss"]) + 1), **losses})


@pytest.mark.parametrize("size", [64, 128, 256])
def test_slices_are_drawn_pixel_by_pixel(tmp_path: Path, size: int) -> None:
    image = np.random.default_rng(1).integers(0, 256, (size, size, 3), dtype=np.uint8)
    mask = np.random.default_rng(2).random((size, size)) > 0.5
    draw_slices([("one", image, mask)] * 4, tmp_path / "slices.png")
    picture = read(tmp_path / "slices.png")
    times = SIDE // size
    np.testing.assert_array_equal(panel(picture, 0), image.repeat(times, axis=0).repeat(times, axis=1))
    np.testing.assert_array_equal(panel(picture, 1)[..., 0] == 255, mask.repeat(times, axis=0).repeat(times, axis=1))


def test_outline_is_on_the_border_of_the_mask_and_nowhere_else(tmp_path: Path) -> None:
    draw_slices([("one", grey(), square())], tmp_path / "slices.png")
    outline = of_colour(panel(read(tmp_path / "slices.png"), 2), TRUE_COLOUR)
    doubled = square().repeat(2, axis=0).repeat(2, axis=1).astype(np.uint8)
    kernel = np.ones((3, 3), np.uint8)
    border = cv2.dilate(doubled, kernel) != cv2.erode(doubled, kernel)  # two pixels wide
    assert outline[border].mean() > 0.95
    assert not outline[cv2.dilate(border.astype(np.uint8), kernel, iterations=2) == 0].any()


def test_outline_is_closed_at_the_edge_of_the_picture(tmp_path: Path) -> None:
    draw_slices([("one", grey(), np.ones((128, 128), np.bool_))], tmp_path / "slices.png")
    outline = of_colour(panel(read(tmp_path / "slices.png"), 2), TRUE_COLOUR)
    assert outline[0].all()
    assert outline[-1].all()
    assert outline[:, 0].all()
    assert outline[:, -1].all()


def test_slice_without_tumour_has_no_outline(tmp_path: Path) -> None:
    draw_slices([("one", grey(), np.zeros((128, 128), np.bool_))], tmp_path / "slices.png")
    assert not of_colour(read(tmp_path / "slices.png"), TRUE_COLOUR).any()


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (2, 1, 2), (3, 2, 2), (4, 2, 2), (5, 2, 3)])
def test_slices_lie_in_two_columns(tmp_path: Path, count: int, columns: int, rows: int) -> None:
    draw_slices([("one", grey(), square())] * count, tmp_path / "slices.png")
    picture = read(tmp_path / "slices.png")
    wide, high = round((3 * PANEL + 2 * GAP + MARGIN) * DPI), round(figures.ROW * DPI)
    assert picture.shape[1] == pytest.approx(columns * wide + MARGIN * DPI, abs=1)
    centres = [picture[150 + row * high, 150 + column * wide] for column in range(columns) for row in range(rows)]
    assert sum(bool(np.any(centre < 255)) for centre in centres) == count


def test_black_slice_of_any_shape_and_any_title(tmp_path: Path) -> None:
    black = np.zeros((20, 33, 3), dtype=np.uint8)
    draw_slices([("a $x$ _{ " + "W" * 200, black, np.zeros((20, 33), np.bool_))], tmp_path / "slices.png")
    picture = read(tmp_path / "slices.png")
    assert (picture[:, -round(MARGIN * DPI) + 2 :] == 255).all()  # the title ends where the panels do


def test_title_that_fits_is_left_alone() -> None:
    assert Sheet(5, 1).title(0, 0, "TCGA_DU_7010_19860307", width=4).get_text() == "TCGA_DU_7010_19860307"
    short = Sheet(5, 1).title(0, 0, "A" + "W" * 200 + "Z", width=4)
    assert short.get_text().startswith("AW")
    assert short.get_text().endswith("WZ")
    assert short.get_window_extent().width <= 4 * DPI


def test_least_epoch_is_the_first_of_the_least() -> None:
    assert figures.least_epoch(history(val_loss=[0.9, 0.5, 0.7, 0.5])) == (2, 0.5)
    assert figures.least_epoch(history(val_loss=[np.nan, -np.inf, 0.7, 0.6])) == (4, 0.6)
    assert figures.least_epoch(history(val_loss=[np.nan] * 4)) is None


def test_learning_curve_has_the_notebooks_colours_and_marker() -> None:
    axes = Figure().add_subplot()
    figures.plot_learning_curve(axes, history(), "log loss")
    training, validation, marker = axes.lines
    assert (training.get_color(), list(training.get_ydata())) == (figures.TRAINING_COLOUR, [0.9, 0.6, 0.5, 0.4])
    assert (validation.get_color(), list(validation.get_ydata())) == (figures.VALIDATION_COLOUR, [1.0, 0.7, 0.5, 0.6])
    assert (marker.get_color(), list(marker.get_xdata()), list(marker.get_ydata())) == (
        figures.LEAST_COLOUR,
        [3],
        [0.5],
    )
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "log loss")
    assert [round(tick, 6) for tick in axes.get_xticks() if 0.5 <= tick <= 4.5] == [1, 2, 3, 4]


@pytest.mark.parametrize("epochs", [1, 4])
def test_learning_curve_shows_the_marker_unless_no_validation_loss_is_a_number(tmp_path: Path, epochs: int) -> None:
    draw_learning_curve(history()[:epochs], tmp_path / "curve.png", loss="bce_dice", deep_supervision=epochs > 1)
    assert of_colour(read(tmp_path / "curve.png"), figures.LEAST_COLOUR).sum() > 100
    draw_learning_curve(history(val_loss=[np.nan] * 4), tmp_path / "curve.png", loss="bce_dice")
    assert not of_colour(read(tmp_path / "curve.png"), figures.LEAST_COLOUR).any()


def test_predictions_show_the_five_panels(tmp_path: Path) -> None:
    draw_predictions([prediction()], tmp_path / "predictions.png")
    picture = read(tmp_path / "predictions.png")
    assert picture.shape[1] == round((FULL + 2 * MARGIN) * DPI)
    truth = square().repeat(2, axis=0).repeat(2, axis=1)
    found = np.roll(truth, 16, axis=1)
    np.testing.assert_array_equal(panel(picture, 1)[..., 0] == 255, truth)
    np.testing.assert_array_equal(panel(picture, 3)[..., 0] == 255, found)
    colour = np.array(matplotlib.colormaps["inferno"](0.75, bytes=True)[:3])
    np.testing.assert_array_equal((panel(picture, 2) == colour).all(axis=-1), found)
    outlines = panel(picture, 4)
    assert not of_colour(panel(picture, 0), TRUE_COLOUR).any()
    middle = outlines[96]  # a line across both squares: truth 96..192, prediction 112..208
    assert of_colour(middle, TRUE_COLOUR)[[95, 96, 191, 192]].all()
    assert of_colour(middle, figures.PREDICTED_COLOUR)[110:114].any()
    assert not of_colour(middle, figures.PREDICTED_COLOUR)[115:205].any()


def test_predictions_without_a_slice_say_so(tmp_path: Path) -> None:
    draw_predictions([], tmp_path / "predictions.png")
    draw_patients([], tmp_path / "patients.png")
    for name in ("predictions.png", "patients.png"):
        assert 0 < (read(tmp_path / name) < 128).mean() < 0.05  # a sentence, no panel


def test_leak_is_written_in_the_pictures(tmp_path: Path) -> None:
    for leaky in (False, True):
        draw_predictions([prediction()], tmp_path / "predictions.png", leaky=leaky)
        draw_patients([("one", [prediction()])], tmp_path / "patients.png", leaky=leaky)
        for name in ("predictions.png", "patients.png"):
            bottom = read(tmp_path / name)[-round((MARGIN + 0.2) * DPI) :]
            assert of_colour(bottom, figures.WARNING_COLOUR).any() == leaky


def test_patients_have_a_row_each_and_their_outlines(tmp_path: Path) -> None:
    draw_patients([("best", [prediction()] * 5), ("worst", [prediction()])], tmp_path / "patients.png")
    picture = read(tmp_path / "patients.png")
    row = figures.ROW + LINE
    for down, column in [(0, 0), (0, 4), (1, 0)]:
        drawn = panel(picture, column, top=MARGIN + down * row + LINE)
        assert of_colour(drawn, TRUE_COLOUR).any()
        assert of_colour(drawn, figures.PREDICTED_COLOUR).any()
    assert (panel(picture, 1, top=MARGIN + row + LINE) == 255).all()


@pytest.mark.parametrize(
    "draw",
    [
        lambda path: draw_slices([("one", grey(), square())], path),
        lambda path: draw_learning_curve(history(), path, loss="bce_dice"),
        lambda path: draw_predictions([prediction()], path),
        lambda path: draw_patients([("one", [prediction()])], path),
    ],
    ids=["slices", "learning_curve", "predictions", "patients"],
)
def test_same_bytes_twice_whatever_the_users_settings(tmp_path: Path, draw: Callable[[Path], None]) -> None:
    draw(tmp_path / "first.png")
    settings = {"font.size": 20, "axes.facecolor": "black", "image.origin": "lower", "savefig.bbox": "tight"}
    with matplotlib.rc_context(settings):
        draw(tmp_path / "again.png")
    content = (tmp_path / "first.png").read_bytes()
    assert content == (tmp_path / "again.png").read_bytes()
    assert b"Matplotlib" not in content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.png", "first.png"]
