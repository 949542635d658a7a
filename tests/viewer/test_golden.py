"""The golden cases of the page are what the Python side does, and the page does the same."""

import subprocess
from typing import Any

import pytest

from tests.browser import need
from tests.project import ROOT
from viewer.golden.make_cases import FOLDER, all_cases, to_text

VIEWER = ROOT / "viewer"


@pytest.fixture(scope="module")
def cases() -> dict[str, Any]:
    return all_cases()


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.json")))
def test_the_cases_are_up_to_date(name: str, cases: dict[str, Any]) -> None:
    assert set(cases) == {path.name for path in FOLDER.glob("*.json")}
    assert (FOLDER / name).read_text(encoding="utf-8") == to_text(cases[name]), "python -m viewer.golden.make_cases"


@pytest.mark.browser
def test_the_page_does_the_same() -> None:
    """Its own tests, in Node."""
    need(VIEWER / "node_modules/vitest", "npm ci in viewer/")
    result = subprocess.run(["npm", "test"], cwd=VIEWER, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_lock_names_no_registry() -> None:
    """So that it is fetched from whichever one the user has set."""
    text = (VIEWER / "package-lock.json").read_text()
    assert "resolved" not in text
    assert "registry" not in text
