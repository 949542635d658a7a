"""The command line of every stage: folds print one line, and errors are one message without control characters."""

import argparse
import sys
from pathlib import Path

import pytest
from rich.console import Console

from brainseg.errors import UserError
from brainseg.params import Params, load_params
from stages import common
from tests.project import ROOT


@pytest.fixture(autouse=True)
def _defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default parameters, and no handler for Ctrl-C in the test's own process."""
    monkeypatch.setattr(common, "load_params", lambda: load_params(ROOT / "params.yaml"))
    monkeypatch.setattr(common, "exit_when_interrupted", lambda: None)


def run(monkeypatch: pytest.MonkeyPatch, stage: object, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["stages/evaluate.py", *arguments])
    common.run(stage, "A stage.")  # type: ignore[arg-type]


def talkative(params: Params, arguments: argparse.Namespace) -> str:
    """A stage that prints a report in two ways."""
    print(f"report of {arguments.out}")
    Console().print("a table")
    return "mean Dice 0.747 of 5 test patients\x1b[2J"


def test_stage_prints_its_report(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(monkeypatch, talkative)
    assert capsys.readouterr().out == "report of .\na table\n"
    run(monkeypatch, talkative, "--out", "elsewhere")
    assert capsys.readouterr().out == "report of elsewhere\na table\n"


def test_stage_of_a_fold_prints_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(monkeypatch, talkative, "--fold", "3")
    assert capsys.readouterr().out == "fold 3 (4 of 5), evaluate: mean Dice 0.747 of 5 test patients\\x1b[2J\n"
    run(monkeypatch, lambda *_: None, "--fold", "0")
    assert capsys.readouterr().out == "fold 0 (1 of 5), evaluate: done\n"


def test_stage_of_a_fold_works_in_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    run(monkeypatch, lambda _, arguments: seen.append((arguments.out, arguments.fold)), "--fold", "2")
    run(monkeypatch, lambda _, arguments: seen.append((arguments.out, arguments.fold)))
    assert seen == [(Path("cv/folds/2"), 2), (Path(), None)]


@pytest.mark.parametrize("arguments", [("--fold", "5"), ("--fold", "-1")])
def test_unknown_fold_is_refused_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit, match=r"no such fold; split\.folds in params\.yaml lists 0, 1, 2, 3, 4"):
        run(monkeypatch, lambda *_: pytest.fail("ran"), *arguments)


def test_fold_and_folder_together_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, talkative, "--fold", "0", "--out", "elsewhere")
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "restore"),
    [
        ((), "dvc checkout && git restore metrics plots"),
        (("--fold", "1"), "dvc --cd cv checkout && git restore cv/metrics"),
        (("--out", "cv"), "dvc --cd cv checkout && git restore cv/metrics"),
    ],
)
def test_full_disk_says_how_to_restore_what_dvc_deleted(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], restore: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "a\x9b.csv")

    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, full, *arguments)
    lines = str(exit_.value.code).split("\n")
    assert lines[0] == r"error: [Errno 28] No space left on device: 'a\x9b.csv'"
    assert lines[-1].strip() == restore


def test_message_is_escaped_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise UserError("two faults:\n  P\x1b[2J: bad\n  P\u202e: bad")

    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, fail)
    assert str(exit_.value.code).startswith("error: two faults:\n  P\\x1b[2J: bad\n  P\\u202e: bad\n")
