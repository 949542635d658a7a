"""Downloads that fail: one message each, no incomplete data set, and an interrupted download resumes."""

import errno
import os
import shutil
import zipfile
from pathlib import Path

import pytest
import requests
from kagglehub.exceptions import DataCorruptionError, UnauthenticatedError

from brainseg.dataset.download import download
from brainseg.dataset.kaggle_lgg import KAGGLE_PAGE
from brainseg.errors import UserError
from tests.dataset.fake_kaggle import FakeKaggle, failing, http_error
from tests.kaggle_set import PATIENTS, declare_published

pytestmark = pytest.mark.usefixtures("no_credentials")


@pytest.mark.parametrize("what", ["folder", "file", "dangling link"])
def test_existing_target_is_left_alone(target: Path, kaggle: FakeKaggle, what: str) -> None:
    requested = kaggle(failing(AssertionError()))
    target.parent.mkdir()
    if what == "folder":
        target.mkdir()
    elif what == "file":
        target.touch()
    else:
        target.symlink_to("nowhere")
    with pytest.raises(UserError, match="exists already; nothing was downloaded"):
        download(target)
    assert not requested
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (requests.ConnectionError("no such host"), r"no connection to Kaggle.*ConnectionError.*internet"),
        (requests.Timeout(), "no connection to Kaggle"),
        (
            requests.JSONDecodeError("Expecting value", "<html>", 0),
            "no connection to Kaggle",
        ),  # a network's log-in page
        (http_error(401), r"Kaggle refused access \(HTTP 401\).*settings/api.*KAGGLE_API_TOKEN"),
        (http_error(403), r"Kaggle refused access \(HTTP 403\).*settings/api.*KAGGLE_API_TOKEN"),
        (http_error(404), r"does not find mateuszbuda/lgg-mri-segmentation/versions/2 \(HTTP 404\)"),
        (http_error(503), r"HTTP 503 \(503 Client Error\)\. Try again later"),
        (UnauthenticatedError(), r"\(User is not authenticated\).*settings/api"),
        (DataCorruptionError("checksum"), r"the archive was damaged \(checksum\)"),
        (zipfile.BadZipFile("bad \x1b[31m"), r"the archive was damaged \(bad \\x1b\[31m\)"),
        (ValueError("Unsupported archive type."), r"the archive was damaged \(Unsupported archive type\)"),
        (NotImplementedError("compression type 99"), r"the archive was damaged \(compression type 99\)"),
        (MemoryError(), r"the archive was damaged \(MemoryError\)"),
        (OSError("Invalid data stream"), r"the archive was damaged \(Invalid data stream\)"),  # of bz2
        (OSError(errno.ENAMETOOLONG, "File name too long"), r"damaged \(\[Errno 36\] File name too long\)"),
        (PermissionError(errno.EACCES, "Permission denied"), r"Permission denied\. Fix that"),
        (OSError(errno.ENOSPC, "No space left on device"), r"No space left on device\. Fix that and .* about 4 GB"),
        (KeyboardInterrupt(), "interrupted"),
    ],
)
def test_failure_has_one_message_and_leaves_no_files(
    target: Path, kaggle: FakeKaggle, error: BaseException, message: str
) -> None:
    kaggle(failing(error))
    with pytest.raises(UserError, match=message) as raised:
        download(target)
    assert f"To download by hand: get the archive in a browser from\n  {KAGGLE_PAGE}" in str(raised.value)
    assert f"e.g. {target}/TCGA_CS_4941_19960909" in str(raised.value)
    assert not list(target.parent.iterdir())
    assert "KAGGLEHUB_CACHE" not in os.environ


@pytest.mark.parametrize(
    "error", [requests.ConnectionError(), OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()]
)
def test_interrupted_download_is_kept_and_resumed(
    tiny_set: Path,
    target: Path,
    kaggle: FakeKaggle,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    declare_published(tiny_set, monkeypatch)
    kaggle(failing(error, after_bytes=7))
    with pytest.raises(UserError, match=r"kept in .*kaggle_3m\.partial\. Run the same command again"):
        download(target)
    assert [path.name for path in target.parent.iterdir()] == ["kaggle_3m.partial"]

    def resume(folder: Path) -> None:
        assert (folder.parent / "2.archive").stat().st_size == 7
        shutil.copytree(tiny_set, folder / "kaggle_3m")

    kaggle(resume)
    download(target)
    assert list(target.parent.iterdir()) == [target]


def test_full_disk_keeps_the_archive_and_removes_what_was_unpacked(target: Path, kaggle: FakeKaggle) -> None:
    """Otherwise an archive that unpacks to more than the disk holds would leave the disk full."""

    def fill_disk(folder: Path) -> None:
        (folder.parent / "2.archive").write_bytes(b"archive")
        (folder / "kaggle_3m").mkdir()
        (folder / "kaggle_3m/zeros").write_bytes(bytes(1000))
        raise OSError(errno.ENOSPC, "No space left on device")

    kaggle(fill_disk)
    with pytest.raises(UserError, match=r"No space left on device.*\n.*kept in .*kaggle_3m\.partial"):
        download(target)
    files = [path.name for path in target.parent.rglob("*") if path.is_file()]
    assert files == ["2.archive"]


def test_damaged_archive_is_deleted(target: Path, kaggle: FakeKaggle) -> None:
    kaggle(failing(zipfile.BadZipFile("bad"), after_bytes=7))
    with pytest.raises(UserError, match="has been deleted"):
        download(target)
    assert not list(target.parent.iterdir())


def test_unexpected_archive_is_refused(target: Path, kaggle: FakeKaggle) -> None:
    def cats(folder: Path) -> None:
        for name in ("cats\x1b[2J", "dogs", "TCGA_XX_0000"):
            (folder / name).mkdir()

    kaggle(cats)
    with pytest.raises(
        UserError, match=r"it has no patient's folder, only TCGA_XX_0000, cats\\x1b\[2J, dogs\. Remove .*partial"
    ):
        download(target)
    assert not target.exists()


@pytest.mark.parametrize(
    ("victim", "message"),
    [
        (f"{PATIENTS[1]}/{PATIENTS[1]}_5_mask.tif", "image without mask"),
        (f"{PATIENTS[1]}/{PATIENTS[1]}_5*.tif", rf"2 of its 3 patients.*{PATIENTS[1]} \(slices: 4 instead of 5\)"),
        (f"{PATIENTS[1]}/*", "folder without images"),
    ],
)
def test_download_that_differs_from_the_published_set_is_refused(
    tiny_set: Path,
    target: Path,
    kaggle: FakeKaggle,
    monkeypatch: pytest.MonkeyPatch,
    victim: str,
    message: str,
) -> None:
    declare_published(tiny_set, monkeypatch)

    def incomplete(folder: Path) -> None:
        shutil.copytree(tiny_set, folder / "kaggle_3m")
        for path in (folder / "kaggle_3m").glob(victim):
            path.unlink()

    kaggle(incomplete)
    with pytest.raises(UserError, match=message) as raised:
        download(target)
    assert f"{target} was not created" in str(raised.value)
    assert not target.exists()


def test_download_without_some_patients_is_refused(
    tiny_set: Path, target: Path, kaggle: FakeKaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare_published(tiny_set, monkeypatch)
    kaggle(lambda folder: shutil.copytree(tiny_set / PATIENTS[0], folder / "kaggle_3m" / PATIENTS[0]))
    with pytest.raises(UserError, match="a subset of the published Kaggle set, 1 of its 3 patients"):
        download(target)
    assert not target.exists()


def test_invalid_credentials_file_is_reported(tmp_path: Path, target: Path, kaggle: FakeKaggle) -> None:
    requested = kaggle(failing(AssertionError()))
    (tmp_path / "home").mkdir()
    (tmp_path / "home/kaggle.json").write_text("{oops")
    with pytest.raises(UserError, match=r"Invalid Kaggle credentials file at .*kaggle\.json\. Correct or remove"):
        download(target)
    assert not requested
    assert not target.parent.exists()
