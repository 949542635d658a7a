"""Archives that are damaged or hostile, unpacked by kagglehub itself: one message, and nothing outside the folder."""

import io
import itertools
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from kagglehub.http_resolver import _extract_archive

from brainseg.dataset.download import download
from brainseg.errors import UserError
from tests.dataset.fake_kaggle import FakeKaggle

pytestmark = pytest.mark.usefixtures("no_credentials")
NAME = "kaggle_3m/TCGA_CS_4941_19960909/1.tif"
# kagglehub checks tar archives with what Python has since 3.11.4, and refuses all of them before.
EARLY_PYTHON = "" if hasattr(tarfile, "data_filter") else "|unexpected keyword argument 'filter'"


def zip_of(name: str = NAME, content: bytes = b"picture" * 100, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive with one member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def tar_of(name: str = NAME, kind: bytes = tarfile.REGTYPE, link: str = "", mode: str = "w:gz") -> bytes:
    """A tar archive with one member."""
    buffer = io.BytesIO()
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        archive.addfile(member)
    return buffer.getvalue()


def patched(archive: bytes, offset: int, value: int) -> bytes:
    """A zip archive with another 16-bit number at an offset of both headers of its member."""
    content = bytearray(archive)
    directory = content.index(b"PK\x01\x02")
    struct.pack_into("<H", content, offset, value)
    struct.pack_into("<H", content, directory + offset + 2, value)
    return bytes(content)


def unpacking(archive: bytes) -> Callable[[Path], None]:
    """A function that does what kagglehub does after it has downloaded an archive."""

    def fill(folder: Path) -> None:
        path = folder.parent / "2.archive"
        path.write_bytes(archive)
        _extract_archive(str(path), str(folder))

    return fill


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (b"", "Unsupported archive type"),
        (b"<html>sign in</html>", "Unsupported archive type"),
        (zip_of()[:-30], "Unsupported archive type"),
        (patched(zip_of(), 6, 1), "encrypted, password required"),
        (patched(zip_of(), 8, 99), "compression method is not supported"),
        (patched(zip_of(), 4, 99), "zip file version 9.9"),
        (patched(zip_of(method=zipfile.ZIP_STORED), 8, 8), "Error -3 while decompressing"),
        (patched(zip_of(method=zipfile.ZIP_STORED), 8, 12), "Invalid data stream"),
        (zip_of().replace(b"PK\x01\x02", b"PK\x09\x09"), "Bad magic number"),
        (zip_of("x" * 300), "File name too long"),
        (tar_of("../outside"), f"outside the destination{EARLY_PYTHON}"),
        (tar_of(NAME, tarfile.SYMTYPE, "/etc"), f"absolute path{EARLY_PYTHON}"),
        (tar_of(NAME, tarfile.SYMTYPE, "../../../../.."), f"outside the destination{EARLY_PYTHON}"),
        (tar_of("kaggle_3m/zero", tarfile.CHRTYPE), f"is a special file{EARLY_PYTHON}"),
        (tar_of()[:60], "end-of-stream|Unsupported archive type"),
    ],
    ids=itertools.count(),  # the bytes hold the time
)
def test_archive_is_refused_with_one_message_and_deleted(
    target: Path, kaggle: FakeKaggle, archive: bytes, message: str
) -> None:
    kaggle(unpacking(archive))
    with pytest.raises(UserError, match=rf"the archive was damaged \(.*({message}).*\) and has been deleted") as error:
        download(target)
    assert str(error.value).replace("\n", "").isprintable()
    assert list(target.parent.parent.iterdir()) == [target.parent]
    assert not list(target.parent.iterdir())


@pytest.mark.parametrize("name", ["../../outside", "/outside", "a\x1b[2J/b", "a\u202eb", "cats/\x00hidden"])
def test_names_of_members_are_escaped_and_stay_inside(target: Path, kaggle: FakeKaggle, name: str) -> None:
    kaggle(unpacking(zip_of(name)))
    with pytest.raises(UserError, match="it has no patient's folder, only ") as error:
        download(target)
    assert str(error.value).replace("\n", "").isprintable()
    assert [path.name for path in target.parent.parent.iterdir()] == ["data"]


def test_archives_with_random_damage_are_refused(target: Path, kaggle: FakeKaggle) -> None:
    """No damage ends in another exception; `python -m pytest` shows it as an error of this test."""
    rng = np.random.default_rng(0)
    originals = (
        zip_of(),
        zip_of(method=zipfile.ZIP_LZMA),
        zip_of(method=zipfile.ZIP_BZIP2),
        tar_of(),
        tar_of(mode="w:xz"),
    )
    for number in range(200):
        archive = bytearray(originals[number % len(originals)])
        for _ in range(int(rng.integers(1, 4))):
            archive[int(rng.integers(len(archive)))] = int(rng.integers(256))
        kaggle(unpacking(bytes(archive)))
        with pytest.raises(UserError):
            download(target)
        assert not target.exists()
