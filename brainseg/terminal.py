"""What stages and commands print on: standard streams that may be closed, and characters that a terminal would obey."""

import io
import os
import re
import sys
from typing import Any, NoReturn

# Letters and marks that leave no mark on the screen, though Unicode counts them as printable: fillers, variation
# selectors and joiners. Two identifiers that differ in them look the same.
INVISIBLE = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def printable(text: str) -> str:
    r"""Escape what a terminal would obey, hide or fail to show, so that text from files can be printed on one line.

    Args:
        text: an identifier, the name of a file, or other text that does not come from this project.

    Returns:
        The text with escapes such as \x1b or \u202e in place of control characters (C0 and C1, line breaks among them),
        characters that change the direction of writing, invisible characters, spaces other than the usual one, lone
        surrogates and unassigned characters. Letters of all scripts stay.
    """
    if text.isprintable() and not INVISIBLE.search(text):
        return text
    return "".join(
        character
        if character.isprintable() and not INVISIBLE.match(character)
        else character.encode("unicode_escape").decode()
        for character in text
    )


def stop(message: object) -> NoReturn:
    """Exit with status 1 and a message of one or more lines, in which all other control characters are escaped."""
    sys.exit("\n".join(printable(line) for line in f"error: {message}".split("\n")))


def protect_streams() -> None:
    """Make printing safe for the rest of the process, whatever standard output and standard error are.

    - Closed (`>&-`): everything printed is dropped. Without this, they are None in Python, and the next file that the
      process opens takes their place and receives what C libraries print.
    - A pipe whose reader has gone (`| head`): everything else is dropped, and the work goes on.
    - An encoding without some characters: they are escaped.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:  # os.open takes the lowest free number, which is that of the closed stream
            null = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(null, True)
            setattr(sys, name, os.fdopen(null, "r" if name == "stdin" else "w", encoding="utf-8", closefd=False))
        elif number > 0 and stream is getattr(sys, f"__{name}__"):  # not one that a caller has redirected
            stream.flush()
            text = io.TextIOWrapper(
                io.BufferedWriter(_StandardStream(stream.fileno(), "w", closefd=False)),
                encoding=stream.encoding,
                errors="backslashreplace",
                line_buffering=stream.line_buffering or stream.write_through,
            )
            setattr(sys, name, text)


class _StandardStream(io.FileIO):
    """Drops what is written after a failure, which is raised once, or not at all if the reader has gone."""

    lost = False

    def write(self, data: Any, /) -> int:
        """Write as `io.FileIO` does; returns the number of bytes."""
        if not self.lost:
            try:
                return super().write(data)
            except BrokenPipeError:
                self.lost = True
            except OSError as error:  # a log on a full disk
                self.lost = True
                raise OSError(error.errno, error.strerror, "standard output") from error
        return memoryview(data).nbytes
