"""Taking the names of files and folders out of messages, when names are replaced by keyed hashes."""

import re
from collections.abc import Iterator
from pathlib import Path

from brainseg.scans.case_source import CaseSource
from brainseg.terminal import printable

SHORTEST = 3  # characters of a name that is replaced where it stands alone; "1" and "of" are words of messages


def without_names(message: str, case: CaseSource, name: str) -> str:
    """Replace the paths of a case, and the names of its files and folders, by another name.

    Args:
        message: for the user.
        case: whose files and folders the message may name.
        name: that stands for the case in the output.
    """
    names = {printable(text) for path in _paths(case) for text in _names(path)} | {case.case_id}
    names = {text for text in names if len(text) >= SHORTEST and not text.isdigit()}
    longest_first = sorted(names, key=len, reverse=True)
    pattern = "|".join(map(re.escape, longest_first))
    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", name, message) if pattern else message


def _paths(case: CaseSource) -> Iterator[Path]:
    """The files of a case and of its folder, and the folders in which they lie: of the case, and of the patient."""
    yield from (case.place, case.place.parent)
    yield from (path for path in (*case.images, *case.masks, case.mask, *case.sequences.values()) if path is not None)
    for file in getattr(case.detail, "files", ()):
        yield file.path
        yield file.folder
        yield Path(file.member)
    if case.fault is not None and case.place.is_dir():  # the message may list files that belong to no case
        yield from case.place.iterdir()


def _names(path: Path) -> Iterator[str]:
    """A path as messages may have it: as given, absolute, its name, and that without suffixes."""
    yield from (str(path), str(path.absolute()), path.name, path.name.partition(".")[0])
