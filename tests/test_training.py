"""Training: what it learns from, what it keeps, and how it stops."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from brainseg.batches import Sample, samples_of
from brainseg.errors import UserError
from brainseg.formats.kaggle import index_folder
from brainseg.inference import predict_volume
from brainseg.model_file import card_of
from brainseg.network import build_unet
from brainseg.params import DataParams, TrainParams, load_params
from brainseg.preprocessing import Normalisation
from brainseg.tables import HISTORY_COLUMNS
from brainseg.training import fit, read_samples
from brainseg.volumes import Volume

pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")

TRAIN = load_params(Path(__file__).parents[1] / "params.yaml").train.model_copy(
    update={"size": 32, "filters": 4, "batch_size": 4, "epochs": 3, "dropout": 0.0}
)


@pytest.fixture(autouse=True)
def _step_by_step() -> Iterator[None]:
    """Without a graph, whose tracing takes longer than these trainings; tests/test_pipeline.py trains with one."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def volume() -> Volume:
    """Sixteen slices with a bright disc that is the tumour."""
    y, x = np.mgrid[:32, :32]
    rng = np.random.default_rng(0)
    mask_true = np.stack([(y - rng.integers(8, 24)) ** 2 + (x - rng.integers(8, 24)) ** 2 < 30 for _ in range(16)])
    image = (rng.integers(40, 80, (16, 32, 32, 3)) + 120 * mask_true[..., None]).astype(np.uint8)
    return Volume(patient_id="P", image=image, mask_true=mask_true, slice_numbers=np.arange(1, 17))


@pytest.fixture(scope="module")
def samples(volume: Volume) -> dict[str, list[Sample]]:
    return {
        "train": samples_of(volume, "volume", set(range(1, 13))),
        "validation": samples_of(volume, "volume", set(range(13, 17))),
    }


def trained(samples: dict[str, list[Sample]], train: TrainParams, folder: Path) -> tuple[keras.Model, pd.DataFrame]:
    keras.utils.set_random_seed(train.seed)
    model = build_unet(size=train.size, filters=train.filters, dropout=train.dropout)
    return model, fit(model, samples, train, folder / "best.weights.h5")


def test_it_learns_and_the_same_seed_repeats(
    samples: dict[str, list[Sample]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, history = trained(samples, TRAIN, tmp_path)
    assert list(history) == list(HISTORY_COLUMNS)
    assert list(history.epoch) == [1, 2, 3]
    assert history.loss.iloc[-1] < history.loss.iloc[0]
    assert capsys.readouterr().out.count("validation loss") == 3

    again, history_again = trained(samples, TRAIN, tmp_path)
    pd.testing.assert_frame_equal(history, history_again, check_exact=True)
    for weights, weights_again in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, weights_again)


def test_the_epoch_with_the_least_validation_loss_is_kept(samples: dict[str, list[Sample]], tmp_path: Path) -> None:
    # Validated on the opposite of what it learns, it is best at the start.
    opposite = [dataclasses.replace(sample, mask_true=~sample.mask_true) for sample in samples["validation"]]
    model, history = trained({**samples, "validation": opposite}, TRAIN, tmp_path)
    assert history.val_loss.idxmin() == 0
    first = TRAIN.model_copy(update={"epochs": 1})
    expected, _ = trained({**samples, "validation": opposite}, first, tmp_path)
    for weights, weights_expected in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, weights_expected)


def test_early_stopping_and_plateau_follow_their_parameters(samples: dict[str, list[Sample]], tmp_path: Path) -> None:
    opposite = [dataclasses.replace(sample, mask_true=~sample.mask_true) for sample in samples["validation"]]
    patience = {"early_stopping_patience": 4, "plateau_patience": 2, "plateau_factor": 0.5, "epochs": 40}
    _, history = trained({**samples, "validation": opposite}, TRAIN.model_copy(update=patience), tmp_path)
    assert len(history) == history.val_loss.idxmin() + 1 + 4
    assert history.learning_rate.iloc[-1] == pytest.approx(history.learning_rate.iloc[0] / 2)


def test_loss_that_is_no_number_is_one_message(samples: dict[str, list[Sample]], tmp_path: Path) -> None:
    broken = Normalisation(offset=np.full(3, np.nan, np.float32), scale=np.ones(3, np.float32))
    nowhere = [dataclasses.replace(sample, normalisation=broken) for sample in samples["train"]]
    with pytest.raises(UserError, match=r"no number in epoch 1.*Lower train.learning_rate"):
        trained({**samples, "train": nowhere}, TRAIN, tmp_path)


def test_prediction_comes_back_on_the_volume_s_own_grid(volume: Volume) -> None:
    model = build_unet(size=48, filters=2, dropout=0.0)
    card = card_of(TRAIN).model_copy(update={"size": 48})
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


def test_samples_come_from_the_split(tiny_data: DataParams) -> None:
    index = index_folder(tiny_data)
    first, second, third = index.patient_id.unique()
    subsets = index.patient_id.map({first: "train", second: "validation", third: "test"})
    split = index[["patient_id", "slice_number"]].assign(subset=subsets)
    chosen = read_samples(index, split, Path(tiny_data.root), "volume")
    assert {subset: len(samples) for subset, samples in chosen.items()} == {"train": 5, "validation": 5}

    leaky = split.assign(subset=split.subset.replace({"validation": "test"}))
    assert len(read_samples(index, leaky, Path(tiny_data.root), "volume")["validation"]) == 10


def test_training_without_tumour_is_refused(tiny_data: DataParams) -> None:
    index = index_folder(tiny_data)
    split = index[["patient_id", "slice_number"]].assign(subset="validation")
    split.loc[index.tumour_pixels == 0, "subset"] = "train"
    with pytest.raises(UserError, match="train slices has tumour"):
        read_samples(index, split, Path(tiny_data.root), "volume")
