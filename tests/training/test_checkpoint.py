"""An interrupted training resumes and ends with the same bytes; the state of another training is ignored.

Also covers brainseg.training.callbacks.
"""

import dataclasses
import json
import shutil
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainseg.files import HISTORY_COLUMNS
from brainseg.model.unet import seeded_unet
from brainseg.params import TrainParams
from brainseg.reading import DamagedFileError
from brainseg.training import checkpoint
from brainseg.training.checkpoint import only_training
from brainseg.training.fit import compile_model
from tests.project import ROOT
from tests.training.toy_training import CPU, RICH, TRAIN, assert_same, interrupt_toy, train_toy, uninterrupted_toy

pytestmark = [
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`"),
    pytest.mark.usefixtures("quick_training"),
]
PLATEAU = TRAIN.model_copy(
    update={"plateau_patience": 1, "plateau_factor": 0.5, "early_stopping_patience": 3, "epochs": 9, "dropout": 0.2}
)


@pytest.mark.parametrize(("params", "inverted", "epochs"), [(RICH, False, 2), (PLATEAU, True, 2), (PLATEAU, True, 3)])
def test_interrupted_training_ends_like_an_uninterrupted_one(
    tmp_path: Path, params: TrainParams, inverted: bool, epochs: int
) -> None:
    """Optimizer, dropout, learning rate and both patiences; PLATEAU halves its learning rate and stops early."""
    uninterrupted = uninterrupted_toy(params, inverted=inverted)
    if params is PLATEAU:
        assert uninterrupted[1].learning_rate.iloc[-1] < uninterrupted[1].learning_rate.iloc[0]
        assert len(uninterrupted[1]) < params.epochs
    interrupt_toy(params, tmp_path, epochs, inverted=inverted)
    assert_same(uninterrupted, train_toy(params, tmp_path, inverted=inverted))


def test_complete_training_is_not_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The stage was killed after the last epoch before it wrote its files, or DVC could not store them."""
    complete = train_toy(TRAIN, tmp_path)
    capsys.readouterr()
    assert_same(complete, train_toy(TRAIN, tmp_path))
    printed = capsys.readouterr().out
    assert f"this training is complete after 2 epochs; to train again, delete {tmp_path}" in printed
    assert "validation loss" not in printed


def test_state_of_another_training_is_ignored(tmp_path: Path) -> None:
    interrupt_toy(TRAIN, tmp_path, 1)
    assert_same(uninterrupted_toy(TRAIN), train_toy(TRAIN, tmp_path, table=b"other rows"))


GOOD_EPOCH = dict.fromkeys(set(HISTORY_COLUMNS) - {"epoch"}, 0.5)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, keras.Model]:
    """The folder of a saved state, and its model; the best weights are one higher than those of the model."""
    folder, model = tmp_path_factory.mktemp("saved"), seeded_unet(TRAIN.model_copy(update={"filters": 1}))
    compile_model(model, TRAIN, CPU, steps=1)
    best = [weight + 1 for weight in model.get_weights()]
    state = checkpoint.State(history=[GOOD_EPOCH], best=best, best_loss=0.1, stopped=True)
    checkpoint.save_state(folder, "key", model, state)
    return folder, model


def change_state(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the arrays of a state; a change to `header` is one to its JSON."""
    with np.load(folder / checkpoint.STATE) as file:
        arrays: dict[str, Any] = dict(file)
    arrays["header"] = json.loads(str(arrays["header"]))
    change(arrays)
    if isinstance(arrays.get("header"), dict):
        arrays["header"] = np.array(json.dumps(arrays["header"]))
    np.savez(folder / checkpoint.STATE, **arrays)


@pytest.mark.parametrize(
    ("content", "change"),
    [
        (b"", None),
        (b"PK\x03\x04 cut off", None),
        (b"no archive", None),
        (None, lambda arrays: arrays.pop("header")),
        (None, lambda arrays: arrays.pop("variable_0003")),
        (None, lambda arrays: arrays.pop("best_0000")),
        (None, lambda arrays: arrays.update(variable_0003=np.zeros((2, 2), np.float32))),
        (None, lambda arrays: arrays.update(variable_0000=arrays["variable_0000"].astype(np.float64))),
        (None, lambda arrays: arrays.update(best_0000=arrays["best_0000"][:1])),
        (None, lambda arrays: arrays.update(header=np.array("[" * 100_000))),
        (None, lambda arrays: arrays.update(header=np.array("no JSON"))),
        (None, lambda arrays: arrays.update(header=np.zeros(3))),
        (None, lambda arrays: arrays["header"].pop("stopped")),
        (None, lambda arrays: arrays["header"].update(history=[])),
        (None, lambda arrays: arrays["header"].update(history=[{"loss": 1.0}])),
        (None, lambda arrays: arrays["header"].update(history=[{**GOOD_EPOCH, "val_loss": float("nan")}])),
        (None, lambda arrays: arrays["header"].update(best_loss="low")),
    ],
)
def test_damaged_state_is_refused_and_changes_nothing(
    saved: tuple[Path, keras.Model],
    tmp_path: Path,
    content: bytes | None,
    change: Callable[[dict[str, Any]], object] | None,
) -> None:
    folder, model = saved
    shutil.copy(folder / checkpoint.STATE, tmp_path)
    if content is not None:
        (tmp_path / checkpoint.STATE).write_bytes(content)
    if change is not None:
        change_state(tmp_path, change)
    before = model.get_weights()
    with pytest.raises(DamagedFileError):
        checkpoint.load_state(tmp_path, "key", model, model)
    for weight, weight_before in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, weight_before)


def test_state_is_loaded_as_it_was_saved(saved: tuple[Path, keras.Model], tmp_path: Path) -> None:
    """Also after it went through `change_state`, so the cases above are refused because of their damage."""
    folder, model = saved
    shutil.copy(folder / checkpoint.STATE, tmp_path)
    change_state(tmp_path, len)  # changes nothing
    for each in (folder, tmp_path):
        state = checkpoint.load_state(each, "key", model, model)
        assert state is not None
        assert (state.history, state.best_loss, state.stopped) == ([GOOD_EPOCH], 0.1, True)
        for best, weight in zip(state.best, model.get_weights(), strict=True):
            np.testing.assert_array_equal(best, weight + 1)
    assert checkpoint.load_state(folder, "another key", model, model) is None
    assert checkpoint.load_state(tmp_path / "none", "key", model, model) is None


@given(data=st.data())
def test_any_changed_bytes_of_a_state_are_refused_or_have_no_effect(
    saved: tuple[Path, keras.Model], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder, model = saved
    content = bytearray((folder / checkpoint.STATE).read_bytes())
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[position] = data.draw(st.integers(0, 255))
    damaged = tmp_path_factory.mktemp("state")
    (damaged / checkpoint.STATE).write_bytes(content)
    try:
        state = checkpoint.load_state(damaged, "key", model, model)
    except DamagedFileError:
        return
    assert state is not None
    assert state.history == [GOOD_EPOCH]


def test_training_with_a_damaged_state_says_so_in_one_line_and_starts_from_the_beginning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one_epoch = TRAIN.model_copy(update={"epochs": 1})
    expected = train_toy(one_epoch, tmp_path)
    change_state(tmp_path, lambda arrays: arrays.pop("variable_0003"))
    capsys.readouterr()
    assert_same(expected, train_toy(one_epoch, tmp_path))
    output = capsys.readouterr()
    start, end = f"{tmp_path / checkpoint.STATE}: damaged (", "), so this training starts from the beginning\n"
    assert output.err.startswith(start)
    assert output.err.endswith(end)
    assert output.err.count("\n") == 1
    assert output.out.count("validation loss") == 1


def test_number_of_saved_epochs_is_reported(tmp_path: Path) -> None:
    reported: list[int] = []
    interrupt_toy(TRAIN, tmp_path, 1, saved=reported.append)
    assert reported == [0]  # the interruption comes right after the state was saved
    reported.clear()
    train_toy(TRAIN, tmp_path, saved=reported.append)
    assert reported == [1, 2]


# A stand-in for Keras, which takes seconds to import, and which the lock does not need.
WAITING = """
import pathlib, sys, unittest.mock
sys.modules["keras"] = unittest.mock.MagicMock()
from brainseg.training.checkpoint import only_training
print("started", flush=True)
with only_training(pathlib.Path(sys.argv[1])):
    print("alone", flush=True)
"""


def test_second_training_in_a_folder_waits_for_the_first(tmp_path: Path) -> None:
    """If `dvc` alone is killed, the stage that it has started goes on."""
    with only_training(tmp_path / "models"):
        process = subprocess.Popen(
            [sys.executable, "-c", WAITING, tmp_path / "models"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert next_line(process) == "started\n"
        assert next_line(process) == f"another process trains in {tmp_path}/models; waiting until it ends\n"
    with process:
        assert next_line(process) == "alone\n"
    assert process.returncode == 0


def next_line(process: subprocess.Popen[str]) -> str:
    """The next line that a process prints."""
    assert process.stdout is not None
    return process.stdout.readline()


def test_run_key_changes_with_parameters_and_tables() -> None:
    key = checkpoint.run_key(TRAIN, CPU, b"table")
    assert key == checkpoint.run_key(TRAIN.model_copy(), CPU, b"table")
    assert key != checkpoint.run_key(TRAIN.model_copy(update={"seed": 4}), CPU, b"table")
    assert key != checkpoint.run_key(TRAIN, dataclasses.replace(CPU, precision="bfloat16"), b"table")
    assert key != checkpoint.run_key(TRAIN, CPU, b"tablet")


def test_run_key_changes_with_imported_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("brainseg.new")
    module.__file__ = str(tmp_path / "new.py")
    (tmp_path / "new.py").write_text("a = 1")
    without = checkpoint.run_key()
    monkeypatch.setitem(sys.modules, "brainseg.new", module)
    first = checkpoint.run_key()
    (tmp_path / "new.py").write_text("a = 2")
    assert len({without, first, checkpoint.run_key()}) == 3
