"""Receiving a scan by HTTP: what is accepted, the limits, and the folder in which it lies while it is outlined."""

import asyncio
import errno
import fcntl
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive

from brainseg.errors import UserError
from brainseg.scans.names import safe_name
from brainseg.terminal import printable

FILE, SEQUENCE_FIELDS = "file", ("flair", "t1", "t1ce")  # of the form; those of sequences as the options of predict
EXAMPLE = "curl -F file=@scan.nii.gz http://127.0.0.1:8000/predict -o mask.nii.gz"
MB = 1_000_000  # bytes
UNPACKED = 4  # times the largest upload: what an archive may contain; scans are compressed by 2 to 3
MAX_MEMBERS = 20_000  # of an archive
MAX_STEM = 60  # characters of a file's name that are kept
SUFFIXES = (".nii.gz", ".nii", ".tiff", ".tif", ".zip", ".dcm")  # that are kept; files are recognised by their content
PREFIX = "brainseg-serve-"  # of folders for temporary files
LEFT_BEHIND = 60  # seconds after which the folder of a server that was killed is removed


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a server accepts.

    Attributes:
        upload: largest request, bytes.
        requests: how many requests are received, waiting or being outlined at a time.
        idle: seconds without a byte until a request that is not complete is given up.
    """

    upload: int = 512 * MB
    requests: int = 16
    idle: float = 60.0


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that only this user can read, and that is removed at the end.

    Those of servers that were killed, which could not remove them, are removed first. A server holds a lock on its own.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError), _locked(left):
            if time.time() - left.stat().st_mtime > LEFT_BEHIND:
                shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name, _locked(Path(name)):
        yield Path(name)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; OSError if another process holds it, or it is no folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


async def receive_files(request: Request, folder: Path, limits: Limits) -> dict[str, Path]:
    """Receive the files of a form.

    Args:
        request: multipart/form-data.
        folder: where the files are written.
        limits: of the server.

    Returns:
        The file of each field: `file` alone, or `flair` and perhaps `t1` and `t1ce`.

    Raises:
        HTTPException: 408, 413, 415 or 422 if the request is slow, too large, no form, or has other fields.
        ClientDisconnect: if the client goes away.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise HTTPException(415, f"expected multipart/form-data, as from {EXAMPLE}")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.upload:
        raise _too_large(limits)
    form_request = Request(request.scope, _limited(request.receive, limits))
    async with form_request.form(max_files=len(SEQUENCE_FIELDS), max_fields=len(SEQUENCE_FIELDS)) as form:
        names = [name for name, _ in form.multi_items()]
        if names != [FILE] and not (len(set(names)) == len(names) and {"flair"} <= set(names) <= set(SEQUENCE_FIELDS)):
            found = ", ".join(printable(name[:MAX_STEM]) for name in names) or "none"
            raise HTTPException(
                422, f"fields of the form: found {found}, expected file; or flair, and t1 and t1ce if the scan has them"
            )
        paths = {}
        for name, upload in form.multi_items():
            if not isinstance(upload, UploadFile) or not upload.size:
                found = "an empty one" if isinstance(upload, UploadFile) else "text"
                raise HTTPException(422, f"{name}: expected a file, found {found}")
            paths[name] = folder / name / _file_name(upload.filename or "")
            await asyncio.to_thread(_save, upload.file, paths[name])
    return paths


def _limited(receive: Receive, limits: Limits) -> Receive:
    """Receive parts of a request as `receive` does, until they are too many or do not come."""
    received = 0

    async def limited() -> Message:
        nonlocal received
        try:
            message = await asyncio.wait_for(receive(), limits.idle)
        except TimeoutError:
            raise HTTPException(408, f"the request is not complete, and no byte came for {limits.idle:g} s") from None
        received += len(message.get("body", b""))
        if received > limits.upload:
            raise _too_large(limits)
        return message

    return limited


def _too_large(limits: Limits) -> HTTPException:
    return HTTPException(413, f"larger than {limits.upload / MB:g} MB, the limit of this server (--max-upload)")


def _file_name(name: str) -> str:
    """A harmless name with the suffix of the client's; its stem says which sequence a file is."""
    name = PurePosixPath(name.replace("\\", "/")).name
    suffix = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
    return safe_name(name[: len(name) - len(suffix)])[-MAX_STEM:] + suffix


def _save(file: IO[bytes], path: Path) -> None:
    path.parent.mkdir()
    with path.open("xb") as target:
        shutil.copyfileobj(file, target)


def unpack(path: Path, folder: Path, *, max_bytes: int) -> None:
    """Unpack a zip archive.

    Args:
        path: the archive.
        folder: created; no file is written outside it.
        max_bytes: of all members together.

    Raises:
        UserError: if the archive is damaged or encrypted, has too many or too large members, or names that lead out of
            the folder.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) > MAX_MEMBERS:
                raise UserError(f"{len(members):,} files in the archive. Expected: at most {MAX_MEMBERS:,}.")
            # zipfile reads no more of a member than it declares, so this bounds what is written.
            if (declared := sum(member.file_size for member in members)) > max_bytes:
                raise UserError(
                    f"the archive unpacks to {declared / MB:,.0f} MB. Expected: at most {max_bytes / MB:,.0f} MB."
                )
            for member in members:
                _unpack_member(archive, member, folder)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # zipfile, zlib and lzma raise some ten classes for damaged archives
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        reason = printable((str(error).splitlines() or [type(error).__name__])[0])
        raise UserError(
            f"the archive cannot be unpacked ({reason}). Expected: a zip file without a password."
        ) from None


def _unpack_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    name = PurePosixPath(member.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
        raise UserError(
            f"the archive names a file outside it: {printable(member.filename[:MAX_STEM])}. Expected: relative names."
        )
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as packed, target.open("xb") as file:
        shutil.copyfileobj(packed, file)


def describe_error(error: Any, folder: Path) -> str:
    """The message of an error without the path of the temporary folder."""
    return str(error).replace(f"{folder}/scan", "the archive").replace(f"{folder}/", "")
