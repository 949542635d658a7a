"""Files are written as a whole: nothing half-written, nothing left behind, and errors name the file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainseg import writing
from brainseg.writing import MARK, atomic_write, name_file
from tests.project import ROOT

HALF = """
import pathlib, sys
from brainseg.writing import atomic_write
with atomic_write(pathlib.Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print("half", flush=True)
    sys.stdin.readline()
    temporary.write_text("first")
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new/table.csv"
    for text in ("first", "second"):
        with atomic_write(path) as temporary:
            assert temporary.parent == path.parent
            assert temporary.suffix == ".csv"
            temporary.write_text(text)
        assert path.read_text() == text
    assert names(path.parent) == ["table.csv"]


def test_file_has_the_permissions_of_a_new_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with atomic_write(tmp_path / "b"):
        pass
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def write(path: Path, error: BaseException) -> None:
    """Write half of a file and fail."""
    with atomic_write(path) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("a bug"), KeyboardInterrupt()])
def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(type(error)):
        write(path, error)
    assert names(tmp_path) == ["table.csv"]
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device"), r"\[Errno 28\] No space left on device: '.*/table\.csv'"),
        (OSError("encoder error -2"), r"table\.csv: encoder error -2"),
        (FileNotFoundError(2, "No such file", "other"), "No such file: 'other'"),
    ],
)
def test_error_of_a_write_names_the_file_and_keeps_its_kind(tmp_path: Path, error: OSError, message: str) -> None:
    with pytest.raises(type(error), match=message) as caught:
        write(tmp_path / "table.csv", error)
    assert caught.value.errno == error.errno


def test_error_of_the_rename_names_the_file_and_not_its_temporary_name(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(IsADirectoryError, match=r"Is a directory: '.*/folder\.csv'"):
        write_text(tmp_path / "folder.csv")
    assert names(tmp_path) == ["folder.csv"]


def write_text(path: Path) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text("text")


def test_pipe_or_device_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match=r"expected the path of a file, .*pipe\.csv"), atomic_write(pipe) as temporary:
        temporary.write_text("x")
    assert names(tmp_path) == ["pipe.csv"]
    assert pipe.is_fifo()


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write to every folder")
def test_folder_that_cannot_be_written_to_names_the_file(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError) as caught, atomic_write(tmp_path / "table.csv"):
        pass
    assert caught.value.filename == str(tmp_path / "table.csv")


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError, match=r"'.*/file'"):
        write_text(tmp_path / "file/table.csv")


def test_full_disk_is_reported_with_the_name_of_the_file() -> None:
    def fill() -> None:
        with name_file(Path("report")), Path("/dev/full").open("w") as file:
            file.write("text")

    with pytest.raises(OSError, match="No space left on device: 'report'"):
        fill()


@given(name=st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=60))
def test_any_name_of_a_file_can_be_written(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    if name in (".", "..") or len(name.encode()) > 255:
        return
    folder = tmp_path_factory.mktemp("names")
    with atomic_write(folder / name) as temporary:
        temporary.write_text(name)
    assert names(folder) == [name]


def test_longest_name_of_a_file_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / f"{'患' * 83}.csv"  # 253 bytes of at most 255
    with atomic_write(path) as temporary:
        temporary.write_text("")
    assert names(tmp_path) == [path.name]


def start_writer(path: Path) -> subprocess.Popen[str]:
    """Start a process that has written half of a file; it goes on when it reads a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HALF, path], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    return process


def test_leftover_of_a_killed_write_is_ignored_by_git_and_removed_by_the_next_write(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with start_writer(path) as process:
        process.kill()
    (leftover,) = names(tmp_path)
    assert MARK in leftover
    for folder in ("", "metrics/", "cv/metrics/", "plots/"):
        ignored = subprocess.run(["git", "check-ignore", folder + leftover], cwd=ROOT, capture_output=True, text=True)
        assert ignored.stdout.strip() == folder + leftover
    with atomic_write(tmp_path / "other.csv"):
        pass
    assert names(tmp_path) == [leftover, "other.csv"], "only the next write of the same file removes it"
    with atomic_write(path):
        pass
    assert names(tmp_path) == ["other.csv", "table.csv"]


def test_file_of_a_process_that_is_writing_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with start_writer(path) as process:
        with atomic_write(path) as temporary:
            temporary.write_text("second")
        assert path.read_text() == "second"
        assert len(names(tmp_path)) == 2
        process.communicate("go on\n")
    assert process.returncode == 0
    assert path.read_text() == "first"
    assert names(tmp_path) == ["table.csv"]


def test_temporary_file_that_another_process_removes_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, calls = tmp_path / "table.csv", []
    flock = writing.fcntl.flock

    def removed(descriptor: int, operation: int) -> None:
        calls.append(operation)
        if len(calls) == 1:
            next(tmp_path.iterdir()).unlink()
        if len(calls) == 2:
            raise BlockingIOError
        flock(descriptor, operation)

    monkeypatch.setattr(writing.fcntl, "flock", removed)
    with atomic_write(path) as temporary:
        temporary.write_text("text")
    assert len(calls) == 3
    assert path.read_text() == "text"


def test_files_are_written_where_there_are_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(descriptor: int, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(writing.fcntl, "flock", unsupported)
    (tmp_path / f".table.csv.0{MARK}.csv").write_text("of a process that may be alive")
    with atomic_write(tmp_path / "table.csv") as temporary:
        temporary.write_text("text")
    assert len(names(tmp_path)) == 2
