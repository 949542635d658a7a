"""Files that are no models are refused, and nothing in a file is executed."""

import io
import json
import os
import random
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from brainseg.errors import UserError
from brainseg.model.saving import WEIGHTS, load_model, save_model
from tests.model.model_files import MODEL_CARD, RESTORE, change_config, copy_with

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


def test_files_that_are_not_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not found"):
        load_model(tmp_path / "none.keras")
    (tmp_path / "text.keras").write_text("hello")
    with pytest.raises(UserError, match="not a model of this project"):
        load_model(tmp_path / "text.keras")


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (None, r"preprocessing is unknown\. Train the model again: dvc repro --force --single-item train$"),
        (
            EARLIER_CARD,
            r"by an earlier version .* other keys\. Train the model again: dvc repro --force --single-item tr",
        ),
        (
            {**EARLIER_CARD, "normalisation": "divide_255"},
            r"by an earlier version .* other keys\. Train the model again",
        ),
        ([], f"not a model of this project .*{RESTORE}"),
        ({"input_size": "wide"}, rf"brainseg\.json: input_size: .*{RESTORE}"),
        ({"input_size": 0}, "input_size: Input should be greater than 0"),
        ({"input_size": -32}, "input_size: Input should be greater than 0"),
        ({"input_size": 33}, "input_size: Input should be a multiple of 16"),
        ({"input_size": 2**40}, "input_size: Input should be less than or equal to 16384"),
        ({"input_size": 48}, r"maps \(None, 32, 32, 3\) to \(None, 32, 32, 1\), which does not fit its card"),
        ({"context_slices": 1}, "channels: expected"),
        ({"context_slices": 10**9}, "context_slices: Input should be less"),
        ({"contralateral_flair": True, "channels": ["a"]}, "channels: expected"),
        ({"threads": 0}, "threads: Input should be greater than 0"),
        ({"precision": "float8"}, "precision: Input should be"),
        ({"further": 1}, "further: Extra inputs are not permitted"),
    ],
)
def test_model_without_a_valid_card_is_refused(good: Path, tmp_path: Path, card: Any, message: str) -> None:
    changed = card if card is EARLIER_CARD or not isinstance(card, dict) or "size" in card else None
    content = changed if changed is not None or card is None else {**MODEL_CARD.model_dump(), **card}
    copy_with(good, tmp_path / "m.keras", card=None if content is None else json.dumps(content).encode())
    with pytest.raises(UserError, match=message):
        load_model(tmp_path / "m.keras")


@pytest.mark.parametrize("card", [b"", b"{", b"\xff", b"[" * 100_000, b"9" * 5000])
def test_card_that_is_not_json_is_refused(good: Path, tmp_path: Path, card: bytes) -> None:
    with pytest.raises(UserError, match=f"not a model of this project .*{RESTORE}"):
        load_model(copy_with(good, tmp_path / "m.keras", card=card))


@pytest.mark.parametrize("config", [None, b"", b"null", b"[]", b"{}", b"[" * 100_000, b"\xff"])
def test_configuration_that_is_not_a_network_is_refused(good: Path, tmp_path: Path, config: bytes | None) -> None:
    with pytest.raises(UserError, match=f"not a model of this project .*{RESTORE}"):
        load_model(copy_with(good, tmp_path / "m.keras", config=config))


@pytest.mark.parametrize("weights", [None, b"", b"junk" * 9999])
def test_weights_that_are_not_those_of_the_network_are_refused(
    good: Path, tmp_path: Path, weights: bytes | None
) -> None:
    with pytest.raises(UserError, match=f"not a model of this project .*{RESTORE}"):
        load_model(copy_with(good, tmp_path / "m.keras", weights=weights))


@pytest.mark.parametrize(
    ("built", "message"), [(True, "not a model of this project"), (False, r"its network has \d{13,} bytes of weights")]
)
def test_network_with_more_weights_than_the_file_takes_no_memory(
    good: Path, tmp_path: Path, built: bool, message: str
) -> None:
    """With and without the shapes for which Keras has built its layers, which then contradict the weights."""

    def widen(layer: dict[str, Any]) -> None:
        if not built:
            layer.pop("build_config", None)
        if layer["class_name"].startswith("Conv2D") and layer["config"]["name"] != "probability":
            layer["config"]["filters"] *= 10**5  # 80 TB of weights in the largest layer

    config = change_config(good, widen)
    with pytest.raises(UserError, match=f"{message}.*{RESTORE}"):
        load_model(copy_with(good, tmp_path / "m.keras", config=config))


def test_member_that_declares_more_than_the_file_has_is_refused(good: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as copy:
        for name in source.namelist():
            copy.writestr(name, bytes(2**24) if name == WEIGHTS else source.read(name))
    with pytest.raises(UserError, match=r"its members declare \d+ bytes, more than a file of \d+ bytes can hold"):
        load_model(tmp_path / "m.keras")


def test_layer_whose_weights_are_not_in_the_file_is_refused(good: Path, tmp_path: Path) -> None:
    """Keras would warn, and leave its weights random."""
    with zipfile.ZipFile(good) as archive, h5py.File(io.BytesIO(archive.read(WEIGHTS)), "r+") as file:
        del file["layers/conv2d_3"]
        file.flush()
        weights = file.id.get_file_image()
    with pytest.raises(UserError, match=f"not a model of this project .*{RESTORE}"):
        load_model(copy_with(good, tmp_path / "m.keras", weights=weights))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weight_that_is_not_finite_is_refused(model: keras.Model, tmp_path: Path, value: float) -> None:
    broken = model.__class__.from_config(model.get_config())
    weights = model.get_weights()
    weights[3].flat[0] = value
    broken.set_weights(weights)
    save_model(tmp_path / "m.keras", broken, MODEL_CARD)
    with pytest.raises(UserError, match=f"some of its weights are NaN or infinite.*{RESTORE}"):
        load_model(tmp_path / "m.keras")


def custom_layer(module: str | None, class_name: str, **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def lambda_layer() -> dict[str, Any]:
    """A layer with Python code, as Keras writes it."""
    layer = keras.layers.Lambda(lambda x: (os.mkdir("executed"), x)[1], name="code")  # noqa: PTH102
    return keras.saving.serialize_keras_object(layer)


@pytest.mark.parametrize(
    "layer",
    [
        lambda_layer(),
        custom_layer("os", "mkdir", path="executed"),
        custom_layer("builtins", "exec", source="import os; os.mkdir('executed')"),
        custom_layer("subprocess", "Popen", args=["mkdir", "executed"]),
        custom_layer("keras.utils", "get_file", fname="executed", origin="file:///etc/hostname", cache_dir="."),
        custom_layer("keras.layers", "TFSMLayer", filepath="executed", name="saved"),
        custom_layer("tests.model.test_saving", "lambda_layer"),
        custom_layer("my_layers", "Attention", name="attention"),
        custom_layer(None, "Attention9", name="attention"),
    ],
    ids=lambda layer: layer["class_name"],
)
def test_layer_with_code_or_of_another_project_is_refused_and_not_executed(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layer: dict[str, Any]
) -> None:
    def replace(other: dict[str, Any]) -> None:
        if other["config"]["name"] == "down1_relu1":
            other |= layer | {"name": "down1_relu1"}

    monkeypatch.chdir(tmp_path)
    copy_with(good, Path("m.keras"), config=change_config(good, replace))
    with pytest.raises(UserError, match=f"m.keras: not a model of this project .*{RESTORE}"):
        load_model(Path("m.keras"))
    assert [path.name for path in tmp_path.iterdir()] == ["m.keras"]


def test_damaged_file_is_one_message_or_the_model(good: Path, model: keras.Model, tmp_path: Path) -> None:
    """A few bytes are changed at random, or the file is cut."""
    rng, content = random.Random(0), good.read_bytes()
    refused = 0
    for number in range(30):
        damaged = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        cut = rng.randrange(len(damaged)) if number % 5 == 0 else len(damaged)
        (tmp_path / "m.keras").write_bytes(damaged[:cut])
        try:
            read, card = load_model(tmp_path / "m.keras")
        except UserError:
            refused += 1
            continue
        assert card == MODEL_CARD
        for weight, expected in zip(read.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, expected)
    assert refused > 20
