"""The download, with kagglehub's one function replaced: no test needs the internet."""

import errno
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import kagglehub
import pytest
import requests
from kagglehub.exceptions import DataCorruptionError, KaggleApiHTTPError, UnauthenticatedError

from brainseg import cli
from brainseg.dataset.download import HANDLE, PAGE, download
from brainseg.errors import UserError
from tests.dataset.test_kaggle_lgg import publish
from tests.kaggle_set import PATIENTS

Fake = Callable[[Path], None]


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials, and nothing of this user's."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "home"))
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLEHUB_CACHE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fake], list[str]]:
    """A function that replaces Kaggle by one that fills a folder; returns the list of what it will be asked for."""

    def replace(fill: Fake) -> list[str]:
        asked: list[str] = []

        def dataset_download(handle: str) -> str:
            asked.append(handle)
            folder = Path(os.environ["KAGGLEHUB_CACHE"]) / "datasets/versions/2"
            folder.mkdir(parents=True, exist_ok=True)
            fill(folder)
            return str(folder)

        monkeypatch.setattr(kagglehub, "dataset_download", dataset_download)
        return asked

    return replace


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "data/kaggle_3m"


def http_error(status: int) -> KaggleApiHTTPError:
    response = requests.Response()
    response.status_code = status
    return KaggleApiHTTPError(f"{status} Client Error.\n\nmore of it", response)


def failing(error: BaseException, *, after_bytes: int = 0) -> Fake:
    def fill(folder: Path) -> None:
        if after_bytes:
            (folder.parent / "2.archive").write_bytes(bytes(after_bytes))
        raise error

    return fill


@pytest.mark.parametrize("inner", ["lgg-mri-segmentation/kaggle_3m", "aaa/kaggle_3m"])
def test_one_copy_of_the_two_is_put_in_place(
    tiny_set: Path, target: Path, kaggle: Callable[[Fake], list[str]], monkeypatch: pytest.MonkeyPatch, inner: str
) -> None:
    publish(tiny_set, monkeypatch)

    def twice(folder: Path) -> None:
        shutil.copytree(tiny_set, folder / "kaggle_3m")
        (folder / "kaggle_3m/data.csv").write_text("Patient\n")
        shutil.copytree(tiny_set, folder / inner)

    asked = kaggle(twice)
    assert download(target).equal == PATIENTS
    assert asked == [HANDLE]
    assert sorted(path.name for path in target.iterdir()) == [*PATIENTS, "data.csv"]
    assert list(target.parent.iterdir()) == [target]
    assert "KAGGLEHUB_CACHE" not in os.environ


def test_the_fuller_copy_is_taken(
    tiny_set: Path, target: Path, kaggle: Callable[[Fake], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tiny_set, monkeypatch)

    def once_and_a_third(folder: Path) -> None:
        shutil.copytree(tiny_set / PATIENTS[0], folder / "kaggle_3m" / PATIENTS[0])
        shutil.copytree(tiny_set, folder / "lgg-mri-segmentation/kaggle_3m")

    kaggle(once_and_a_third)
    assert download(target).equal == PATIENTS


def test_a_mounted_set_is_copied(tmp_path: Path, tiny_set: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tiny_set, monkeypatch)
    monkeypatch.setattr(kagglehub, "dataset_download", lambda _: str(tiny_set.parent))
    download(target)
    assert len(list(target.glob("*/*.tif"))) == len(list(tiny_set.glob("*/*.tif"))) == 30
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("what", ["folder", "file", "dangling link"])
def test_never_over_what_exists(target: Path, kaggle: Callable[[Fake], list[str]], what: str) -> None:
    asked = kaggle(failing(AssertionError()))
    target.parent.mkdir()
    if what == "folder":
        target.mkdir()
    elif what == "file":
        target.touch()
    else:
        target.symlink_to("nowhere")
    with pytest.raises(UserError, match="exists already; nothing was downloaded"):
        download(target)
    assert not asked
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (requests.ConnectionError("no such host"), r"no connection to Kaggle.*ConnectionError.*internet"),
        (requests.Timeout(), "no connection to Kaggle"),
        (requests.JSONDecodeError("Expecting value", "<html>", 0), "no connection to Kaggle"),  # a hotel's log-in page
        (http_error(401), r"Kaggle refused \(HTTP 401\).*settings/api.*KAGGLE_API_TOKEN"),
        (http_error(403), r"Kaggle refused \(HTTP 403\).*settings/api.*KAGGLE_API_TOKEN"),
        (http_error(404), r"does not find mateuszbuda/lgg-mri-segmentation/versions/2 \(HTTP 404\)"),
        (http_error(503), r"HTTP 503 \(503 Client Error\)\. Try again later"),
        (UnauthenticatedError(), r"\(User is not authenticated\).*settings/api"),
        (DataCorruptionError("checksum"), r"no whole archive \(checksum\)"),
        (zipfile.BadZipFile("bad"), r"no whole archive \(bad\)"),
        (ValueError("Unsupported archive type."), r"no whole archive \(Unsupported archive type\)"),
        (OSError(errno.ENOSPC, "No space left on device"), r"No space left on device\. Mend that; about 4 GB"),
        (KeyboardInterrupt(), "interrupted"),
    ],
)
def test_failure_has_one_message_and_leaves_nothing(
    target: Path, kaggle: Callable[[Fake], list[str]], error: BaseException, message: str
) -> None:
    kaggle(failing(error))
    with pytest.raises(UserError, match=message) as raised:
        download(target)
    assert f"By hand: download the archive in a browser from\n  {PAGE}" in str(raised.value)
    assert f"e.g. {target}/TCGA_CS_4941_19960909" in str(raised.value)
    assert not list(target.parent.iterdir())
    assert "KAGGLEHUB_CACHE" not in os.environ


@pytest.mark.parametrize(
    "error", [requests.ConnectionError(), OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()]
)
def test_half_a_download_is_kept_apart_and_continued(
    tiny_set: Path,
    target: Path,
    kaggle: Callable[[Fake], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    publish(tiny_set, monkeypatch)
    kaggle(failing(error, after_bytes=7))
    with pytest.raises(UserError, match=r"kept in .*kaggle_3m\.partial: the same command again continues there"):
        download(target)
    assert [path.name for path in target.parent.iterdir()] == ["kaggle_3m.partial"]

    def resume(folder: Path) -> None:
        assert (folder.parent / "2.archive").stat().st_size == 7
        shutil.copytree(tiny_set, folder / "kaggle_3m")

    kaggle(resume)
    download(target)
    assert list(target.parent.iterdir()) == [target]


def test_damaged_archive_is_deleted(target: Path, kaggle: Callable[[Fake], list[str]]) -> None:
    kaggle(failing(zipfile.BadZipFile("bad"), after_bytes=7))
    with pytest.raises(UserError, match="it was deleted"):
        download(target)
    assert not list(target.parent.iterdir())


def test_wrong_archive(target: Path, kaggle: Callable[[Fake], list[str]]) -> None:
    def cats(folder: Path) -> None:
        for name in ("cats", "dogs", "TCGA_XX_0000"):
            (folder / name).mkdir()

    kaggle(cats)
    with pytest.raises(UserError, match=r"no patient's folder in it, only TCGA_XX_0000, cats, dogs\. Remove .*partial"):
        download(target)
    assert not target.exists()


@pytest.mark.parametrize(
    ("victim", "message"),
    [
        (f"{PATIENTS[1]}/{PATIENTS[1]}_5_mask.tif", "image without mask"),
        (f"{PATIENTS[1]}/{PATIENTS[1]}_5*.tif", rf"2 of its 3 patients.*{PATIENTS[1]} \(slices: 4 instead of 5\)"),
        (f"{PATIENTS[1]}/*", "folder with no slices"),
    ],
)
def test_a_download_that_is_not_as_published_is_not_put_in_place(
    tiny_set: Path,
    target: Path,
    kaggle: Callable[[Fake], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    victim: str,
    message: str,
) -> None:
    publish(tiny_set, monkeypatch)

    def incomplete(folder: Path) -> None:
        shutil.copytree(tiny_set, folder / "kaggle_3m")
        for path in (folder / "kaggle_3m").glob(victim):
            path.unlink()

    kaggle(incomplete)
    with pytest.raises(UserError, match=message) as raised:
        download(target)
    assert f"{target} was not made" in str(raised.value)
    assert not target.exists()


def test_missing_patient(
    tiny_set: Path, target: Path, kaggle: Callable[[Fake], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tiny_set, monkeypatch)
    kaggle(lambda folder: shutil.copytree(tiny_set / PATIENTS[0], folder / "kaggle_3m" / PATIENTS[0]))
    with pytest.raises(UserError, match="a subset of the published Kaggle set, 1 of its 3 patients"):
        download(target)
    assert not target.exists()


def test_broken_credentials_file(tmp_path: Path, target: Path, kaggle: Callable[[Fake], list[str]]) -> None:
    asked = kaggle(failing(AssertionError()))
    (tmp_path / "home").mkdir()
    (tmp_path / "home/kaggle.json").write_text("{oops")
    with pytest.raises(UserError, match=r"Invalid Kaggle credentials file at .*kaggle\.json\. Mend or remove"):
        download(target)
    assert not asked
    assert not target.parent.exists()


def test_progress_bar_only_in_a_terminal(
    target: Path,
    kaggle: Callable[[Fake], list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def noisy(_: Path) -> None:
        print("50%|#####     |", file=sys.stderr)
        raise requests.ConnectionError

    kaggle(noisy)
    with pytest.raises(UserError):
        download(target)
    assert capsys.readouterr().err == ""
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(UserError):
        download(target)
    assert "50%" in terminal.getvalue()


def test_command(
    tiny_set: Path,
    target: Path,
    kaggle: Callable[[Fake], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    publish(tiny_set, monkeypatch)
    kaggle(lambda folder: shutil.copytree(tiny_set, folder / "kaggle_3m"))
    monkeypatch.setattr(sys, "argv", ["brainseg", "download", str(target)])
    cli.main()
    assert f"the published Kaggle set, all 3 patients, every pixel checked -> {target}" in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"error: .*exists already"):
        cli.main()


def test_default_folder_is_the_one_that_the_message_of_index_names(
    tmp_path: Path, kaggle: Callable[[Fake], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    kaggle(failing(requests.ConnectionError()))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["brainseg", "download"])
    with pytest.raises(SystemExit, match="patients' folders are in data/kaggle_3m,"):
        cli.main()


def test_help_imports_nothing_slow() -> None:
    code = "import sys, brainseg.cli; print({'numpy', 'pandas', 'cv2', 'pydantic', 'kagglehub'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
