"""Downloading the Kaggle set with a fake Kaggle; tests/dataset/test_download_failures.py has what goes wrong."""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import kagglehub
import pytest
import requests

from brainseg import cli
from brainseg.dataset.download import download
from brainseg.dataset.kaggle_lgg import KAGGLE_HANDLE
from brainseg.errors import UserError
from tests.dataset.fake_kaggle import FakeKaggle, failing
from tests.kaggle_set import PATIENTS, declare_published

pytestmark = pytest.mark.usefixtures("no_credentials")


@pytest.mark.parametrize("inner", ["lgg-mri-segmentation/kaggle_3m", "aaa/kaggle_3m"])
def test_one_of_the_two_copies_in_the_archive_is_kept(
    tiny_set: Path, target: Path, kaggle: FakeKaggle, monkeypatch: pytest.MonkeyPatch, inner: str
) -> None:
    declare_published(tiny_set, monkeypatch)

    def twice(folder: Path) -> None:
        shutil.copytree(tiny_set, folder / "kaggle_3m")
        (folder / "kaggle_3m/data.csv").write_text("Patient\n")
        shutil.copytree(tiny_set, folder / inner)

    requested = kaggle(twice)
    assert download(target).equal == PATIENTS
    assert requested == [KAGGLE_HANDLE]
    assert sorted(path.name for path in target.iterdir()) == [*PATIENTS, "data.csv"]
    assert list(target.parent.iterdir()) == [target]
    assert "KAGGLEHUB_CACHE" not in os.environ


def test_copy_with_more_patients_is_kept(
    tiny_set: Path, target: Path, kaggle: FakeKaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare_published(tiny_set, monkeypatch)

    def once_and_a_third(folder: Path) -> None:
        shutil.copytree(tiny_set / PATIENTS[0], folder / "kaggle_3m" / PATIENTS[0])
        shutil.copytree(tiny_set, folder / "lgg-mri-segmentation/kaggle_3m")

    kaggle(once_and_a_third)
    assert download(target).equal == PATIENTS


def test_mounted_data_set_is_copied(
    tmp_path: Path, tiny_set: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare_published(tiny_set, monkeypatch)
    monkeypatch.setattr(kagglehub, "dataset_download", lambda _: str(tiny_set.parent))
    download(target)
    assert len(list(target.glob("*/*.tif"))) == len(list(tiny_set.glob("*/*.tif"))) == 30
    assert list(target.parent.iterdir()) == [target]


def test_progress_bar_is_shown_only_in_a_terminal(
    target: Path,
    kaggle: FakeKaggle,
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


def test_command_prints_the_comparison_and_fails_if_the_folder_exists(
    tiny_set: Path,
    target: Path,
    kaggle: FakeKaggle,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    declare_published(tiny_set, monkeypatch)
    kaggle(lambda folder: shutil.copytree(tiny_set, folder / "kaggle_3m"))
    monkeypatch.setattr(sys, "argv", ["brainseg", "download", str(target)])
    cli.main()
    assert f"the published Kaggle set, all 3 patients, every pixel checked -> {target}" in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"error: .*exists already"):
        cli.main()


def test_default_folder_is_the_one_named_by_the_error_of_index(
    tmp_path: Path, kaggle: FakeKaggle, monkeypatch: pytest.MonkeyPatch
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
