"""Fixtures for the tests of the evaluation."""

from pathlib import Path

import pytest

from tests.evaluation.toy_patients import write_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the drawn patients as the earlier stages leave them."""
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)
    return tmp_path
