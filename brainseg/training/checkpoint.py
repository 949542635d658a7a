"""What a killed training goes on from: one file, replaced whole after each epoch.

It holds every variable of model and optimizer, dropout's random state included, the best weights so far, and the
history. Keras' callbacks for the learning rate and for stopping keep no state of their own here: they are shown the
history again.
"""

import hashlib
import json
import sys
import zipfile
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import numpy as np

from brainseg.files import atomic_write

STATE = "state.npz"
PACKAGES = ("keras", "tensorflow", "jax", "numpy", "opencv-python-headless")


@dataclass(kw_only=True)
class State:
    """A training after some epochs.

    Attributes:
        history: what Keras logged, an epoch each.
        best: weights of the epoch with the least validation loss, in the order of `Model.get_weights`.
        best_loss: that loss.
        stopped: whether the training has ended by itself.
        failed: the epoch whose loss was no number, from 1; 0: none. Not written.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best: list[np.ndarray] = field(default_factory=list)
    best_loss: float = float("inf")
    stopped: bool = False
    failed: int = 0


def run_key(*parts: object) -> str:
    """A digest of all that a training depends on: the given parts, this project's loaded code, packages' versions.

    Args:
        parts: each with a `repr` that says all: parameters, tables as text.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part).encode())
    for name in sorted(sys.modules):
        path = getattr(sys.modules[name], "__file__", None)
        if name.partition(".")[0] in ("brainseg", "stages") and path:
            digest.update(Path(path).read_bytes())
    for package in PACKAGES:
        try:
            digest.update(f"{package} {metadata.version(package)}".encode())
        except metadata.PackageNotFoundError:
            continue
    return digest.hexdigest()


def save_state(folder: Path, key: str, model: keras.Model, state: State) -> None:
    """Write the state after an epoch, in place of the one before.

    Args:
        folder: where; it is made.
        key: from `run_key`.
        model: compiled; its variables and its optimizer's are written.
        state: the rest.
    """
    arrays: dict[str, Any] = {f"variable_{place:04}": value for place, value in enumerate(_values(model))}
    arrays |= {f"best_{place:04}": value for place, value in enumerate(state.best)}
    words = {"key": key, "history": state.history, "best_loss": state.best_loss, "stopped": state.stopped}
    with atomic_write(folder / STATE) as temporary:
        np.savez(temporary, words=np.array(json.dumps(words)), **arrays)


def load_state(folder: Path, key: str, model: keras.Model) -> State | None:
    """Read what `save_state` wrote and put it into a model.

    Args:
        folder: where.
        key: from `run_key`; the state of another run, of other data or code is passed over.
        model: compiled and built as the one that was saved; not changed if there is nothing to go on from.

    Returns:
        The state; None if there is none for this key.
    """
    try:
        with (folder / STATE).open("rb") as file, np.load(file) as arrays:
            words = json.loads(str(arrays["words"]))
            if words.pop("key") != key:
                return None
            names = sorted(arrays.files)
            values = [arrays[name] for name in names if name.startswith("variable_")]
            best = [arrays[name] for name in names if name.startswith("best_")]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):  # none, or not a state of ours
        return None
    for variable, value in zip(_variables(model), values, strict=True):
        variable.assign(value)
    return State(best=best, **words)


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _values(model: keras.Model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in _variables(model)]
