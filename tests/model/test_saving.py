"""Model files: they repeat byte for byte, and other files are refused."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from brainseg.errors import UserError
from brainseg.model.backend import Runtime
from brainseg.model.saving import CARD, load_model, make_card, save_model
from brainseg.model.unet import build_unet
from brainseg.params import load_params
from tests.project import ROOT

MODEL_CARD = make_card(
    load_params(ROOT / "params.yaml").train, Runtime(backend="tensorflow", gpu=False, precision="float32")
)
EARLIER_CARD = {
    "size": 128,
    "normalisation": "below_scalp",
    "neighbours": 0,
    "mirror": False,
    "channels": ["pre-contrast", "FLAIR", "post-contrast"],
    "backend": "tensorflow",
    "threads": 2,
    "precision": "float32",
}


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(1)
    return build_unet(input_size=32, filters=2, dropout=0.1)


def copy_with_card(source: Path, target: Path, card: object | None) -> None:
    """Copy a model file with another card, or without a card."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as copy:
        for name in archive.namelist():
            if name != CARD:
                copy.writestr(name, archive.read(name))
        if card is not None:
            copy.writestr(CARD, json.dumps(card))


def test_saved_model_predicts_the_same_and_its_bytes_repeat(model: keras.Model, tmp_path: Path) -> None:
    images = np.random.default_rng(0).normal(size=(1, 32, 32, 3)).astype(np.float32)
    save_model(tmp_path / "a.keras", model, MODEL_CARD)
    model.compile(optimizer="adam", loss="mse")  # not saved
    save_model(tmp_path / "b.keras", model, MODEL_CARD)
    loaded, card = load_model(tmp_path / "a.keras")
    assert card == MODEL_CARD
    np.testing.assert_array_equal(loaded(images), model(images))
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()


def test_files_that_are_not_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not found"):
        load_model(tmp_path / "none.keras")
    (tmp_path / "text.keras").write_text("hello")
    with pytest.raises(UserError, match="not a model of this project"):
        load_model(tmp_path / "text.keras")


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (None, r"preprocessing is unknown\. Train the model again: dvc repro --force train"),
        ([], r"not a model of this project"),
        ({**MODEL_CARD.model_dump(), "input_size": "wide"}, r"not a model of this project"),
        (EARLIER_CARD, r"by an earlier version .* other keys\. Train the model again: dvc repro --force train$"),
        (
            {**EARLIER_CARD, "normalisation": "divide_255"},
            r"by an earlier version .* other keys\. Train the model again",
        ),
    ],
)
def test_model_without_a_valid_card_is_refused(
    model: keras.Model, tmp_path: Path, card: object | None, message: str
) -> None:
    save_model(tmp_path / "good.keras", model, MODEL_CARD)
    copy_with_card(tmp_path / "good.keras", tmp_path / "other.keras", card)
    with pytest.raises(UserError, match=message):
        load_model(tmp_path / "other.keras")
