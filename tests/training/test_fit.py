"""Training: what it watches, what it keeps, and how it stops."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from brainseg.errors import UserError
from brainseg.files import HISTORY_COLUMNS
from brainseg.model.unet import unet_from_params
from brainseg.training.data import validation_batches
from brainseg.training.ensemble import mean_history
from brainseg.training.losses import PooledDice
from tests.training.toy_training import RICH, TRAIN, assert_same, data_of, killed_after, quick_training, trained  # noqa: F401

pytestmark = [
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`"),
    pytest.mark.usefixtures("quick_training"),
]


def test_it_learns_and_the_same_seed_repeats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, history = trained(TRAIN, tmp_path / "one")
    assert list(history) == list(HISTORY_COLUMNS)
    assert list(history.epoch) == [1, 2, 3]
    assert history.loss.iloc[-1] < history.loss.iloc[0]
    assert capsys.readouterr().out.count("validation loss") == 3
    assert_same((model, history), trained(TRAIN, tmp_path / "two"))


def test_the_epoch_with_the_least_validation_loss_is_kept(tmp_path: Path) -> None:
    # Validated on the opposite of what it learns, it is best at the start.
    model, history = trained(TRAIN, tmp_path / "three", opposite=True)
    assert history.val_loss.idxmin() == 0
    first = TRAIN.model_copy(update={"epochs": 1})
    expected, _ = trained(first, tmp_path / "one", opposite=True)
    for weights, weights_expected in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, weights_expected)


def test_early_stopping_and_plateau_follow_their_parameters(tmp_path: Path) -> None:
    patience = {"early_stopping_patience": 4, "plateau_patience": 2, "plateau_factor": 0.5, "epochs": 40}
    _, history = trained(TRAIN.model_copy(update=patience), tmp_path, opposite=True)
    assert len(history) == history.val_loss.idxmin() + 1 + 4
    assert history.learning_rate.iloc[-1] == pytest.approx(history.learning_rate.iloc[0] / 2)


def test_cosine_warms_up_and_ends_at_the_least_rate(tmp_path: Path) -> None:
    cosine = RICH.model_copy(update={"learning_rate": 1e-2, "min_learning_rate": 1e-4})
    _, history = trained(cosine, tmp_path)
    rates = history.learning_rate.tolist()
    assert rates[0] == pytest.approx(1e-2)  # warm-up is one epoch
    assert rates[1:] == pytest.approx([1e-4 + 0.99e-2 * (1 + np.cos(np.pi * part / 3)) / 2 for part in (1, 2, 3)])


def test_deep_supervision_teaches_and_keeps_the_network_alone(tmp_path: Path) -> None:
    """The coarser grids' loss reaches the weights; what is kept is a network like any other."""
    plain, _ = trained(TRAIN, tmp_path / "plain")
    deep = TRAIN.model_copy(update={"deep_supervision": True})
    model, history = trained(deep, tmp_path / "deep")
    assert [weight.shape for weight in model.weights] == [weight.shape for weight in plain.weights]
    first = "down1_conv1"
    assert not np.allclose(model.get_layer(first).get_weights()[0], plain.get_layer(first).get_weights()[0], atol=1e-4)
    images, masks = validation_batches(data_of(tmp_path), deep)[0]
    assert len(images) == 4  # all there are
    watched = PooledDice()
    watched.update_state(masks, model(images))
    assert float(watched.result()) == pytest.approx(history.val_dice[history.val_loss.idxmin()], abs=1e-3)


def test_loss_that_is_no_number_is_one_message_and_the_best_is_kept(tmp_path: Path) -> None:
    steep = TRAIN.model_copy(update={"learning_rate": 1e30, "epochs": 5})
    with pytest.raises(UserError, match=r"no number in epoch 1; there was no good epoch.*Lower train.learning_rate"):
        trained(steep, tmp_path / "steep")

    def soured(self: keras.losses.Loss, *arguments: object) -> float:
        return float("nan")

    killed_after(TRAIN, tmp_path / "later", 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brainseg.training.losses.soft_dice_loss", soured)
        with pytest.raises(UserError, match=r"no number in epoch 3; the best model before that is kept in .*later"):
            trained(TRAIN, tmp_path / "later")
    two = TRAIN.model_copy(update={"epochs": 2})
    expected, _ = trained(two, tmp_path / "two")
    kept = unet_from_params(TRAIN)
    kept.load_weights(tmp_path / "later/best.weights.h5")
    for weights, weights_expected in zip(kept.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, weights_expected)


def test_no_memory_for_a_batch_is_one_message(tmp_path: Path) -> None:
    def full(self: object, batch: int) -> None:
        raise MemoryError("Unable to allocate 3.00 TiB")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brainseg.training.batches.SliceBatches.__getitem__", full)
        with pytest.raises(UserError, match=r"no memory for a batch of 4 slices of 32 x 32.*Lower train.batch_size"):
            trained(TRAIN, tmp_path)


def test_history_of_several_networks_is_the_mean_of_those_that_trained_in_the_epoch() -> None:
    one, other = (
        pd.DataFrame({"epoch": range(1, len(losses) + 1), **dict.fromkeys(list(HISTORY_COLUMNS)[1:], losses)})
        for losses in ([4.0, 2.0], [2.0, 1.0, 0.5])
    )
    mean = mean_history([one, other])
    assert mean.val_loss.tolist() == [3.0, 1.5, 0.5]
    assert mean.dtypes.to_dict() == {name: np.dtype(dtype) for name, dtype in HISTORY_COLUMNS.items()}
    pd.testing.assert_frame_equal(mean_history([one]), one)
