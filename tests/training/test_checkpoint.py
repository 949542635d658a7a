"""An interrupted training resumes and ends with the same bytes; the state of another training is ignored.

Also covers brainseg.training.callbacks.
"""

import dataclasses
import sys
import types
from pathlib import Path

import pytest

from brainseg.params import TrainParams
from brainseg.training import checkpoint
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
    """The stage was killed after the last epoch, but before it wrote its files."""
    complete = train_toy(TRAIN, tmp_path)
    capsys.readouterr()
    assert_same(complete, train_toy(TRAIN, tmp_path))
    assert "resuming after epoch 3" in (printed := capsys.readouterr().out)
    assert "validation loss" not in printed


def test_state_of_another_training_is_ignored(tmp_path: Path) -> None:
    interrupt_toy(TRAIN, tmp_path / "cut", 2)
    expected = train_toy(TRAIN, tmp_path / "fresh")
    assert_same(expected, train_toy(TRAIN, tmp_path / "cut", table=b"other rows"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no archive"])
def test_unreadable_state_is_ignored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / checkpoint.STATE).write_bytes(content)
    one_epoch = TRAIN.model_copy(update={"epochs": 1})
    assert_same(train_toy(one_epoch, tmp_path / "fresh"), train_toy(one_epoch, tmp_path / "cut"))


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
