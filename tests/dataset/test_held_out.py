"""Lists of held-out patients: what a line means, and any file at all is a list or one message."""

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainseg.dataset.held_out import MAX_BYTES, read_held_out
from brainseg.errors import UserError

KNOWN = {"P", "P#1", "#2", "P 3", "Müller_4", "病人五", "N"}
LIST = Path("held_out/list.txt")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder held_out in the current folder."""
    monkeypatch.chdir(tmp_path)
    LIST.parent.mkdir()


@pytest.mark.parametrize(
    ("line", "listed"),
    [
        ("P", {"P"}),
        ("  P\t", {"P"}),
        ("P#1", {"P#1"}),
        ("P #1", {"P"}),
        ("P\t# one", {"P"}),
        ("P#1 # one", {"P#1"}),
        ("#2", {"#2"}),  # the whole line is a patient
        ("# P", set()),
        ("#P", set()),
        ("   # P", set()),
        ("P 3", {"P 3"}),
        ("P 3 # three", {"P 3"}),
        ("Müller_4", {"Müller_4"}),
        ("Mu\u0308ller_4", {"Müller_4"}),  # as macOS writes it
        ("病人五", {"病人五"}),
        ("", set()),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_is_a_patient_or_a_comment(line: str, listed: set[str], line_end: str) -> None:
    LIST.write_bytes(f"N{line_end}{line}{line_end}".encode())
    assert read_held_out(LIST, KNOWN) == {"N", *listed}


def test_byte_order_mark_is_accepted() -> None:
    LIST.write_bytes("P\nMüller_4\n".encode("utf-8-sig"))
    assert read_held_out(LIST, KNOWN) == {"P", "Müller_4"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("P\nMüller_4\n".encode("utf-16"), "UTF-16, not UTF-8 text"),
        ("P\nMüller_4\n".encode("utf-32"), "UTF-32, not UTF-8 text"),
        ("P\nN\n".encode("utf-16-le"), "not UTF-8 text: it has bytes that are 0, as UTF-16 and binary files have"),
        ("P\nMüller_4\n".encode("latin-1"), "perhaps Latin-1 or Windows-1252, not UTF-8 text: byte 4 is 0xfc"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "binary, not UTF-8 text: byte 1 is 0x89"),
        (b"\n" * (MAX_BYTES + 1), "10000001 bytes, where at most 10000000 are expected"),
    ],
)
def test_other_encodings_are_named_with_the_remedy(content: bytes, words: str) -> None:
    LIST.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_held_out(LIST, KNOWN)
    assert str(error.value).startswith(f"{LIST}: not a readable list of patients: {words}")
    assert str(error.value).endswith("Save it as plain text in an editor, with UTF-8 as the encoding.")


@pytest.mark.parametrize("kind", ["a folder", "not a regular file", "too many levels of symbolic links"])
def test_what_is_not_a_file_is_refused_without_waiting(kind: str) -> None:
    if kind == "a folder":
        LIST.mkdir()
    elif kind == "not a regular file":
        os.mkfifo(LIST)
    else:
        LIST.symlink_to(LIST.name)
    with pytest.raises(UserError, match=rf"{LIST}: not a readable list of patients: {kind}"):
        read_held_out(LIST, KNOWN)


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("P\nQ\n", LIST, r"1 of 2 patients are not in data.root: Q. Correct the list"),
        ("P,N\n", LIST, r"1 of 1 patients are not in data.root: P,N"),
        ("a\x1b[31m\n", LIST, r"not in data.root: a\\x1b\[31m\."),
        ("\n".join("abcdefg"), LIST, r"7 of 7 patients are not in data.root: a, b, c, d, e, \.\.\.\. Correct"),
        ("x" * 100_000, LIST, r"data.root: x{100}\. Correct"),
        ("# empty\n", LIST, "lists 0 patients. Expected: some, but not all, of the 7"),
        ("", LIST, "lists 0 patients"),
        ("\n".join(sorted(KNOWN)), LIST, "lists 7 patients. Expected: some, but not all"),
        ("P\n", Path("held_out/other.txt"), "held_out/other.txt not found. Write it"),
        ("P\n", Path("list.txt"), "list.txt is not in held_out/"),
        ("P\n", Path("held_out"), "held_out is not in held_out/"),
        ("P\n", Path("held_out") / ("x" * 300), "file name too long"),
    ],
)
def test_list_that_does_not_fit_is_refused(text: str, path: Path, words: str) -> None:
    LIST.write_text(text)
    with pytest.raises(UserError, match=words):
        read_held_out(path, KNOWN)


@settings(max_examples=200)
@given(content=st.binary(max_size=200) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "ignore")))
def test_any_bytes_are_a_list_or_one_message(content: bytes) -> None:
    LIST.write_bytes(content)
    with suppress(UserError):
        assert read_held_out(LIST, KNOWN) < KNOWN


@settings(max_examples=100)
@given(
    listed=st.sets(st.sampled_from(sorted(KNOWN - {"#2"})), min_size=1, max_size=6),
    comment=st.text(alphabet="# aP1", max_size=5),
)
def test_list_that_was_written_is_read_again(listed: set[str], comment: str) -> None:
    LIST.write_text("".join(f"{name} #{comment}\n" for name in sorted(listed)))
    assert read_held_out(LIST, KNOWN) == listed
