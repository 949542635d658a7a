"""Writing files as a whole: an interrupted write leaves the previous file as it was.

A file is written under a temporary name that git ignores and renamed. A process that is killed while it writes leaves
its temporary file; the next process that writes the same file removes it. A lock tells it from the temporary file of a
process that is still writing.
"""

import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MARK = ".partial"  # in the name of every temporary file; .gitignore and .dvcignore have it too
MAX_NAME = 100  # bytes of a file's name that are part of its temporary name: names of files are limited to 255


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write a file under a temporary name, and rename it to `path` if the block succeeds.

    If the block fails, the temporary file is deleted and `path` is left as it was. Several processes may write the same
    file at a time: each writes a file of its own, and the last one to rename wins.

    Args:
        path: the file to write; its folder is created.

    Yields:
        The temporary path in the same folder, with the suffix of `path`, because some writers depend on the suffix.

    Raises:
        OSError: if the file cannot be written, or `path` is a device or a pipe, which renaming would replace; the
            message names `path`.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "expected the path of a file, found a device or a pipe", str(path))
    with name_file(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        temporary, descriptor = _create_temporary(path)
    try:
        with name_file(path, temporary):
            yield temporary
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(descriptor)


@contextmanager
def name_file(path: Path, *other_names: Path) -> Iterator[None]:
    """Make an OSError inside the block name `path`, if it names no file or one of the `other_names`.

    A full disk is reported without the name of the file, and most libraries do not add it.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None and error.filename not in {str(name) for name in other_names}:
            raise
        if error.errno is None:
            raise OSError(f"{path}: {error}") from error
        raise OSError(error.errno, error.strerror, str(path)) from error


def _prefix(path: Path) -> str:
    """The first part of the temporary names of a file; names that are long share it."""
    return f".{os.fsencode(path.name)[:MAX_NAME].decode(errors='ignore')}."


def _create_temporary(path: Path) -> tuple[Path, int]:
    """Create a temporary file, and lock it as long as the returned descriptor is open."""
    while True:
        temporary = path.with_name(f"{_prefix(path)}{secrets.token_hex(4)}{MARK}{path.suffix}")
        with name_file(path, temporary):
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = not temporary.exists()
        except BlockingIOError:
            taken = True
        except OSError:  # some network drives have no locks; _remove_leftovers then removes nothing
            taken = False
        if not taken:
            return temporary, descriptor
        os.close(descriptor)  # another process took it for a leftover before it was locked


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files of processes that were killed while they wrote `path`."""
    for other in path.parent.iterdir():
        if other.name.startswith(_prefix(path)) and MARK in other.name:
            with suppress(OSError):
                descriptor = os.open(other, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while its process is alive
                    other.unlink()
                finally:
                    os.close(descriptor)
