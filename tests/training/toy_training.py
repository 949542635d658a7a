"""A training that takes seconds, for tests of what happens during training."""

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from brainseg.imaging.volume import Volume
from brainseg.model.backend import Runtime
from brainseg.model.unet import seeded_unet
from brainseg.params import TrainParams, load_params
from brainseg.training import checkpoint
from brainseg.training.data import TrainingData
from brainseg.training.fit import fit
from brainseg.training.slice_store import SliceStore
from tests.project import ROOT

TRAIN = load_params(ROOT / "params.yaml").train.model_copy(
    update={
        "input_size": 32,
        "filters": 2,
        "batch_size": 4,
        "epochs": 2,
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
        "epochs": 3,
    }
)


def disc_volume() -> Volume:
    """Twelve slices, each with a bright disc that is the tumour."""
    y, x = np.mgrid[:32, :32]
    rng = np.random.default_rng(0)
    mask_true = np.stack([(y - rng.integers(8, 24)) ** 2 + (x - rng.integers(8, 24)) ** 2 < 30 for _ in range(12)])
    image = (rng.integers(40, 80, (12, 32, 32, 3)) + 120 * mask_true[..., None]).astype(np.uint8)
    return Volume(patient_id="P", image=image, mask_true=mask_true, slice_numbers=np.arange(1, 13))


def toy_data(folder: Path, *, inverted: bool = False, context_slices: int = 0) -> TrainingData:
    """Eight training and four validation slices; `inverted`: the validation masks are inverted."""
    volume = disc_volume()
    store = SliceStore(folder, context_slices=context_slices, normalisation="divide_255", crop="none")
    validated = dataclasses.replace(volume, mask_true=~volume.mask_true) if inverted else volume
    return TrainingData(
        store=store, train=store.add(volume, set(range(1, 9))), validation=store.add(validated, set(range(9, 13)))
    )


def train_toy(
    params: TrainParams, folder: Path, *, inverted: bool = False, table: bytes = b"rows", **options: Any
) -> tuple[keras.Model, pd.DataFrame]:
    """Train a network, or resume its training; returns the network and its history. `options` are those of `fit`."""
    model = seeded_unet(params)
    data = toy_data(folder, inverted=inverted, context_slices=params.context_slices)
    live = folder / "live.csv"
    return model, fit(model, data, params, CPU, folder=folder, live_history=live, tables=[table], **options)


_uninterrupted: dict[tuple[str, bool], tuple[keras.Model, pd.DataFrame]] = {}


def uninterrupted_toy(params: TrainParams, *, inverted: bool = False) -> tuple[keras.Model, pd.DataFrame]:
    """The result of `train_toy` in a folder of its own; the same parameters are trained once for all tests."""
    key = params.model_dump_json(), inverted
    if key not in _uninterrupted:
        with tempfile.TemporaryDirectory() as folder:
            _uninterrupted[key] = train_toy(params, Path(folder), inverted=inverted)
    return _uninterrupted[key]


def assert_same(first: tuple[keras.Model, pd.DataFrame], second: tuple[keras.Model, pd.DataFrame]) -> None:
    """Compare all weights and the history of two trainings exactly."""
    pd.testing.assert_frame_equal(first[1], second[1], check_exact=True)
    for weights_first, weights_second in zip(first[0].get_weights(), second[0].get_weights(), strict=True):
        np.testing.assert_array_equal(weights_first, weights_second)


class KilledError(BaseException):
    """Stands for SIGKILL, which tests/training/test_resume.py sends."""


def interrupt_toy(params: TrainParams, folder: Path, epochs: int, **options: Any) -> None:
    """Train as `train_toy` does, and interrupt the training right after the state of an epoch was saved."""
    save_state = checkpoint.save_state

    def save_and_die(*arguments: object) -> None:
        save_state(*arguments)  # type: ignore[arg-type]
        if len(arguments[3].history) == epochs:  # type: ignore[attr-defined]
            raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "save_state", save_and_die)
        with pytest.raises(KilledError):
            train_toy(params, folder, **options)
