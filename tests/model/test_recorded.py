"""The state of a finished training stays until dvc.lock records its model."""

import hashlib
from pathlib import Path

import pytest

from brainseg.model.recorded import discard_if_recorded, keep_until_recorded, prepare_state, recorded_digest
from tests.project import ROOT

MODEL = b"weights"
MD5 = hashlib.md5(MODEL).hexdigest()
LOCK = """\
schema: '2.0'
stages:
  split:
    cmd: python -m stages.split
  {stage}:
    cmd: python -m stages.train
    outs:
    - path: {folder}models/history.csv
      md5: 00000000000000000000000000000000
    - path: {folder}models/unet.keras
      hash: md5
      md5: {digest}
"""


def write_lock(path: Path, *, digest: str = MD5, stage: str = "train", folder: str = "") -> None:
    path.write_text(LOCK.format(stage=stage, folder=folder, digest=digest))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder with a model, the state of its training, and the state of another one, without a dvc.lock."""
    for seed in (21, 22):
        (tmp_path / f"models/checkpoint/seed_{seed}").mkdir(parents=True)
        (tmp_path / f"models/checkpoint/seed_{seed}/state.npz").write_bytes(b"state")
    (tmp_path / "models/unet.keras").write_bytes(MODEL)
    return tmp_path


def state_is_there(out: Path) -> bool:
    return (out / "models/checkpoint/seed_21/state.npz").exists()


def test_state_stays_until_its_model_is_recorded(out: Path) -> None:
    state, model = out / "models/checkpoint", out / "models/unet.keras"
    discard_if_recorded(state, model)
    assert state_is_there(out), "its training is not finished"
    keep_until_recorded(state, model)
    for digest in (None, "0" * 32):
        if digest:
            write_lock(out / "dvc.lock", digest=digest)
        discard_if_recorded(state, model)
        assert state_is_there(out), "another model is recorded, or none"
    model.unlink()  # as DVC does before it runs the stage again
    write_lock(out / "dvc.lock")
    discard_if_recorded(state, model)
    assert not state.exists()
    discard_if_recorded(state, model)


def test_state_of_an_unfinished_training_stays_whatever_is_recorded(out: Path) -> None:
    """The training before the interrupted one led to the recorded model."""
    state, model = out / "models/checkpoint", out / "models/unet.keras"
    keep_until_recorded(state, model)
    prepare_state(state, model)  # not recorded yet, so the next training may resume from it
    assert state_is_there(out)
    write_lock(out / "dvc.lock")
    prepare_state(state, model)
    assert state_is_there(out)


def test_training_again_starts_without_the_state_of_the_recorded_model(out: Path) -> None:
    state, model = out / "models/checkpoint", out / "models/unet.keras"
    keep_until_recorded(state, model)
    write_lock(out / "dvc.lock")
    prepare_state(state, model)
    assert not state.exists()
    prepare_state(state, model)


def test_fold_is_recorded_in_the_lock_of_its_own_project(tmp_path: Path) -> None:
    write_lock(tmp_path / "dvc.lock", digest="a" * 32)
    (tmp_path / "cv").mkdir()
    write_lock(tmp_path / "cv/dvc.lock", digest="b" * 32, stage="train@3", folder="folds/3/")
    assert recorded_digest(tmp_path / "models/unet.keras") == "a" * 32
    assert recorded_digest(tmp_path / "cv/folds/3/models/unet.keras") == "b" * 32
    assert recorded_digest(tmp_path / "cv/folds/2/models/unet.keras") is None


def test_lock_that_dvc_wrote_is_understood() -> None:
    assert recorded_digest(ROOT / "models/unet.keras") in (ROOT / "dvc.lock").read_text()
    assert recorded_digest(ROOT / "models/none.keras") is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"stages: [",
        b"stages: 3",
        b"stages:\n  train: 3",
        b"stages:\n  train:\n    outs: {a: 1}",
        b"stages:\n  train:\n    outs:\n    - path: models/unet.keras",
        b"stages: " + b"[" * 100_000,
        b"stages: !!python/object/apply:os.mkdir [executed]",
    ],
)
def test_damaged_lock_records_nothing(out: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.chdir(out)
    (out / "dvc.lock").write_bytes(content)
    assert recorded_digest(Path("models/unet.keras")) is None
    assert not (out / "executed").exists()


@pytest.mark.parametrize("note", [b"", b"\xff\xfe", b"0" * 32])
def test_damaged_note_keeps_the_state(out: Path, note: bytes) -> None:
    write_lock(out / "dvc.lock")
    (out / "models/checkpoint/model.md5").write_bytes(note)
    discard_if_recorded(out / "models/checkpoint", out / "models/unet.keras")
    assert state_is_there(out)
