"""The state of a finished training, which is kept until dvc.lock records the model that it led to.

DVC can fail to store a model after its training has ended, for example because the cache is full, and then removes it.
The state is enough to write the model again.
"""

import hashlib
import shutil
from pathlib import Path

import yaml

from brainseg.writing import atomic_write

LOCK = "dvc.lock"
DIGEST = "model.md5"  # in the folder of the state, once its training has finished: the MD5 of the model


def keep_until_recorded(state: Path, model: Path) -> None:
    """Note the model that a state has led to.

    Args:
        state: the folder of the state.
        model: the file of the model.
    """
    with atomic_write(state / DIGEST) as temporary:
        temporary.write_text(hashlib.md5(model.read_bytes(), usedforsecurity=False).hexdigest(), encoding="utf-8")


def prepare_state(state: Path, model: Path) -> None:
    """Before a training: delete the state if dvc.lock records its model, else take it for that of this training.

    Args:
        state: the folder of the state; may be missing.
        model: the path of the model; the file may be missing.
    """
    discard_if_recorded(state, model)
    (state / DIGEST).unlink(missing_ok=True)  # the training may replace the state by one that led to no model yet


def discard_if_recorded(state: Path, model: Path) -> None:
    """Delete a state if dvc.lock records the model that it has led to.

    Args:
        state: the folder of the state; may be missing.
        model: the path of the model; the file may be missing.
    """
    try:
        digest = (state / DIGEST).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):  # no finished training
        return
    if digest == recorded_digest(model):
        for path in state.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
        shutil.rmtree(state)  # last, so that an interrupted call is repeated


def recorded_digest(path: Path) -> str | None:
    """The MD5 that the nearest dvc.lock above a file records for it; None if it records none or is not readable."""
    path = path.resolve()
    for folder in path.parents:
        if (folder / LOCK).is_file():
            return _digest_in(folder / LOCK, path.relative_to(folder).as_posix())
    return None


def _digest_in(lock: Path, name: str) -> str | None:
    """The MD5 that a dvc.lock records for the output `name` of any stage."""
    try:
        content = yaml.safe_load(lock.read_text(encoding="utf-8"))
        outs = [out for stage in content["stages"].values() for out in stage.get("outs", ())]
        return next((str(out["md5"]) for out in outs if out["path"] == name), None)
    except (OSError, ValueError, yaml.YAMLError, RecursionError, LookupError, TypeError, AttributeError):
        return None
