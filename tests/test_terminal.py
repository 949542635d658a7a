"""Foreign text, closed streams, readers that leave early: in this process, and in processes of their own."""

import io
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainseg.files import write_table
from brainseg.terminal import printable, protect_streams, stop
from tests.evaluation.toy_patients import run_table
from tests.project import ROOT

EVIL = "P\x1b[31m\x9b2J\r\n\u202e\u2066\u200b\ufeff\u3164\u2028\udcff"
# A program that prints and writes a file, as a stage does.
PROGRAM = """
import os, sys
from contextlib import suppress
from brainseg.terminal import protect_streams
protect_streams()
with open(sys.argv[1], "w") as file:
    for number in (1, 2):
        with suppress(OSError):
            os.write(number, b"from a C library\\n")
    print("before"); print("warning", file=sys.stderr)
    for line in range(20_000):
        print(line, "张")
    file.write("complete")
"""


def test_letters_of_all_scripts_stay_as_they_are() -> None:
    for name in ("Schädel 脑.png", "ผู้ป่วย", "חולה", "P-01_a.b", "👩🏽", "é", "e\u0301", "[red]"):
        assert printable(name) == name


def test_what_a_terminal_obeys_or_hides_is_escaped() -> None:
    assert printable(EVIL) == r"P\x1b[31m\x9b2J\r\n\u202e\u2066\u200b\ufeff\u3164\u2028\udcff"
    for character in "\u00a0\u034f\u115f\u1160\u17b4\u2800\u3164\ufe0f\uffa0\U000e0100":  # blank or invisible
        assert printable(f"P{character}1") == "P" + character.encode("unicode_escape").decode() + "1"


def test_no_control_or_format_character_and_no_line_break_passes() -> None:
    """All code points of Unicode's classes C and Z but the space; they include all that change the direction."""
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character)[0] in "CZ" and character != " ":
            shown = printable(character)
            assert shown != character
            assert shown.isascii()


@given(st.text())
def test_escaped_text_is_one_line_that_says_everything(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown
    if "\\" not in text:  # otherwise the text may look like an escape
        assert shown.encode("ascii", "backslashreplace").decode("unicode_escape") == text


def test_message_keeps_its_lines_and_nothing_else() -> None:
    with pytest.raises(SystemExit) as exit_:
        stop("first\x1b[2J\nsecond\r")
    assert exit_.value.code == "error: first\\x1b[2J\nsecond\\r"


def test_redirected_output_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = [io.StringIO(), io.StringIO()]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    protect_streams()
    assert [sys.stdout, sys.stderr] == streams


def run_program(redirections: str, folder: Path, **environment: str) -> tuple[int, str]:
    """Run `PROGRAM` in a shell; returns its exit code and what reached the shell's output."""
    (folder / "program.py").write_text(PROGRAM)
    script = f'("$0" program.py result; echo $? > code) {redirections}'
    result = subprocess.run(
        ["bash", "-c", script, sys.executable],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return int((folder / "code").read_text()), result.stdout


@pytest.mark.parametrize(
    "redirections", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "| head -1", "2>&1 | head -1", "2> >(true)"]
)
def test_closed_streams_and_readers_that_leave_stop_nothing(redirections: str, tmp_path: Path) -> None:
    code, printed = run_program(redirections, tmp_path)
    assert code == 0
    assert (tmp_path / "result").read_text() == "complete"  # and nothing that C libraries print
    for word in ("Traceback", "Error", "Exception", "pipe"):
        assert word not in printed


def test_encoding_without_the_characters_prints_escapes(tmp_path: Path) -> None:
    code, printed = run_program("| sed -n 3p", tmp_path, PYTHONIOENCODING="ascii")
    assert (code, "0 \\u5f20" in printed) == (0, True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_full_disk_is_reported_once(tmp_path: Path) -> None:
    write_table(tmp_path / "a.csv", run_table([0.5, 0.6]))
    code = "from brainseg.cli import main; main()"
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-c", code, "compare", tmp_path / "a.csv", tmp_path / "a.csv"],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert result.returncode == 1
    advice = "Check the path, the permissions and the free space"
    assert result.stderr == f"error: standard output: no space left on device. {advice}\n"
