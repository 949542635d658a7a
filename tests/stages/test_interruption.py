"""Ctrl-C during a stage: one line, status 130 and no traceback, also while libraries are imported.

tests/pipeline/test_lost_work.py interrupts a training. Here a package that blocks stands for one that takes seconds to
import; it says when the import has begun, so that no test depends on time.
"""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import ROOT

BLOCKING = """
import sys
print("importing", flush=True)
sys.stdin.read()
"""
LINE = "interrupted: run the same command again, for example dvc repro\n"


def start(folder: Path, package: str, stage: str, **options: int) -> subprocess.Popen[str]:
    """Start a stage in an empty folder with the default parameters, and wait until it imports the blocking package."""
    (folder / package).mkdir()
    (folder / package / "__init__.py").write_text(BLOCKING)
    (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    process = subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (folder, ROOT)))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    return process


@pytest.mark.parametrize(
    ("package", "stage"),
    [
        ("pandas", "index"),
        ("pandas", "train"),
        ("keras", "train"),  # TensorFlow is imported with it, while standard error is held back
        ("keras", "predict"),
    ],
)
def test_interruption_while_a_library_is_imported_is_one_line(tmp_path: Path, package: str, stage: str) -> None:
    with start(tmp_path, package, stage, stderr=subprocess.PIPE) as process:
        process.send_signal(signal.SIGINT)
        _, printed = process.communicate()
    assert process.returncode == 130
    assert printed == LINE


def test_line_is_below_the_characters_that_a_terminal_shows(tmp_path: Path) -> None:
    """The terminal shows ^C, and a progress bar has hidden its cursor."""
    terminal, end = pty.openpty()
    with start(tmp_path, "keras", "train", stderr=end) as process:
        process.send_signal(signal.SIGINT)
        process.wait()
        assert process.stdin is not None
    os.close(end)
    printed = os.read(terminal, 1000).decode()
    os.close(terminal)
    assert printed == "\x1b[?25h\r\n" + LINE.replace("\n", "\r\n")


def test_stage_that_was_started_with_interruptions_ignored_goes_on(tmp_path: Path) -> None:
    """As a shell starts a job in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = start(tmp_path, "pandas", "split", stderr=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        process.send_signal(signal.SIGINT)
        _, printed = process.communicate()  # ends the import
    assert process.returncode == 1
    assert "interrupted" not in printed
