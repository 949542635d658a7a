"""The command line tool brainseg: its help, its commands, and their error messages."""

import errno
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from brainseg.cli import main
from brainseg.evaluation import runs
from brainseg.files import write_table
from brainseg.phantom import patients
from tests.evaluation.toy_patients import run_table
from tests.project import ROOT


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


def test_the_user_s_settings_do_not_reach_a_command() -> None:
    code = (
        "import os, sys; sys.argv = ['brainseg', 'compare', 'a', 'b']\n"
        "from brainseg import cli\n"
        "from brainseg.evaluation import runs\n"
        "runs.read_run = lambda _: sys.exit(f\"{os.environ.get('KERAS_BACKEND')} {os.environ['KERAS_HOME']}\")\n"
        "cli.main()"
    )
    environment = {**os.environ, "KERAS_BACKEND": "torch", "KERAS_HOME": "/tmp"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert result.stderr.strip() == f"None {os.devnull}"


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
    for name, dice in (("a.csv", 0.5), ("b.csv", 0.6)):
        write_table(tmp_path / name, run_table([dice] * 6))
    run(monkeypatch, "compare", tmp_path / "a.csv", tmp_path / "b.csv")
    printed = capsys.readouterr().out
    assert printed.startswith(f"A: {tmp_path / 'a.csv'}\nB: {tmp_path / 'b.csv'}\n6 test patients in both")
    assert " better\n" in printed


def test_identifiers_that_look_like_numbers_are_found_in_both_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, identifiers, dice in (("a.csv", ["001", "002", "01"], 0.5), ("b.csv", ["001", "002", "P3"], 0.6)):
        write_table(tmp_path / name, run_table([dice] * 3).assign(patient_id=identifiers))
    run(monkeypatch, "compare", tmp_path / "a.csv", tmp_path / "b.csv")
    printed = capsys.readouterr().out
    assert "2 test patients in both; only in A 1, only in B 1\n" in printed
    assert [line.split()[0] for line in printed.splitlines() if line.startswith("00")] == ["001", "002"]


def test_version_is_that_of_the_package_with_its_licence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, "--version")
    assert exit_.value.code in (0, None)
    licences = f"licence of the code {project['license']}, of the weights CC BY-NC-SA 4.0"
    assert capsys.readouterr().out == f"brainseg {project['version']}, {licences}\n"


def test_the_module_is_the_command() -> None:
    result = subprocess.run([sys.executable, "-m", "brainseg.cli"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 2
    assert "the following arguments are required: COMMAND" in result.stderr


def test_interruption_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "read_run", interrupt)
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, "compare", "a")
    assert exit_.value.code == 130
    assert capsys.readouterr().err.split("\n") == ["", "interrupted: run the same command again", ""]


def test_names_in_messages_are_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"^error: a\\x1b\[2J\\u202e: no file"):
        run(monkeypatch, "compare", "a\x1b[2J\u202e")
    with pytest.raises(SystemExit):
        run(monkeypatch, "compare", "a", "b", "c\x1b[2J")
    assert "unrecognized arguments: c\\x1b[2J\n" in capsys.readouterr().err


def test_compare_with_an_unknown_run_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="error: nothing: no file, no folder"):
        run(monkeypatch, "compare", "nothing")


def test_phantom_leaves_an_existing_folder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(SystemExit, match="exists already"):
        run(monkeypatch, "phantom", tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_an_error_of_the_system_names_the_file_and_what_to_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match=r"^error: file/.*: not a directory\. Check the path, the permissions and the"):
        run(monkeypatch, "phantom", "file/new", "--patients", 1, "--size", 32)
    monkeypatch.setattr(patients, "write_phantoms", full_disk)
    with pytest.raises(SystemExit, match=r"^error: new: no space left on device\. Check the path"):
        run(monkeypatch, "phantom", "new")


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
