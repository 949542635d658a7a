"""Training: what it learns from, what it keeps, and how it stops."""

import dataclasses
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from brainseg import checkpoint, network
from brainseg.errors import UserError
from brainseg.formats.kaggle import index_folder
from brainseg.inference import predict_volume
from brainseg.losses import both_losses
from brainseg.model_file import card_of
from brainseg.network import build_unet, unet_of
from brainseg.params import DataParams, TrainParams, load_params
from brainseg.progress import EpochLines
from brainseg.runtime import Runtime
from brainseg.slice_store import SliceStore
from brainseg.tables import HISTORY_COLUMNS
from brainseg.training import TrainingData, fit, read_slices, validation_batches
from brainseg.volumes import Volume

pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")

TRAIN = load_params(Path(__file__).parents[1] / "params.yaml").train.model_copy(
    update={"size": 32, "filters": 4, "batch_size": 4, "epochs": 3, "dropout": 0.0, "threads": 1}
)
CPU = Runtime(backend="tensorflow", gpu=False, precision="float32")
RICH = TRAIN.model_copy(
    update={
        "schedule": "cosine",
        "warm_up": 1,
        "weight_decay": 1e-3,
        "weight_averaging": 0.9,
        "sampling": "balanced",
        "neighbours": 1,
        "dropout": 0.2,
        "epochs": 4,
    }
)
PLATEAU = TRAIN.model_copy(
    update={"plateau_patience": 1, "plateau_factor": 0.5, "early_stopping_patience": 4, "epochs": 9, "dropout": 0.2}
)


@pytest.fixture(autouse=True)
def _step_by_step() -> Iterator[None]:
    """Without a graph, whose tracing takes longer than these trainings; tests/test_pipeline.py trains with one."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(autouse=True)
def _undecided_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is validated on the opposite of what it learns is best at the start."""
    monkeypatch.setattr(network, "TUMOUR_SHARE", 0.5)


@pytest.fixture(scope="module")
def volume() -> Volume:
    """Sixteen slices with a bright disc that is the tumour."""
    y, x = np.mgrid[:32, :32]
    rng = np.random.default_rng(0)
    mask_true = np.stack([(y - rng.integers(8, 24)) ** 2 + (x - rng.integers(8, 24)) ** 2 < 30 for _ in range(16)])
    image = (rng.integers(40, 80, (16, 32, 32, 3)) + 120 * mask_true[..., None]).astype(np.uint8)
    return Volume(patient_id="P", image=image, mask_true=mask_true, slice_numbers=np.arange(1, 17))


def data_of(volume: Volume, folder: Path, *, opposite: bool = False, neighbours: int = 0) -> TrainingData:
    """Twelve slices to train on and four to validate with; `opposite`: what is tumour there is none to validate."""
    store = SliceStore(folder, neighbours=neighbours, method="volume")
    turned = dataclasses.replace(volume, mask_true=~volume.mask_true) if opposite else volume
    return TrainingData(
        store=store, train=store.add(volume, set(range(1, 13))), validation=store.add(turned, set(range(13, 17)))
    )


def trained(
    volume: Volume, train: TrainParams, folder: Path, *, opposite: bool = False, table: bytes = b"rows"
) -> tuple[keras.Model, pd.DataFrame]:
    keras.utils.set_random_seed(train.seed)
    model = unet_of(train)
    data = data_of(volume, folder, opposite=opposite, neighbours=train.neighbours)
    return model, fit(model, data, train, CPU, folder=folder, tables=[table])


def assert_same(one: tuple[keras.Model, pd.DataFrame], other: tuple[keras.Model, pd.DataFrame]) -> None:
    pd.testing.assert_frame_equal(one[1], other[1], check_exact=True)
    for weights, weights_other in zip(one[0].get_weights(), other[0].get_weights(), strict=True):
        np.testing.assert_array_equal(weights, weights_other)


class KilledError(BaseException):
    """Stands for SIGKILL, which tests/test_resume.py sends."""


def killed_after(volume: Volume, train: TrainParams, folder: Path, epochs: int, **options: bool) -> None:
    """A training that ends right after an epoch's state was written."""
    save = checkpoint.save_state

    def save_and_die(*arguments: object) -> None:
        save(*arguments)  # type: ignore[arg-type]
        if len(arguments[3].history) == epochs:  # type: ignore[attr-defined]
            raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "save_state", save_and_die)
        with pytest.raises(KilledError):
            trained(volume, train, folder, **options)


def test_it_learns_and_the_same_seed_repeats(
    volume: Volume, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, history = trained(volume, TRAIN, tmp_path / "one")
    assert list(history) == list(HISTORY_COLUMNS)
    assert list(history.epoch) == [1, 2, 3]
    assert history.loss.iloc[-1] < history.loss.iloc[0]
    assert capsys.readouterr().out.count("validation loss") == 3
    assert_same((model, history), trained(volume, TRAIN, tmp_path / "two"))


@pytest.mark.parametrize(("train", "opposite", "epochs"), [(RICH, False, 2), (PLATEAU, True, 3), (PLATEAU, True, 5)])
def test_interrupted_training_ends_as_an_undisturbed_one(
    volume: Volume, tmp_path: Path, train: TrainParams, opposite: bool, epochs: int
) -> None:
    """Optimizer, averages, dropout, learning rate and both patiences: PLATEAU halves its rate and stops early."""
    undisturbed = trained(volume, train, tmp_path / "whole", opposite=opposite)
    if train is PLATEAU:
        assert undisturbed[1].learning_rate.iloc[-1] < undisturbed[1].learning_rate.iloc[0]
        assert len(undisturbed[1]) < train.epochs
    killed_after(volume, train, tmp_path / "cut", epochs, opposite=opposite)
    assert_same(undisturbed, trained(volume, train, tmp_path / "cut", opposite=opposite))


def test_finished_training_is_not_trained_again(
    volume: Volume, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed between its last epoch and its files."""
    whole = trained(volume, TRAIN, tmp_path)
    capsys.readouterr()
    assert_same(whole, trained(volume, TRAIN, tmp_path))
    assert "going on after epoch 3" in (printed := capsys.readouterr().out)
    assert "validation loss" not in printed


def test_state_of_another_run_is_passed_over(volume: Volume, tmp_path: Path) -> None:
    killed_after(volume, TRAIN, tmp_path / "cut", 2)
    fresh = trained(volume, TRAIN, tmp_path / "fresh")
    assert_same(fresh, trained(volume, TRAIN, tmp_path / "cut", table=b"other rows"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no archive"])
def test_state_that_cannot_be_read_is_passed_over(volume: Volume, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / checkpoint.STATE).write_bytes(content)
    one = TRAIN.model_copy(update={"epochs": 1})
    assert_same(trained(volume, one, tmp_path / "fresh"), trained(volume, one, tmp_path / "cut"))


def test_run_key_changes_with_parameters_and_tables() -> None:
    key = checkpoint.run_key(TRAIN, CPU, b"table")
    assert key == checkpoint.run_key(TRAIN.model_copy(), CPU, b"table")
    assert key != checkpoint.run_key(TRAIN.model_copy(update={"seed": 4}), CPU, b"table")
    assert key != checkpoint.run_key(TRAIN, dataclasses.replace(CPU, precision="bfloat16"), b"table")
    assert key != checkpoint.run_key(TRAIN, CPU, b"tablet")


def test_run_key_changes_with_loaded_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("brainseg.new")
    module.__file__ = str(tmp_path / "new.py")
    (tmp_path / "new.py").write_text("a = 1")
    without = checkpoint.run_key()
    monkeypatch.setitem(sys.modules, "brainseg.new", module)
    first = checkpoint.run_key()
    (tmp_path / "new.py").write_text("a = 2")
    assert len({without, first, checkpoint.run_key()}) == 3


def test_the_epoch_with_the_least_validation_loss_is_kept(volume: Volume, tmp_path: Path) -> None:
    # Validated on the opposite of what it learns, it is best at the start.
    model, history = trained(volume, TRAIN, tmp_path / "three", opposite=True)
    assert history.val_loss.idxmin() == 0
    first = TRAIN.model_copy(update={"epochs": 1})
    expected, _ = trained(volume, first, tmp_path / "one", opposite=True)
    for weights, weights_expected in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, weights_expected)


def test_early_stopping_and_plateau_follow_their_parameters(volume: Volume, tmp_path: Path) -> None:
    patience = {"early_stopping_patience": 4, "plateau_patience": 2, "plateau_factor": 0.5, "epochs": 40}
    _, history = trained(volume, TRAIN.model_copy(update=patience), tmp_path, opposite=True)
    assert len(history) == history.val_loss.idxmin() + 1 + 4
    assert history.learning_rate.iloc[-1] == pytest.approx(history.learning_rate.iloc[0] / 2)


def test_cosine_warms_up_and_ends_at_the_least_rate(volume: Volume, tmp_path: Path) -> None:
    cosine = RICH.model_copy(update={"learning_rate": 1e-2, "min_learning_rate": 1e-4, "weight_averaging": 0.0})
    _, history = trained(volume, cosine, tmp_path)
    rates = history.learning_rate.tolist()
    assert rates[0] == pytest.approx(1e-2)  # warm-up is one epoch
    assert rates[1:] == pytest.approx([1e-4 + 0.99e-2 * (1 + np.cos(np.pi * part / 3)) / 2 for part in (1, 2, 3)])


def test_averaged_weights_are_those_that_are_validated_and_kept(volume: Volume, tmp_path: Path) -> None:
    """As the formula has it: average = m average + (1 - m) weights, beginning with the first step's weights."""
    one_epoch = TRAIN.model_copy(update={"epochs": 1})
    steps: list[list[np.ndarray]] = []

    class Recorded(EpochLines):
        def on_train_batch_end(self, batch: int, logs: object = None) -> None:  # noqa: ARG002
            steps.append([np.array(weights) for weights in self.model.trainable_variables])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brainseg.training.EpochLines", Recorded)
        trained(volume, one_epoch, tmp_path / "plain")
    expected = steps[0]
    for step in steps[1:]:
        expected = [0.5 * average + 0.5 * weights for average, weights in zip(expected, step, strict=True)]
    averaging = one_epoch.model_copy(update={"weight_averaging": 0.5})
    model, history = trained(volume, averaging, tmp_path / "averaged")
    for weights, value in zip(model.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(np.array(weights), value, atol=1e-6)
    data = data_of(volume, tmp_path)
    model.compile(loss=both_losses)
    assert model.evaluate(validation_batches(data, averaging), verbose=0) == pytest.approx(
        history.val_loss[0], rel=1e-5
    )


def test_loss_that_is_no_number_is_one_message_and_the_best_is_kept(volume: Volume, tmp_path: Path) -> None:
    steep = TRAIN.model_copy(update={"learning_rate": 1e30, "epochs": 5})
    with pytest.raises(UserError, match=r"no number in epoch 1; there was no good epoch.*Lower train.learning_rate"):
        trained(volume, steep, tmp_path / "steep")

    def soured(self: keras.losses.Loss, *arguments: object) -> float:
        return float("nan")

    killed_after(volume, TRAIN, tmp_path / "later", 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brainseg.losses.soft_dice_loss", soured)
        with pytest.raises(UserError, match=r"no number in epoch 3; the best model before that is kept in .*later"):
            trained(volume, TRAIN, tmp_path / "later")
    two = TRAIN.model_copy(update={"epochs": 2})
    expected, _ = trained(volume, two, tmp_path / "two")
    kept = unet_of(TRAIN)
    kept.load_weights(tmp_path / "later/best.weights.h5")
    for weights, weights_expected in zip(kept.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, weights_expected)


def test_no_memory_for_a_batch_is_one_message(volume: Volume, tmp_path: Path) -> None:
    def full(self: object, batch: int) -> None:
        raise MemoryError("Unable to allocate 3.00 TiB")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brainseg.batches.SliceBatches.__getitem__", full)
        with pytest.raises(UserError, match=r"no memory for a batch of 4 slices of 32 x 32.*Lower train.batch_size"):
            trained(volume, TRAIN, tmp_path)


def test_prediction_comes_back_on_the_volume_s_own_grid(volume: Volume) -> None:
    model = build_unet(size=48, filters=2, dropout=0.0)
    card = card_of(TRAIN, CPU).model_copy(update={"size": 48})
    tall = Volume(
        patient_id="P",
        image=np.ascontiguousarray(volume.image[:, :20]),
        mask_true=volume.mask_true[:, :20],
        slice_numbers=volume.slice_numbers,
    )
    maps = predict_volume(model, card, tall, [2, 5, 16], batch_size=2)
    assert maps.shape == (3, 20, 32)
    assert maps.dtype == np.float32
    one = predict_volume(model, card, tall, [5], batch_size=8)
    np.testing.assert_allclose(maps[1], one[0], atol=1e-6)


def test_flips_average_with_the_mirror(volume: Volume) -> None:
    model = build_unet(size=32, filters=2, dropout=0.0)
    card = card_of(TRAIN, CPU)
    mirrored = dataclasses.replace(
        volume,
        image=np.ascontiguousarray(volume.image[:, :, ::-1]),
        mask_true=np.ascontiguousarray(volume.mask_true[:, :, ::-1]),
    )
    one, other = (predict_volume(model, card, which, [3, 4], batch_size=2) for which in (volume, mirrored))
    both = predict_volume(model, card, volume, [3, 4], batch_size=2, flips=True)
    np.testing.assert_allclose(both, (one + other[:, :, ::-1]) / 2, atol=1e-6)


def test_slices_come_from_the_split(tiny_data: DataParams, tmp_path: Path) -> None:
    index = index_folder(tiny_data)
    first, second, third = index.patient_id.unique()
    subsets = index.patient_id.map({first: "train", second: "validation", third: "test"})
    split = index[["patient_id", "slice_number"]].assign(subset=subsets)
    chosen = read_slices(index, split, Path(tiny_data.root), TRAIN, tmp_path)
    assert (len(chosen.train), len(chosen.validation)) == (5, 5)

    leaky = split.assign(subset=split.subset.replace({"validation": "test"}))
    assert len(read_slices(index, leaky, Path(tiny_data.root), TRAIN, tmp_path).validation) == 10

    within = split.assign(subset=["train", "validation", "train", "train", "test"] * 3)
    chosen = read_slices(index, within, Path(tiny_data.root), TRAIN, tmp_path)
    assert (len(chosen.train), len(chosen.validation)) == (9, 3)
    assert all(entry.has_tumour for entry in chosen.validation)  # the second slice


def test_training_without_tumour_is_refused(tiny_data: DataParams, tmp_path: Path) -> None:
    index = index_folder(tiny_data)
    split = index[["patient_id", "slice_number"]].assign(subset="validation")
    split.loc[index.tumour_pixels == 0, "subset"] = "train"
    with pytest.raises(UserError, match="train slices has tumour"):
        read_slices(index, split, Path(tiny_data.root), TRAIN, tmp_path)


def test_batch_larger_than_the_subset_is_refused(tiny_data: DataParams, tmp_path: Path) -> None:
    index = index_folder(tiny_data)
    first = index.patient_id.unique()[0]
    subsets = (index.patient_id == first).map({True: "train", False: "validation"})
    split = index[["patient_id", "slice_number"]].assign(subset=subsets)
    large = TRAIN.model_copy(update={"batch_size": 6})
    with pytest.raises(UserError, match="6 slices a batch, and the training subset has 5"):
        read_slices(index, split, Path(tiny_data.root), large, tmp_path)
