"""The DICOM files of a folder, its subfolders, or a zip archive, which is read without being unpacked."""

import io
import os
import stat
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from brainseg.errors import UserError
from brainseg.reading import DamagedFileError
from brainseg.terminal import printable

MAX_FILES = 1_000_000  # in all folders; the export of a large study has some thousand
MAX_MEMBERS = 100_000  # of a zip archive
MAX_FILE_BYTES = 2**30  # of one file: 2,000 frames of 512 x 512 in 16 bits
MAGIC = b"DICM"
MAGIC_OFFSET = 128  # bytes


@dataclass(frozen=True, order=True)
class DicomFile:
    """One file, in a folder or in a zip archive.

    Attributes:
        path: the file, or the zip archive.
        member: the name within the archive; empty for a file of its own.
    """

    path: Path
    member: str = ""

    @property
    def folder(self) -> Path:
        """The folder; within an archive, as if the archive were a folder."""
        return (self.path / PurePosixPath(self.member)).parent if self.member else self.path.parent

    def __str__(self) -> str:
        """The path, and the name within the archive."""
        return f"{self.path}: {self.member}" if self.member else str(self.path)


class Opener(AbstractContextManager["Opener"]):
    """Opens files one after the other, and each archive once. Nothing is written to the disk."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._archives: dict[Path, zipfile.ZipFile] = {}

    def __exit__(self, *_: object) -> None:
        """Close all archives."""
        self._stack.close()

    def archive(self, path: Path) -> zipfile.ZipFile:
        """Open an archive, or take the one that is open.

        Raises:
            UserError: if it is not a zip archive, or has too many members.
        """
        if path not in self._archives:
            try:
                archive = self._stack.enter_context(zipfile.ZipFile(path))
            # zipfile raises several classes for damaged archives, struct.error and NotImplementedError among them.
            except Exception as error:
                raise UserError(
                    f"{printable(str(path))}: not a zip archive that can be read. Copy it again."
                ) from error
            if (count := len(archive.infolist())) > MAX_MEMBERS:
                raise UserError(f"{printable(str(path))}: {count:,} members. Expected: at most {MAX_MEMBERS:,}.")
            self._archives[path] = archive
        return self._archives[path]

    def open(self, file: DicomFile) -> AbstractContextManager[BinaryIO]:
        """Open a file for reading. No read takes more memory than the file has bytes.

        Raises:
            DamagedFileError: if it is not a regular file, is too large, is encrypted or cannot be read.
        """
        try:
            if file.member:
                return io.BytesIO(self._read_member(file))
            status = file.path.stat()
            if not stat.S_ISREG(status.st_mode):  # opening a named pipe would block
                raise DamagedFileError("not a regular file")
            _check_size(status.st_size)
            return _BoundedFile(io.FileIO(file.path), status.st_size)
        except OSError as error:
            raise DamagedFileError((error.strerror or str(error)).lower()) from None

    def _read_member(self, file: DicomFile) -> bytes:
        archive = self.archive(file.path)
        info = archive.getinfo(file.member)
        if info.flag_bits & 0x1:
            raise DamagedFileError("encrypted")
        _check_size(info.file_size)
        try:
            with archive.open(info) as stream:
                return stream.read(info.file_size)
        except Exception as error:  # as above, and zlib.error
            raise DamagedFileError("damaged in the archive") from error


class _BoundedFile(io.BufferedReader):
    """Reads no further than the file goes: a damaged header asks for gigabytes, for which Python takes memory first."""

    def __init__(self, raw: io.FileIO, size: int) -> None:
        super().__init__(raw)
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as `io.BufferedReader` does."""
        left = max(0, self._size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


def list_files(inputs: Iterable[Path]) -> Iterator[DicomFile]:
    """List all regular files, sorted by name within each input; links to folders and hidden files are left out.

    Args:
        inputs: files, folders or zip archives.

    Raises:
        UserError: if an input does not exist, an archive cannot be read, or there are too many files.
    """
    count = 0
    for path in inputs:
        for file in _list_input(path):
            count += 1
            if count > MAX_FILES:
                raise UserError(f"{printable(str(path))}: more than {MAX_FILES:,} files. Name a folder further down.")
            yield file


def is_dicom(path: Path) -> bool:
    """Whether a file starts as DICOM files do."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            return stream.read(MAGIC_OFFSET + len(MAGIC))[MAGIC_OFFSET:] == MAGIC
    except OSError:
        return False


def _list_input(path: Path) -> Iterator[DicomFile]:
    if path.is_dir():
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                file = Path(folder, name)
                if not name.startswith(".") and file.is_file():
                    yield DicomFile(file)
    elif path.is_file() and zipfile.is_zipfile(path):
        with Opener() as opener:
            members = [info.filename for info in opener.archive(path).infolist() if not info.is_dir()]
        if len(set(members)) != len(members):
            raise UserError(f"{printable(str(path))}: two members of the archive have the same name. Pack it again.")
        yield from (DicomFile(path, name) for name in sorted(members) if _is_visible(name))
    elif path.is_file():
        yield DicomFile(path)
    else:
        raise UserError(f"{printable(str(path))}: no such file or folder.")


def _is_visible(member: str) -> bool:
    """Whether a member of an archive is not one of the files that macOS and Windows add."""
    parts = PurePosixPath(member).parts
    return bool(parts) and "__MACOSX" not in parts and not parts[-1].startswith(".")


def _check_size(size: int) -> None:
    if size > MAX_FILE_BYTES:
        raise DamagedFileError(f"{size:,} bytes, where at most {MAX_FILE_BYTES:,} are expected")
