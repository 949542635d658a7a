"""A small model and its file."""

from pathlib import Path

import keras
import pytest

from brainseg.model.saving import save_model
from brainseg.model.unet import build_unet
from tests.model.model_files import MODEL_CARD


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(1)
    return build_unet(input_size=32, filters=2, dropout=0.1)


@pytest.fixture(scope="module")
def good(model: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of that model."""
    path = tmp_path_factory.mktemp("model") / "good.keras"
    save_model(path, model, MODEL_CARD)
    return path
