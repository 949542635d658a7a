"""The learning curve: the notebook's colours, a marker at the lowest validation loss, an axis that does not flatten."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from brainseg.figures import learning_curve
from brainseg.figures.learning_curve import MINIMUM_COLOUR, best_epoch, draw_learning_curve, plot_learning_curve
from brainseg.figures.warning_lines import LEAKY, SYNTHETIC
from tests.figures.panels import check_texts, of_colour, read_png, saved_sheets, written


def history(**columns: list[float]) -> pd.DataFrame:
    """Make a training of four epochs, lowest validation loss in the third."""
    losses = {"loss": [0.9, 0.6, 0.5, 0.4], "val_loss": [1.0, 0.7, 0.5, 0.6], **columns}
    return pd.DataFrame({"epoch": range(1, len(losses["loss"]) + 1), **losses})


def test_best_epoch_is_the_first_with_the_lowest_finite_loss() -> None:
    assert best_epoch(history(val_loss=[0.9, 0.5, 0.7, 0.5])) == (2, 0.5)
    assert best_epoch(history(val_loss=[np.nan, -np.inf, 0.7, 0.6])) == (4, 0.6)
    assert best_epoch(history(val_loss=[np.nan] * 4)) is None


def test_learning_curve_has_the_notebooks_colours_and_marker() -> None:
    axes = Figure().add_subplot()
    plot_learning_curve(axes, history())
    training, validation, marker = axes.lines
    assert training.get_color() == learning_curve.TRAINING_COLOUR
    assert list(training.get_ydata()) == [0.9, 0.6, 0.5, 0.4]
    assert validation.get_color() == learning_curve.VALIDATION_COLOUR
    assert list(validation.get_ydata()) == [1.0, 0.7, 0.5, 0.6]
    assert (marker.get_color(), list(marker.get_xdata()), list(marker.get_ydata())) == (MINIMUM_COLOUR, [3], [0.5])
    (legend,) = (text.get_text() for text in axes.get_legend().get_texts())
    assert legend == "lowest validation loss: 0.5 in epoch 3"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss")
    assert [round(tick, 6) for tick in axes.get_xticks() if 0.5 <= tick <= 4.5] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("val_loss", "logarithmic"),
    [
        ([4.0, 0.7, 0.5, 0.6], False),  # 4.0 is 10 times 0.4, the lowest training loss
        ([6.7, 0.7, 0.5, 0.6], True),
        ([np.inf, 0.7, 0.5, np.nan], False),
        ([6.7, 0.7, 0.0, 0.6], False),  # a logarithmic axis would hide the 0
        ([6.7, 0.7, -0.1, 0.6], False),
    ],
)
def test_axis_is_logarithmic_if_a_linear_one_would_flatten_the_curve(
    tmp_path: Path, val_loss: list[float], logarithmic: bool
) -> None:
    with saved_sheets() as sheets:
        draw_learning_curve(history(val_loss=val_loss), tmp_path / "curve.png", loss="bce_dice")
    (axes,) = sheets[0].figure.axes
    assert axes.get_yscale() == ("log" if logarithmic else "linear")
    assert ("logarithmic" in axes.get_ylabel()) == logarithmic
    assert ("The vertical axis is logarithmic" in written(sheets[0])) == logarithmic
    check_texts(sheets[0])
    if logarithmic:  # labelled ticks beside the curves, not only at powers of ten
        low, high = axes.get_ylim()
        assert [tick for tick in axes.get_yticks() if low <= tick <= high] == [0.5, 1, 2, 5]


@pytest.mark.parametrize(
    ("loss", "scale", "epochs"),
    [("binary_cross_entropy", 1e-6, 4), ("soft_dice", 1.0, 1), ("bce_dice", 1e6, 300), ("bce_dice", 0.05, 20)],
)
def test_no_text_is_cut_off(tmp_path: Path, loss: str, scale: float, epochs: int) -> None:
    falling = np.geomspace(20, 0.1, epochs) * scale
    table = pd.DataFrame({"epoch": range(1, epochs + 1), "loss": falling, "val_loss": falling[::-1]})
    with saved_sheets() as sheets:
        draw_learning_curve(
            table, tmp_path / "curve.png", loss=loss, deep_supervision=True, warnings=[SYNTHETIC, LEAKY]
        )
    check_texts(sheets[0])
    for text in ("training loss", "validation loss", learning_curve.LOSS_NAMES[loss], "three resolutions", SYNTHETIC):
        assert text in written(sheets[0])


@pytest.mark.parametrize("epochs", [1, 4])
def test_marker_is_drawn_unless_every_validation_loss_is_nan(tmp_path: Path, epochs: int) -> None:
    draw_learning_curve(history()[:epochs], tmp_path / "curve.png", loss="bce_dice", deep_supervision=epochs > 1)
    assert of_colour(read_png(tmp_path / "curve.png"), MINIMUM_COLOUR).sum() > 100
    draw_learning_curve(history(val_loss=[np.nan] * 4), tmp_path / "curve.png", loss="bce_dice")
    assert not of_colour(read_png(tmp_path / "curve.png"), MINIMUM_COLOUR).any()
