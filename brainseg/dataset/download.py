"""Downloading the published Kaggle data set and checking it: the result is the complete data set or nothing."""

import errno
import io
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr
from pathlib import Path

import kagglehub
import requests
from kagglehub.config import get_kaggle_credentials
from kagglehub.exceptions import CredentialError, UnauthenticatedError

from brainseg.dataset.index import index_folder
from brainseg.dataset.kaggle_lgg import (
    KAGGLE_HANDLE,
    KAGGLE_PAGE,
    PATTERN,
    PublishedComparison,
    compare_with_published,
    read_published,
)
from brainseg.errors import UserError
from brainseg.params import DataParams
from brainseg.terminal import printable

TOKEN_ADVICE = (
    "Create a token at https://www.kaggle.com/settings/api and put it in the environment variable KAGGLE_API_TOKEN or"
    " in the file ~/.kaggle/access_token. An existing token may have expired: remove or renew it"
)
# Errors of the system that come from the names or the content of an archive and not from this computer.
ARCHIVE_ERRORS = (None, errno.EEXIST, errno.EILSEQ, errno.EINVAL, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOTDIR)
MAX_LISTED = 5  # entries of an unexpected archive that the message lists


def download(target: Path) -> PublishedComparison:
    """Download the data set and check every patient.

    All work is done in a folder beside the target with the suffix .partial. It is deleted on success; on failure it is
    kept, so that the next call resumes an interrupted download.

    Args:
        target: the folder to create for the patients' folders (about 1 GB, while downloading about 4 GB).

    Returns:
        The comparison with the published data set, in which all patients are equal.

    Raises:
        UserError: if the target exists; if Kaggle cannot be reached, refuses access or sends something else; if a
            patient is missing or not as published. The message says how to download by hand.
    """
    if target.exists() or target.is_symlink():
        raise UserError(
            f"{target}: exists already; nothing was downloaded. If it is the Kaggle set, set data.root to it in"
            " params.yaml: dvc repro index tells whether it is complete. Otherwise name another folder, or remove it"
        )
    partial = target.with_name(f"{target.name}.partial")
    folder = _find_patients(_fetch(partial, target), partial, target)
    comparison = _check(folder, partial, target)
    if not folder.is_relative_to(partial.resolve()):  # Kaggle's and Colab's notebooks mount the data set
        folder = Path(shutil.copytree(folder, partial / "copy", dirs_exist_ok=True))
    folder.rename(target)
    shutil.rmtree(partial)
    return comparison


def _fetch(partial: Path, target: Path) -> Path:
    """Download and unpack the archive below `partial` with kagglehub; returns the unpacked folder."""
    quiet = nullcontext() if sys.stderr.isatty() else redirect_stderr(io.StringIO())  # no progress bar in a log
    try:
        get_kaggle_credentials()
    except (OSError, ValueError) as error:
        raise UserError(f"{_first_line(error)}. Correct or remove that file. {TOKEN_ADVICE}.") from None
    partial.mkdir(parents=True, exist_ok=True)
    try:
        with _cache_in(partial), quiet:
            return Path(kagglehub.dataset_download(KAGGLE_HANDLE)).resolve()
    # zipfile, tarfile, zlib, lzma and kagglehub raise some twenty classes for damaged archives.
    except (KeyboardInterrupt, Exception) as error:
        reason = _explain_failure(error)
        for unpacked in partial.glob("datasets/*/*/versions/*/"):  # it may have filled the disk, and cannot be resumed
            shutil.rmtree(unpacked)
        if _is_damage(error) or not any(path.is_file() for path in partial.rglob("*")):
            shutil.rmtree(partial)
        else:
            reason += f"\nThe part downloaded so far is kept in {partial}. Run the same command again to resume."
        raise UserError(f"{reason}\n{_manual_download(target)}") from None


@contextmanager
def _cache_in(folder: Path) -> Iterator[None]:
    """Make kagglehub download into `folder` by using it as its cache.

    With its argument output_dir, kagglehub starts again after an interrupted download; with its cache it resumes.
    """
    before = os.environ.get("KAGGLEHUB_CACHE")
    os.environ["KAGGLEHUB_CACHE"] = str(folder.resolve())
    try:
        yield
    finally:
        if before is None:
            del os.environ["KAGGLEHUB_CACHE"]
        else:
            os.environ["KAGGLEHUB_CACHE"] = before


def _find_patients(unpacked: Path, partial: Path, target: Path) -> Path:
    """Find the folder with the patients. The archive has two: choose the one with more patients, or the less deep."""
    published = set(read_published()["patient_id"])
    folders = Counter(path.parent for path in unpacked.rglob("TCGA_*") if path.is_dir() and path.name in published)
    if not folders:
        names = sorted(printable(path.name) for path in unpacked.iterdir())
        found = ", ".join(names[:MAX_LISTED]) or "nothing"
        raise UserError(
            f"{unpacked}: not the Kaggle set: it has no patient's folder, only {found}"
            f"{', ...' * (len(names) > MAX_LISTED)}. Remove {partial} and try again.\n{_manual_download(target)}"
        )
    return min(folders, key=lambda folder: (-folders[folder], len(folder.parts), folder))


def _check(folder: Path, partial: Path, target: Path) -> PublishedComparison:
    """Compare the download with the published data set; raise unless every pixel is equal."""
    advice = (
        f"{target} was not created. Remove {partial} and try again. If the data set on Kaggle has changed permanently"
        f" and you want the new one: mv {folder} {target}"
    )
    try:
        table = index_folder(DataParams(root=str(folder), pattern=PATTERN))
    except UserError as error:
        raise UserError(f"the download differs from the published data set.\n{error}\n\n{advice}") from None
    comparison = compare_with_published(table, folder)
    if comparison.altered or comparison.absent or comparison.foreign:
        raise UserError(f"the download is {comparison}. {advice}")
    return comparison


def _is_damage(error: BaseException) -> bool:
    """Return whether the archive is at fault, so that it would fail again if it were kept."""
    if isinstance(error, (KeyboardInterrupt, UnauthenticatedError, CredentialError, requests.RequestException)):
        return False
    return not isinstance(error, OSError) or error.errno in ARCHIVE_ERRORS


def _explain_failure(error: BaseException) -> str:
    """Explain why a download failed, and how to fix it."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted."
    if isinstance(error, (UnauthenticatedError, CredentialError)):
        return f"Kaggle needs to know who you are ({_first_line(error)}). {TOKEN_ADVICE}."
    if isinstance(error, requests.HTTPError):
        status = error.response.status_code if error.response is not None else None
        if status in (requests.codes.unauthorized, requests.codes.forbidden):
            return f"Kaggle refused access (HTTP {status}): it needs to know who you are. {TOKEN_ADVICE}."
        if status == requests.codes.not_found:
            return f"Kaggle does not find {KAGGLE_HANDLE} (HTTP {status}): it was moved or removed."
        return f"Kaggle answered HTTP {status} ({_first_line(error)}). Try again later."
    if isinstance(error, requests.RequestException):
        return (
            f"no connection to Kaggle, or it was lost ({type(error).__name__}). Check your internet connection, and"
            " that proxy and firewall allow api.kaggle.com."
        )
    if not _is_damage(error):
        return f"{error}. Fix that and try again; the download needs about 4 GB of disk."
    return f"the archive was damaged ({_first_line(error)}) and has been deleted. Try again."


def _manual_download(target: Path) -> str:
    return (
        "To download by hand: get the archive in a browser from\n"
        f"  {KAGGLE_PAGE}\n"
        f"and unpack it so that the patients' folders are in {target},\n"
        f"e.g. {target / 'TCGA_CS_4941_19960909'}. The archive has them twice; either copy will do."
    )


def _first_line(error: BaseException) -> str:
    return printable((str(error).splitlines() or [type(error).__name__])[0].rstrip("."))
