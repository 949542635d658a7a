"""Model files repeat byte for byte, and predict as before they were saved."""

import errno
import os
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from brainseg.model.saving import WEIGHTS, load_model, save_model
from tests.model.model_files import MODEL_CARD


def test_saved_model_predicts_the_same_and_its_bytes_repeat(model: keras.Model, tmp_path: Path) -> None:
    images = np.random.default_rng(0).normal(size=(1, 32, 32, 3)).astype(np.float32)
    save_model(tmp_path / "a.keras", model, MODEL_CARD)
    model.compile(optimizer="adam", loss="mse")  # not saved
    save_model(tmp_path / "b.keras", model, MODEL_CARD)
    loaded, card = load_model(tmp_path / "a.keras")
    assert card == MODEL_CARD
    np.testing.assert_array_equal(loaded(images), model(images))
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()


def test_weights_of_half_precision_are_half_as_large_if_compressed(good: Path, tmp_path: Path) -> None:
    model, card = load_model(good)
    model.set_weights([weight.astype(np.float16).astype(np.float32) for weight in model.get_weights()])
    save_model(tmp_path / "whole.keras", model, card)
    save_model(tmp_path / "half.keras", model, card, compress=True)
    for before, after in zip(model.get_weights(), load_model(tmp_path / "half.keras")[0].get_weights(), strict=True):
        np.testing.assert_array_equal(after, before)
    sizes = []
    for name in ("whole", "half"):
        with zipfile.ZipFile(tmp_path / f"{name}.keras") as archive:
            sizes.append(archive.getinfo(WEIGHTS).compress_size)
    assert sizes[1] < 0.65 * sizes[0]


def test_full_temporary_folder_is_named(model: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(self: keras.Model, path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(type(model), "save", fill)
    with pytest.raises(OSError, match=r"No space left on device: '.*raw\.keras'"):
        save_model(tmp_path / "m.keras", model, MODEL_CARD)
    assert not list(tmp_path.iterdir())
