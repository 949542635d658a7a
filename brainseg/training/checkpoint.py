"""The state from which an interrupted training resumes: one file, replaced after each epoch.

It contains all variables of the model and the optimizer, including the random state of dropout, the best weights so
far, and the history. It does not contain the state of Keras' callbacks for the learning rate and for stopping:
`brainseg.training.callbacks.Replay` replays the history to them.
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
    """The state of a training after some epochs, apart from the variables of the model and the optimizer.

    Attributes:
        history: what Keras logged, one dictionary per epoch.
        best: weights of the epoch with the lowest validation loss, in the order of `Model.get_weights`.
        best_loss: the validation loss of that epoch.
        stopped: whether the training is complete.
        failed: the epoch whose loss was NaN or infinite, from 1; 0 if there was none. Not saved.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best: list[np.ndarray] = field(default_factory=list)
    best_loss: float = float("inf")
    stopped: bool = False
    failed: int = 0


def run_key(*parts: object) -> str:
    """A digest of everything that a training depends on.

    Besides the given parts, it covers the imported modules of this project and the versions of the packages.

    Args:
        parts: parameters and contents of tables; the `repr` of each must be complete.

    Returns:
        SHA-256 in hexadecimal.
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
    """Save the state after an epoch, replacing that of the previous epoch.

    Args:
        folder: created if necessary.
        key: from `run_key`.
        model: compiled; its variables and those of its optimizer are saved.
        state: saved too.
    """
    arrays: dict[str, Any] = {f"variable_{number:04}": value for number, value in enumerate(_values(model))}
    arrays |= {f"best_{number:04}": value for number, value in enumerate(state.best)}
    header = {"key": key, "history": state.history, "best_loss": state.best_loss, "stopped": state.stopped}
    with atomic_write(folder / STATE) as temporary:
        np.savez(temporary, header=np.array(json.dumps(header)), **arrays)


def load_state(folder: Path, key: str, model: keras.Model) -> State | None:
    """Load a state that `save_state` saved, and assign its variables to a model.

    Args:
        folder: that of `save_state`.
        key: from `run_key`; a state with another key is ignored.
        model: compiled, with the architecture of the saved one; unchanged if no state is loaded.

    Returns:
        The state; None if there is none with this key.
    """
    try:
        with (folder / STATE).open("rb") as file, np.load(file) as arrays:
            header = json.loads(str(arrays["header"]))
            if header.pop("key") != key:
                return None
            names = sorted(arrays.files)
            values = [arrays[name] for name in names if name.startswith("variable_")]
            best = [arrays[name] for name in names if name.startswith("best_")]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):  # no file, or not a valid one
        return None
    for variable, value in zip(_variables(model), values, strict=True):
        variable.assign(value)
    return State(best=best, **header)


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _values(model: keras.Model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in _variables(model)]
