"""A training of seconds, for the tests that look at what a training does."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from brainseg.imaging.volume import Volume
from brainseg.model import unet as network
from brainseg.model.backend import Runtime
from brainseg.model.unet import unet_from_params
from brainseg.params import TrainParams, load_params
from brainseg.training import checkpoint
from brainseg.training.data import TrainingData
from brainseg.training.fit import fit
from brainseg.training.slice_store import SliceStore

TRAIN = load_params(Path(__file__).parents[2] / "params.yaml").train.model_copy(
    update={
        "input_size": 32,
        "filters": 4,
        "batch_size": 4,
        "epochs": 3,
        "dropout": 0.0,
        "threads": 1,
        "deep_supervision": False,
    }
)
CPU = Runtime(backend="tensorflow", gpu=False, precision="float32")
RICH = TRAIN.model_copy(
    update={
        "schedule": "cosine",
        "warm_up": 1,
        "weight_decay": 1e-3,
        "sampling": "balanced",
        "context_slices": 1,
        "deep_supervision": True,
        "dropout": 0.2,
        "epochs": 4,
    }
)


@pytest.fixture
def quick_training(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For every test that trains.

    Without a graph, whose tracing takes longer than these trainings; tests/test_pipeline.py trains with one. Undecided
    at first, so that what is validated on the opposite of what it learns is best at the start.
    """
    monkeypatch.setattr(network, "TUMOUR_SHARE", 0.5)
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def disc_volume() -> Volume:
    """Sixteen slices with a bright disc that is the tumour."""
    y, x = np.mgrid[:32, :32]
    rng = np.random.default_rng(0)
    mask_true = np.stack([(y - rng.integers(8, 24)) ** 2 + (x - rng.integers(8, 24)) ** 2 < 30 for _ in range(16)])
    image = (rng.integers(40, 80, (16, 32, 32, 3)) + 120 * mask_true[..., None]).astype(np.uint8)
    return Volume(patient_id="P", image=image, mask_true=mask_true, slice_numbers=np.arange(1, 17))


def data_of(folder: Path, *, opposite: bool = False, context_slices: int = 0) -> TrainingData:
    """Twelve slices to train on and four to validate with; `opposite`: what is tumour there is none to validate."""
    volume = disc_volume()
    store = SliceStore(folder, context_slices=context_slices, normalisation="divide_255", crop="none")
    turned = dataclasses.replace(volume, mask_true=~volume.mask_true) if opposite else volume
    return TrainingData(
        store=store, train=store.add(volume, set(range(1, 13))), validation=store.add(turned, set(range(13, 17)))
    )


def trained(
    train: TrainParams, folder: Path, *, opposite: bool = False, table: bytes = b"rows"
) -> tuple[keras.Model, pd.DataFrame]:
    """A network and its history."""
    keras.utils.set_random_seed(train.seed)
    model = unet_from_params(train)
    data = data_of(folder, opposite=opposite, context_slices=train.context_slices)
    return model, fit(model, data, train, CPU, folder=folder, tables=[table])


def assert_same(one: tuple[keras.Model, pd.DataFrame], other: tuple[keras.Model, pd.DataFrame]) -> None:
    """Every number of history and weights."""
    pd.testing.assert_frame_equal(one[1], other[1], check_exact=True)
    for weights, weights_other in zip(one[0].get_weights(), other[0].get_weights(), strict=True):
        np.testing.assert_array_equal(weights, weights_other)


class KilledError(BaseException):
    """Stands for SIGKILL, which tests/test_resume.py sends."""


def killed_after(train: TrainParams, folder: Path, epochs: int, **options: bool) -> None:
    """A training that ends right after an epoch's state was written."""
    save = checkpoint.save_state

    def save_and_die(*arguments: object) -> None:
        save(*arguments)  # type: ignore[arg-type]
        if len(arguments[3].history) == epochs:  # type: ignore[attr-defined]
            raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "save_state", save_and_die)
        with pytest.raises(KilledError):
            trained(train, folder, **options)
