"""The state from which an interrupted training resumes: one file, replaced after each epoch.

It contains all variables of the model and the optimizer, including the random state of dropout, the best weights so
far, and the history. It does not contain the state of Keras' callbacks for the learning rate and for stopping:
`brainseg.training.callbacks.Replay` replays the history to them.
"""

import fcntl
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from brainseg.files import HISTORY_COLUMNS
from brainseg.reading import ArrayHeader, DamagedFileError, read_arrays
from brainseg.writing import atomic_write

STATE = "state.npz"
HEADER = "header"
MAX_HEADER = 2**24  # bytes
PACKAGES = ("keras", "tensorflow", "jax", "numpy", "scipy", "opencv-python-headless")


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


class _Header(BaseModel):
    """The part of a state file that is not an array of numbers."""

    model_config = ConfigDict(strict=True, extra="forbid")

    key: str
    history: list[dict[str, FiniteFloat]] = Field(min_length=1)
    best_loss: FiniteFloat
    stopped: bool


@contextmanager
def only_training(folder: Path) -> Iterator[None]:
    """Wait until no other process trains in a folder, and keep others waiting inside the block.

    If `dvc` alone is killed, the training that it has started continues.

    Args:
        folder: the folder of the model; created if necessary.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another process trains in {folder}; waiting until it ends", file=sys.stderr)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:  # some network drives have no locks
            pass
        yield
    finally:
        os.close(descriptor)


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
    arrays[HEADER] = np.array(json.dumps(header))
    with atomic_write(folder / STATE) as temporary:
        np.savez(temporary, **arrays)


def load_state(folder: Path, key: str, model: keras.Model, network: keras.Model) -> State | None:
    """Load a state that `save_state` saved, and assign its variables to a model.

    Args:
        folder: that of `save_state`.
        key: from `run_key`; a state with another key is ignored.
        model: compiled, with the architecture of the saved one; unchanged if no state is loaded.
        network: the part of `model` whose best weights are in the state.

    Returns:
        The state; None if there is none with this key.

    Raises:
        DamagedFileError: if the file is not readable or not a state of this model; the model is unchanged.
    """
    try:
        header = _read_header(folder / STATE)
    except FileNotFoundError:
        return None
    if header.key != key:
        return None
    variables = _variables(model)
    expected = {f"variable_{number:04}": value for number, value in enumerate(variables)}
    expected |= {f"best_{number:04}": value for number, value in enumerate(network.weights)}

    def check(headers: Mapping[str, ArrayHeader]) -> None:
        for name, value in expected.items():
            if (found := headers[name].shape, str(headers[name].dtype)) != (tuple(value.shape), value.dtype):
                raise DamagedFileError(f"{name} has shape and type {found}, not {(tuple(value.shape), value.dtype)}")

    arrays = read_arrays(folder / STATE, only=expected, check=check)
    for variable, name in zip(variables, expected, strict=False):  # the variables come first
        variable.assign(arrays[name])
    return State(
        history=[dict(epoch) for epoch in header.history],
        best=[arrays[name] for name in expected if name.startswith("best_")],
        best_loss=header.best_loss,
        stopped=header.stopped,
    )


def _read_header(path: Path) -> _Header:
    """Read the header of a state; raises as `load_state`, and FileNotFoundError if there is no file."""

    def check(headers: Mapping[str, ArrayHeader]) -> None:
        if headers[HEADER].dtype.kind != "U" or headers[HEADER].dtype.itemsize > MAX_HEADER or headers[HEADER].shape:
            raise DamagedFileError(f"{HEADER} is not text")

    array = read_arrays(path, only=(HEADER,), check=check)[HEADER]
    try:
        header = _Header.model_validate(json.loads(str(array)))  # json, because it reads a float exactly
    except RecursionError:
        raise DamagedFileError(f"{HEADER} is nested too deeply") from None
    except ValidationError as error:
        raise DamagedFileError(f"{HEADER} is not that of a training ({error.errors()[0]['msg']})") from None
    except ValueError as error:
        raise DamagedFileError(f"{HEADER} is not JSON ({error})") from None
    logged = set(HISTORY_COLUMNS) - {"epoch"}
    if not all(logged <= set(epoch) for epoch in header.history):
        raise DamagedFileError(f"{HEADER} has an epoch without {', '.join(sorted(logged))}")
    return header


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _values(model: keras.Model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in _variables(model)]
