"""The command line tool brainseg: its help, its commands, and their error messages."""

import subprocess
import sys
from pathlib import Path

import pytest

from brainseg.cli import main
from brainseg.files import write_table
from tests.evaluation.toy_patients import run_table


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["brainseg", *map(str, arguments)])
    main()


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['brainseg', '--help']\n"
        "from brainseg.cli import main\n"
        "try: main()\n"
        "finally: print({'numpy', 'pandas', 'cv2', 'tensorflow', 'keras', 'kagglehub'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name in ("download", "phantom", "compare", "Not for diagnosis", "set()"):
        assert name in result.stdout


def test_phantom_writes_patients_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "phantom", tmp_path / "new", "--patients", 2, "--size", 48)
    assert "2 synthetic patients" in capsys.readouterr().out
    assert len([path for path in (tmp_path / "new").iterdir() if path.is_dir()]) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--patients", "0"), "--patients: Input should be greater than or equal to 1, found 0"),
        (("--size", "8"), "--size: Input should be greater than or equal to 32, found 8"),
    ],
)
def test_phantom_refuses_numbers_out_of_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(SystemExit, match=words):
        run(monkeypatch, "phantom", tmp_path / "new", *arguments)
    assert not (tmp_path / "new").exists()


def test_compare_prints_the_differences_of_two_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, dice in (("a.csv", [0.5, 0.6, 0.7]), ("b.csv", [0.6, 0.7, 0.8])):
        write_table(tmp_path / name, run_table(dice))
    run(monkeypatch, "compare", tmp_path / "a.csv", tmp_path / "b.csv")
    printed = capsys.readouterr().out
    assert printed.startswith(f"A: {tmp_path / 'a.csv'}\nB: {tmp_path / 'b.csv'}\n3 test patients in both")
    assert "excludes 0, B better" in printed


def test_compare_with_an_unknown_run_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="error: nothing: no file, no folder"):
        run(monkeypatch, "compare", "nothing")


def test_phantom_leaves_an_existing_folder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(SystemExit, match="exists already"):
        run(monkeypatch, "phantom", tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep"
