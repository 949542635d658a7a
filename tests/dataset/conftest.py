"""Fixtures for the tests of the download, which replace the one function of kagglehub that is used."""

import os
from pathlib import Path

import kagglehub
import pytest

from tests.dataset.fake_kaggle import FakeKaggle, Fill


@pytest.fixture
def no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without Kaggle credentials, and without this user's files and settings."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "home"))
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLEHUB_CACHE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch) -> FakeKaggle:
    """A function that replaces Kaggle with one that fills a folder; it returns the list of requested handles."""

    def replace(fill: Fill) -> list[str]:
        requested: list[str] = []

        def dataset_download(handle: str) -> str:
            requested.append(handle)
            folder = Path(os.environ["KAGGLEHUB_CACHE"]) / "datasets" / handle  # as kagglehub does
            folder.mkdir(parents=True, exist_ok=True)
            fill(folder)
            return str(folder)

        monkeypatch.setattr(kagglehub, "dataset_download", dataset_download)
        return requested

    return replace


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The folder to create."""
    return tmp_path / "data/kaggle_3m"
