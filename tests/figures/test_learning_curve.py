"""The learning curve: the notebook's colours, and a marker at the lowest validation loss."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from brainseg.figures import learning_curve
from brainseg.figures.learning_curve import MINIMUM_COLOUR, best_epoch, draw_learning_curve, plot_learning_curve
from tests.figures.panels import of_colour, read_png


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
    plot_learning_curve(axes, history(), "log loss")
    training, validation, marker = axes.lines
    assert training.get_color() == learning_curve.TRAINING_COLOUR
    assert list(training.get_ydata()) == [0.9, 0.6, 0.5, 0.4]
    assert validation.get_color() == learning_curve.VALIDATION_COLOUR
    assert list(validation.get_ydata()) == [1.0, 0.7, 0.5, 0.6]
    assert (marker.get_color(), list(marker.get_xdata()), list(marker.get_ydata())) == (MINIMUM_COLOUR, [3], [0.5])
    assert marker.get_label() == "minimum: 0.5 at epoch 3"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "log loss")
    assert [round(tick, 6) for tick in axes.get_xticks() if 0.5 <= tick <= 4.5] == [1, 2, 3, 4]


@pytest.mark.parametrize("epochs", [1, 4])
def test_marker_is_drawn_unless_every_validation_loss_is_nan(tmp_path: Path, epochs: int) -> None:
    draw_learning_curve(history()[:epochs], tmp_path / "curve.png", loss="bce_dice", deep_supervision=epochs > 1)
    assert of_colour(read_png(tmp_path / "curve.png"), MINIMUM_COLOUR).sum() > 100
    draw_learning_curve(history(val_loss=[np.nan] * 4), tmp_path / "curve.png", loss="bce_dice")
    assert not of_colour(read_png(tmp_path / "curve.png"), MINIMUM_COLOUR).any()
