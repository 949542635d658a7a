"""An interrupted training goes on to the same end; the state of another one is passed over."""

import dataclasses
import sys
import types
from pathlib import Path

import pytest

from brainseg.params import TrainParams
from brainseg.training import checkpoint
from tests.training.toy_training import CPU, RICH, TRAIN, assert_same, killed_after, quick_training, trained  # noqa: F401

pytestmark = [
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`"),
    pytest.mark.usefixtures("quick_training"),
]
PLATEAU = TRAIN.model_copy(
    update={"plateau_patience": 1, "plateau_factor": 0.5, "early_stopping_patience": 4, "epochs": 9, "dropout": 0.2}
)


@pytest.mark.parametrize(("train", "opposite", "epochs"), [(RICH, False, 2), (PLATEAU, True, 3), (PLATEAU, True, 5)])
def test_interrupted_training_ends_as_an_undisturbed_one(
    tmp_path: Path, train: TrainParams, opposite: bool, epochs: int
) -> None:
    """Optimizer, averages, dropout, learning rate and both patiences: PLATEAU halves its rate and stops early."""
    undisturbed = trained(train, tmp_path / "whole", opposite=opposite)
    if train is PLATEAU:
        assert undisturbed[1].learning_rate.iloc[-1] < undisturbed[1].learning_rate.iloc[0]
        assert len(undisturbed[1]) < train.epochs
    killed_after(train, tmp_path / "cut", epochs, opposite=opposite)
    assert_same(undisturbed, trained(train, tmp_path / "cut", opposite=opposite))


def test_finished_training_is_not_trained_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Killed between its last epoch and its files."""
    whole = trained(TRAIN, tmp_path)
    capsys.readouterr()
    assert_same(whole, trained(TRAIN, tmp_path))
    assert "going on after epoch 3" in (printed := capsys.readouterr().out)
    assert "validation loss" not in printed


def test_state_of_another_run_is_passed_over(tmp_path: Path) -> None:
    killed_after(TRAIN, tmp_path / "cut", 2)
    fresh = trained(TRAIN, tmp_path / "fresh")
    assert_same(fresh, trained(TRAIN, tmp_path / "cut", table=b"other rows"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no archive"])
def test_state_that_cannot_be_read_is_passed_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / checkpoint.STATE).write_bytes(content)
    one = TRAIN.model_copy(update={"epochs": 1})
    assert_same(trained(one, tmp_path / "fresh"), trained(one, tmp_path / "cut"))


def test_run_key_changes_with_parameters_and_tables() -> None:
    key = checkpoint.run_key(TRAIN, CPU, b"table")
    assert key == checkpoint.run_key(TRAIN.model_copy(), CPU, b"table")
    assert key != checkpoint.run_key(TRAIN.model_copy(update={"seed": 4}), CPU, b"table")
    assert key != checkpoint.run_key(TRAIN, dataclasses.replace(CPU, precision="bfloat16"), b"table")
    assert key != checkpoint.run_key(TRAIN, CPU, b"tablet")


def test_run_key_changes_with_loaded_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("brainseg.new")
    module.__file__ = str(tmp_path / "new.py")
    (tmp_path / "new.py").write_text("a = 1")
    without = checkpoint.run_key()
    monkeypatch.setitem(sys.modules, "brainseg.new", module)
    first = checkpoint.run_key()
    (tmp_path / "new.py").write_text("a = 2")
    assert len({without, first, checkpoint.run_key()}) == 3
