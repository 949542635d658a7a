"""What the wheel contains, without building it: code and data of the package."""

from pathlib import Path

import pytest
from setuptools import Distribution

from tests.project import ROOT


def packed_files(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The files of the packages that setuptools puts into the wheel, relative to the root of the project."""
    monkeypatch.chdir(ROOT)
    distribution = Distribution({"script_name": "setup.py"})
    distribution.parse_config_files()
    distribution.include_package_data = False  # there is no MANIFEST.in; asking for one writes into the project
    build = distribution.get_command_obj("build_py")
    build.ensure_finalized()
    data = [Path(source, name) for _, source, _, names in build.data_files for name in names]
    modules = [Path(path) for _, _, path in build.find_all_modules()]
    return {path.resolve().relative_to(ROOT.resolve()).as_posix() for path in (*data, *modules)}


def test_the_wheel_has_all_code_and_data_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights and their licence, the templates of the pages, and the digests of the data set among them."""
    packed = packed_files(monkeypatch)
    files = [path for folder in ("brainseg", "stages") for path in (ROOT / folder).rglob("*") if path.is_file()]
    expected = {path.relative_to(ROOT).as_posix() for path in files if path.suffix != ".pyc"}
    assert expected - packed == set()
    for name in ("unet.keras", "operating_point.json", "LICENSE", "model_card.md"):
        assert f"brainseg/released/{name}" in packed
    assert not any(path.startswith("tests/") for path in packed)
