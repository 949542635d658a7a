"""Training: what it learns, which epoch it keeps, and how it stops.

Also covers brainseg.training.callbacks.
"""

from pathlib import Path

import keras
import numpy as np
import pytest

from brainseg.errors import UserError
from brainseg.files import HISTORY_COLUMNS, read_table, write_table
from brainseg.model.unet import unet_from_params
from tests.training.toy_training import RICH, TRAIN, assert_same, interrupt_toy, train_toy, uninterrupted_toy

pytestmark = [
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`"),
    pytest.mark.usefixtures("quick_training"),
]


def test_it_learns_and_equal_seeds_give_equal_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, history = train_toy(TRAIN, tmp_path)
    assert list(history) == list(HISTORY_COLUMNS)
    assert list(history.epoch) == [1, 2]
    assert history.loss.iloc[-1] < history.loss.iloc[0]
    assert capsys.readouterr().out.count("validation loss") == 2
    assert_same((model, history), uninterrupted_toy(TRAIN))


def test_the_epoch_with_the_lowest_validation_loss_is_kept(tmp_path: Path) -> None:
    # With inverted validation masks, the first epoch is the best.
    model, history = train_toy(TRAIN, tmp_path / "two", inverted=True)
    assert history.val_loss.idxmin() == 0
    one_epoch = TRAIN.model_copy(update={"epochs": 1})
    expected, _ = train_toy(one_epoch, tmp_path / "one", inverted=True)
    for weights, weights_expected in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, weights_expected)


def test_early_stopping_and_plateau_follow_their_parameters(tmp_path: Path) -> None:
    patience = {"early_stopping_patience": 3, "plateau_patience": 2, "plateau_factor": 0.5, "epochs": 40}
    _, history = train_toy(TRAIN.model_copy(update=patience), tmp_path, inverted=True)
    assert len(history) == history.val_loss.idxmin() + 1 + 3
    assert history.learning_rate.iloc[-1] == pytest.approx(history.learning_rate.iloc[0] / 2)


def test_cosine_schedule_warms_up_and_ends_at_the_minimum_rate(tmp_path: Path) -> None:
    cosine = RICH.model_copy(update={"learning_rate": 1e-2, "min_learning_rate": 1e-4})
    _, history = train_toy(cosine, tmp_path)
    rates = history.learning_rate.tolist()
    assert rates[0] == pytest.approx(1e-2)  # after one epoch of warm-up
    assert rates[1:] == pytest.approx([1e-4 + 0.99e-2 * (1 + np.cos(np.pi * part / 2)) / 2 for part in (1, 2)])


def test_live_history_grows_during_training_and_continues_after_an_interruption(tmp_path: Path) -> None:
    interrupt_toy(TRAIN, tmp_path, 1)
    live = read_table(tmp_path / "live.csv", HISTORY_COLUMNS)
    assert list(live) == list(HISTORY_COLUMNS)
    assert list(live.epoch) == [1]
    _, history = train_toy(TRAIN, tmp_path)
    write_table(tmp_path / "history.csv", history)
    assert (tmp_path / "live.csv").read_bytes() == (tmp_path / "history.csv").read_bytes()
    assert (tmp_path / "live.csv").read_text().count("\n") == 1 + 2


def test_nan_loss_is_one_message_and_the_best_weights_are_kept(tmp_path: Path) -> None:
    diverging = TRAIN.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(UserError, match=r"NaN or infinite in epoch 1; there are no weights.*Lower train.learning_rate"):
        train_toy(diverging, tmp_path / "diverging")

    def nan_loss(self: keras.losses.Loss, *arguments: object) -> float:
        return float("nan")

    interrupt_toy(TRAIN, tmp_path / "later", 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brainseg.training.losses.soft_dice_loss", nan_loss)
        with pytest.raises(UserError, match=r"NaN or infinite in epoch 2; the best weights until then are in .*later"):
            train_toy(TRAIN, tmp_path / "later")
    one_epoch = TRAIN.model_copy(update={"epochs": 1})
    expected, _ = train_toy(one_epoch, tmp_path / "one")
    kept = unet_from_params(TRAIN)
    kept.load_weights(tmp_path / "later/best.weights.h5")
    for weights, weights_expected in zip(kept.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, weights_expected)


def test_exhausted_memory_is_one_message(tmp_path: Path) -> None:
    def exhaust(self: object, batch: int) -> None:
        raise MemoryError("Unable to allocate 3.00 TiB")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brainseg.training.batches.SliceBatches.__getitem__", exhaust)
        with pytest.raises(UserError, match=r"not enough memory for a batch of 4 slices of 32 x 32.*Lower train.batch"):
            train_toy(TRAIN, tmp_path)
