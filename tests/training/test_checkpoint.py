"""An interrupted training resumes and ends with the same bytes; the state of another training is ignored.

Also covers brainseg.training.callbacks.
"""

import dataclasses
import json
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainseg.files import HISTORY_COLUMNS
from brainseg.params import TrainParams
from brainseg.training import checkpoint
from brainseg.training.checkpoint import only_training
from tests.project import ROOT
from tests.training.toy_training import CPU, RICH, TRAIN, assert_same, interrupt_toy, train_toy

pytestmark = [
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`"),
    pytest.mark.usefixtures("quick_training"),
]
PLATEAU = TRAIN.model_copy(
    update={"plateau_patience": 1, "plateau_factor": 0.5, "early_stopping_patience": 4, "epochs": 9, "dropout": 0.2}
)


@pytest.mark.parametrize(("params", "inverted", "epochs"), [(RICH, False, 2), (PLATEAU, True, 3), (PLATEAU, True, 5)])
def test_interrupted_training_ends_like_an_uninterrupted_one(
    tmp_path: Path, params: TrainParams, inverted: bool, epochs: int
) -> None:
    """Optimizer, dropout, learning rate and both patiences; PLATEAU halves its learning rate and stops early."""
    uninterrupted = train_toy(params, tmp_path / "whole", inverted=inverted)
    if params is PLATEAU:
        assert uninterrupted[1].learning_rate.iloc[-1] < uninterrupted[1].learning_rate.iloc[0]
        assert len(uninterrupted[1]) < params.epochs
    interrupt_toy(params, tmp_path / "cut", epochs, inverted=inverted)
    assert_same(uninterrupted, train_toy(params, tmp_path / "cut", inverted=inverted))


def test_complete_training_is_not_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The stage was killed after the last epoch before it wrote its files, or DVC could not store them."""
    complete = train_toy(TRAIN, tmp_path)
    capsys.readouterr()
    assert_same(complete, train_toy(TRAIN, tmp_path))
    printed = capsys.readouterr().out
    assert f"this training is complete after 3 epochs; to train again, delete {tmp_path}" in printed
    assert "validation loss" not in printed


def test_state_of_another_training_is_ignored(tmp_path: Path) -> None:
    interrupt_toy(TRAIN, tmp_path / "cut", 2)
    expected = train_toy(TRAIN, tmp_path / "fresh")
    assert_same(expected, train_toy(TRAIN, tmp_path / "cut", table=b"other rows"))


ONE_EPOCH = TRAIN.model_copy(update={"epochs": 1})
GOOD_EPOCH = dict.fromkeys(set(HISTORY_COLUMNS) - {"epoch"}, 0.5)


def change_state(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
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
        (None, lambda arrays: arrays.update(best_0000=arrays["best_0000"][..., :1])),
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
def test_damaged_state_is_one_line_and_the_training_starts_from_the_beginning(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
    change: Callable[[dict[str, Any]], None] | None,
) -> None:
    expected = train_toy(ONE_EPOCH, tmp_path)
    if content is not None:
        (tmp_path / checkpoint.STATE).write_bytes(content)
    if change is not None:
        change_state(tmp_path, change)
    capsys.readouterr()
    assert_same(expected, train_toy(ONE_EPOCH, tmp_path))
    output = capsys.readouterr()
    assert output.err.count("\n") == 1
    assert output.err.startswith(f"{tmp_path / checkpoint.STATE}: damaged (")
    assert output.err.endswith("), so this training starts from the beginning\n")
    assert output.out.count("validation loss") == 1


def test_state_that_was_not_damaged_is_still_accepted_after_the_test_s_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So the cases above are refused because of their damage."""
    expected = train_toy(ONE_EPOCH, tmp_path)
    change_state(tmp_path, lambda arrays: None)
    capsys.readouterr()
    assert_same(expected, train_toy(ONE_EPOCH, tmp_path))
    assert "this training is complete after 1 epochs" in capsys.readouterr().out


def test_number_of_saved_epochs_is_reported(tmp_path: Path) -> None:
    reported: list[int] = []
    interrupt_toy(TRAIN, tmp_path, 2, saved=reported.append)
    assert reported == [0, 1]  # the interruption comes right after the state was saved
    reported.clear()
    train_toy(TRAIN, tmp_path, saved=reported.append)
    assert reported == [2, 3]


WAITING = """
import pathlib, sys
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
        assert process.stdout is not None
        printed = [line for line, _ in zip(filter_messages(process.stdout), range(2), strict=False)]
        assert printed == ["started\n", f"another process trains in {tmp_path}/models; waiting until it ends\n"]
    with process:
        assert process.stdout.readline() == "alone\n"
    assert process.returncode == 0


def filter_messages(lines: Any) -> Any:
    """The lines of the process, without those of TensorFlow."""
    return (line for line in lines if line.startswith(("started", "another", "alone")))


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
