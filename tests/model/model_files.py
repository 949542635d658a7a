"""The card of a small model, and its file with other members."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from brainseg.model.backend import Runtime
from brainseg.model.saving import CARD, CONFIG, WEIGHTS, make_card
from brainseg.params import load_params
from tests.project import ROOT

MODEL_CARD = make_card(
    load_params(ROOT / "params.yaml").train.model_copy(update={"input_size": 32}),
    Runtime(backend="tensorflow", gpu=False, precision="float32"),
)
RESTORE = r"dvc checkout --force, or train again: dvc repro --force --single-item train$"


def copy_with(source: Path, target: Path, **replaced: bytes | None) -> Path:
    """Copy a model file with other members (card, config or weights), or without those that are None."""
    names = {"card": CARD, "config": CONFIG, "weights": WEIGHTS}
    contents = {names[key]: content for key, content in replaced.items()}
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as copy:
        for name in archive.namelist():
            content = contents.get(name, archive.read(name))
            if content is not None:
                copy.writestr(name, content)
    return target


def change_config(source: Path, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The configuration of a model file, after `change` was called with each layer of it."""
    with zipfile.ZipFile(source) as archive:
        config = json.loads(archive.read(CONFIG))
    for layer in config["config"]["layers"]:
        change(layer)
    return json.dumps(config).encode()
