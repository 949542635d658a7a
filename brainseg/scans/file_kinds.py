"""What kind of scan a file is part of, by its first bytes, and the files of a folder by kind."""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from brainseg.dataset.listing import SYSTEM_FOLDERS
from brainseg.errors import UserError
from brainseg.imaging.raster import DECODERS, IMAGE_SUFFIXES
from brainseg.scans.names import NIFTI_SUFFIXES
from brainseg.scans.nifti import is_nifti
from brainseg.scans.regular_file import open_regular
from brainseg.scans.tiff_pages import count_pages
from brainseg.terminal import printable

MAX_FILES = 1_000_000  # below one input
BIDS_ROOT = "dataset_description.json"
NOT_RAW = frozenset(("derivatives", "sourcedata", "code"))  # folders of a BIDS data set that are not its scans


class FileKind(Enum):
    """What a file is part of; the value is how a message names it."""

    PICTURE = "picture(s) of a slice"
    STACK = "multi-page TIFF"
    NIFTI = "NIfTI"
    DICOM = "DICOM"
    ARCHIVE = "zip archive(s)"
    OTHER = "other file(s)"


@dataclass
class Folder:
    """The files directly in a folder, by their kinds; hidden files are left out."""

    path: Path
    files: dict[FileKind, list[Path]] = field(default_factory=dict)

    def of(self, kind: FileKind) -> list[Path]:
        """The files of one kind, sorted by name."""
        return self.files.get(kind, [])

    def describe(self) -> str:
        """Count the files, such as "3 NIfTI, 1 multi-page TIFF"."""
        return ", ".join(f"{len(files)} {kind.value}" for kind, files in self.files.items()) or "no files"


def kind_of(path: Path) -> FileKind:
    """Recognise a file by its first bytes; a damaged one by its suffix, so that reading it reports the damage."""
    with open_regular(path) as file:
        start = file.read(132)
    if start[128:] == b"DICM":
        return FileKind.DICOM
    if start.startswith(b"PK\x03\x04"):
        return FileKind.ARCHIVE
    name = path.name.lower()
    if name.endswith(NIFTI_SUFFIXES) or is_nifti(path):
        return FileKind.NIFTI
    if start.startswith((b"II", b"MM")) and count_pages(path) > 1:
        return FileKind.STACK
    # Two bytes, as those of BMP and TIFF, are too few to recognise a file that has another suffix.
    known = start.startswith(tuple(magic for magic in DECODERS if len(magic) > 2))
    return FileKind.PICTURE if known or name.endswith(IMAGE_SUFFIXES) else FileKind.OTHER


def walk(root: Path) -> Iterator[Folder]:
    """List a folder and its sub-folders, each once, sorted by name; links to folders are followed.

    Hidden folders, those of operating systems, the derivatives of a BIDS data set, and links that lead nowhere are left
    out.

    Raises:
        UserError: if a folder or file cannot be read, or there are too many files.
    """
    waiting, visited, count = [root], set(), 0
    while waiting:
        path = waiting.pop()
        try:
            status = path.stat()
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(path) as found:
                entries = sorted(found, key=lambda entry: entry.name)
            names = {entry.name for entry in entries}
            folder, below = Folder(path), []
            for entry in entries:
                if entry.name.startswith(".") or entry.name.lower() in SYSTEM_FOLDERS or _leads_nowhere(entry):
                    continue
                if entry.is_dir():
                    if not (BIDS_ROOT in names and entry.name in NOT_RAW):
                        below.append(path / entry.name)
                elif entry.is_file() and stat.S_ISREG(entry.stat().st_mode):
                    count += 1
                    folder.files.setdefault(kind_of(path / entry.name), []).append(path / entry.name)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UserError(f"{printable(str(path))}: cannot be read ({reason}).") from None
        if count > MAX_FILES:
            raise UserError(f"{printable(str(root))}: more than {MAX_FILES:,} files. Name a folder further down.")
        yield folder
        waiting += reversed(below)


def _leads_nowhere(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a link to nothing, or to itself."""
    if not entry.is_symlink():
        return False
    try:
        entry.stat()
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ELOOP)
    return False
