"""Fetch the published Kaggle set; what is there afterwards is all of it, checked, or nothing."""

import io
import os
import shutil
import sys
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr
from pathlib import Path

import kagglehub
import requests
from kagglehub.config import get_kaggle_credentials
from kagglehub.exceptions import CredentialError, DataCorruptionError, UnauthenticatedError

from brainseg.dataset.index import index_folder
from brainseg.dataset.kaggle_lgg import PATTERN, PublishedComparison, compare_with_published, read_published
from brainseg.errors import UserError
from brainseg.params import DataParams

HANDLE = "mateuszbuda/lgg-mri-segmentation/versions/2"  # the version whose digests are known
PAGE = "https://www.kaggle.com/datasets/mateuszbuda/lgg-mri-segmentation"
TOKEN = (
    "Make a token at https://www.kaggle.com/settings/api and put it into the variable KAGGLE_API_TOKEN or the file"
    " ~/.kaggle/access_token; a token that is there already may have expired: remove or renew it"
)
DAMAGED = (DataCorruptionError, zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, ValueError)
SHOWN = 5  # entries of an archive that is not the set


def download(target: Path) -> PublishedComparison:
    """Download the set, check every patient, and put it in place.

    All work is done in a folder beside the target, whose name ends in .partial. It is deleted on success and kept on
    failure, so that the next call continues a broken download.

    Args:
        target: folder to make; it will hold the patients' folders (about 1 GB, while downloading about 4 GB).

    Returns:
        The comparison with the published set: all patients equal.

    Raises:
        UserError: if the target exists; if Kaggle cannot be reached, refuses, or sends something else; if a patient
            is missing or not as published. The message has the way by hand.
    """
    if target.exists() or target.is_symlink():
        raise UserError(
            f"{target}: exists already; nothing was downloaded. If it is the Kaggle set, set data.root to it in"
            " params.yaml: dvc repro index says whether it is complete. Otherwise name another folder, or remove it"
        )
    partial = target.with_name(f"{target.name}.partial")
    tree = _find_tree(_fetch(partial, target), partial, target)
    comparison = _check(tree, partial, target)
    if not tree.is_relative_to(partial.resolve()):  # in Kaggle's and Colab's notebooks it is mounted, not downloaded
        tree = Path(shutil.copytree(tree, partial / "copy", dirs_exist_ok=True))
    tree.rename(target)
    shutil.rmtree(partial)
    return comparison


def _fetch(partial: Path, target: Path) -> Path:
    """Let kagglehub download and unpack below `partial`; the folder it unpacked to."""
    quiet = nullcontext() if sys.stderr.isatty() else redirect_stderr(io.StringIO())  # its progress bar, in a log
    try:
        get_kaggle_credentials()
    except (OSError, ValueError) as error:
        raise UserError(f"{_first_line(error)}. Mend or remove that file. {TOKEN}.") from None
    partial.mkdir(parents=True, exist_ok=True)
    try:
        with _cache_in(partial), quiet:
            return Path(kagglehub.dataset_download(HANDLE)).resolve()
    except (KeyboardInterrupt, UnauthenticatedError, CredentialError, OSError, *DAMAGED) as error:
        reason = _explain(error)
        damaged = isinstance(error, DAMAGED) and not isinstance(error, OSError)
        if damaged or not any(path.is_file() for path in partial.rglob("*")):
            shutil.rmtree(partial)
        else:
            reason += f"\nWhat was downloaded is kept in {partial}: the same command again continues there."
        raise UserError(f"{reason}\n{_by_hand(target)}") from None


@contextmanager
def _cache_in(folder: Path) -> Iterator[None]:
    """Make kagglehub download into `folder`.

    Its own argument output_dir would do so too, but it begins again after a broken download; its cache continues.
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


def _find_tree(folder: Path, partial: Path, target: Path) -> Path:
    """The folder that holds the patients: the archive has it twice; the fuller one, or else the one less deep."""
    published = set(read_published()["patient_id"])
    trees = Counter(path.parent for path in folder.rglob("TCGA_*") if path.is_dir() and path.name in published)
    if not trees:
        names = sorted(path.name for path in folder.iterdir())
        raise UserError(
            f"{folder}: not the Kaggle set: no patient's folder in it, only {', '.join(names[:SHOWN]) or 'nothing'}"
            f"{', ...' * (len(names) > SHOWN)}. Remove {partial} and try again.\n{_by_hand(target)}"
        )
    return min(trees, key=lambda tree: (-trees[tree], len(tree.parts), tree))


def _check(tree: Path, partial: Path, target: Path) -> PublishedComparison:
    """Compare with the published set; raise unless it is equal to the last pixel."""
    advice = (
        f"{target} was not made. Remove {partial} and try again; or, if the set on Kaggle has changed for good and you"
        f" want it as it is: mv {tree} {target}"
    )
    try:
        table = index_folder(DataParams(root=str(tree), pattern=PATTERN))
    except UserError as error:
        raise UserError(f"the download is not as published.\n{error}\n\n{advice}") from None
    comparison = compare_with_published(table, tree)
    if comparison.altered or comparison.absent or comparison.foreign:
        raise UserError(f"the download is {comparison}. {advice}")
    return comparison


def _explain(error: BaseException) -> str:
    """What went wrong while kagglehub was at work, and how to mend it."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted."
    if isinstance(error, (UnauthenticatedError, CredentialError)):
        return f"Kaggle wants to know who asks ({_first_line(error)}). {TOKEN}."
    if isinstance(error, requests.HTTPError):
        status = error.response.status_code if error.response is not None else None
        if status in (requests.codes.unauthorized, requests.codes.forbidden):
            return f"Kaggle refused (HTTP {status}): it wants to know who asks. {TOKEN}."
        if status == requests.codes.not_found:
            return f"Kaggle does not find {HANDLE} (HTTP {status}): it was moved or removed."
        return f"Kaggle answered HTTP {status} ({_first_line(error)}). Try again later."
    if isinstance(error, requests.RequestException):
        return (
            f"no connection to Kaggle, or it broke ({type(error).__name__}). Is there an internet connection, and do"
            " its proxy or firewall let api.kaggle.com through?"
        )
    if isinstance(error, OSError):
        return f"{error}. Mend that; about 4 GB of disk are needed while downloading."
    return f"what came is no whole archive ({_first_line(error)}), it was deleted. Try again."


def _by_hand(target: Path) -> str:
    return (
        "By hand: download the archive in a browser from\n"
        f"  {PAGE}\n"
        f"and unpack it so that the patients' folders are in {target},\n"
        f"e.g. {target / 'TCGA_CS_4941_19960909'}. The archive holds them twice; one of the two is enough."
    )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
