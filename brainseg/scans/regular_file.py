"""Opening files of other people: regular files only, with one message for what can go wrong."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from brainseg.errors import UserError
from brainseg.terminal import printable


@contextmanager
def open_regular(path: Path, *, expected: str = "a file with a scan") -> Iterator[IO[bytes]]:
    """Open a regular file for reading; a named pipe or device is not waited for.

    Args:
        path: the file.
        expected: what it should be, for the message.

    Raises:
        UserError: if it is missing, no regular file, or cannot be read.
    """
    where = printable(str(path))
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UserError(f"{where}: not a regular file. Expected: {expected}.")
            yield file
    except FileNotFoundError:
        raise UserError(f"{where}: not found. Check the path.") from None
    except OSError as error:
        raise UserError(f"{where}: cannot be read ({(error.strerror or str(error)).lower()}).") from None
