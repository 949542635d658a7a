"""Tests of brainseg.check: mistakes are found before DVC deletes outputs, and a sound project passes."""

import os
import sys
from pathlib import Path

import pytest
import yaml

from brainseg.check import check_project
from brainseg.cli import main
from brainseg.errors import UserError
from tests.project import ROOT, copy_project


def use_python(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a script in the place of Python; importing the stages would take seconds per test."""
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin/python").write_text(script)
    (folder / "bin/python").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    """The default parameters for a data set of three patients, in a current folder that has both."""
    monkeypatch.chdir(tmp_path)
    use_python(tmp_path, "#!/bin/sh\necho 3.12.1\n", monkeypatch)
    for patient in ("A_1", "A_2", "B_3"):
        for name in ("1", "2", "1_mask", "2_mask"):
            path = Path("scans") / patient / f"{patient}_{name}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    Path("held_out").mkdir()
    Path("held_out/list.txt").write_text("A_2\n")
    content: dict = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["data"]["root"] = "scans"
    content["split"]["test_patients"] = "held_out/list.txt"
    Path("params.yaml").write_text(yaml.safe_dump(content))
    return content


def faults_after(content: dict, **changes: dict) -> str:
    """The message after a change of some sections."""
    for section, values in changes.items():
        content[section] |= values
    Path("params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError) as error:
        check_project()
    return str(error.value)


def test_sound_project_passes(
    content: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    found = check_project()
    assert found["data.root"] == "scans: 3 patients, 6 slices"
    assert found["split.test_patients"] == "held_out/list.txt: 1 patients"
    assert found["python"] == f"3.12.1, {tmp_path}/bin/python"
    monkeypatch.setattr(sys, "argv", ["brainseg", "check"])
    main()
    assert capsys.readouterr().out.endswith("No fault found. Next: dvc repro\n")


def test_default_project_passes_before_anything_ran(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    printed = project.run("brainseg", "check")
    assert printed.startswith("python               {}.{}.{}, /".format(*sys.version_info))
    assert "data.root            data/phantom, made by the stage phantom\n" in printed
    project.set(train={"epoch": 3})
    assert "train.epoch: unknown key; did you mean epochs?" in project.run("brainseg", "check", code=1)


def test_misspelt_parameter_is_found(content: dict) -> None:
    assert "train.epoch: unknown key; did you mean epochs?" in faults_after(content, train={"epoch": 3})


def test_missing_data_set_is_found(content: dict) -> None:
    assert "data/kaggle_3m: data.root does not exist" in faults_after(content, data={"root": "data/kaggle_3m"})


def test_names_that_do_not_fit_are_found(content: dict) -> None:
    Path("scans/A_1/A_1_2_mask.tif").unlink()
    Path("scans/A_1/other.tif").touch()
    message = faults_after(content)
    assert message.startswith("scans: 2 fault(s) in the names of the files\n")
    assert "A_1/other.tif" in message
    assert "A_1/A_1_2.tif" in message


def test_invalid_site_template_is_found(content: dict) -> None:
    pattern = content["data"]["pattern"] | {"site": "{site}_{hospital}"}
    assert "data.pattern.site" in faults_after(content, data={"pattern": pattern})


def test_list_of_test_patients_is_checked(content: dict) -> None:
    Path("held_out/list.txt").write_text("A_2\nA_22\n")
    assert "1 of 2 patients are not in data.root: A_22" in faults_after(content)


def test_all_faults_come_in_one_message(content: dict, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no Python there
    message = faults_after(content, train={"epoch": 3})
    assert "python: not found on the PATH. DVC runs every stage with it. Activate" in message
    assert "train.epoch: unknown key" in message


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "#!/bin/sh\necho 3.8.0; echo \"No module named 'pandas'\" >&2; exit 1\n",
            r"(3.8.0) cannot run the stages: No mod",
        ),
        ("#!/bin/sh\nexit 7\n", r"(unknown version) cannot run the stages: status 7"),
        ("#!/nowhere/python\n", "does not start (No such file or directory)"),
        ("\x7fELF", "does not start (Exec format error)"),
    ],
)
def test_python_that_cannot_run_the_stages_is_named(
    content: dict, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, words: str
) -> None:
    use_python(tmp_path, script, monkeypatch)
    message = faults_after(content)
    assert message.startswith(f"python: {tmp_path}/bin/python ")
    assert words in message
    assert message.endswith("Activate the project's environment: source .venv/bin/activate")
