"""Where the scores of a run are found, and tables that are refused."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from brainseg.errors import UserError
from brainseg.evaluation.comparison import COMPARED, compare
from brainseg.evaluation.runs import read_run
from brainseg.files import write_table
from tests.evaluation.toy_patients import run_table


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a git repository with one run committed and another in the workspace."""
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    write_table(Path("metrics/patients.csv"), run_table([0.5, 0.6, 0.7]))
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "one"], ["tag", "one"]):
        subprocess.run(["git", *command], check=True)
    subprocess.run(["git", "update-ref", "refs/exps/ab/cdef/odd-name", "HEAD"], check=True)
    write_table(Path("metrics/patients.csv"), run_table([0.6, 0.7, 0.8]))
    return tmp_path


@pytest.mark.parametrize("name", ["HEAD", "one", "odd-name"])
def test_runs_are_found_in_git(repository: Path, name: str) -> None:
    assert list(read_run(name)["dice"]) == [0.5, 0.6, 0.7]


@pytest.mark.parametrize("name", ["workspace", "metrics/patients.csv", "."])
def test_runs_are_found_in_files(repository: Path, name: str) -> None:
    assert list(read_run(name)["dice"]) == [0.6, 0.7, 0.8]


def test_a_patient_may_be_called_na(tmp_path: Path) -> None:
    table = run_table([0.5, np.nan]).assign(patient_id=["NA", "nan"])
    write_table(tmp_path / "patients.csv", table)
    read = read_run(str(tmp_path / "patients.csv"))
    assert list(read["patient_id"]) == ["NA", "nan"]
    assert list(read["dice"].isna()) == [False, True]


def test_identifiers_are_text(tmp_path: Path) -> None:
    """Leading zeros, exponents and booleans are part of an identifier."""
    names = ["001", "1", "01", "1e3", "1000", "True", "0x10", "1_000", " 1", "١"]
    for run in "ab":
        write_table(tmp_path / f"{run}.csv", run_table([0.5] * len(names)).assign(patient_id=names))
    found = compare(*(read_run(str(tmp_path / f"{run}.csv")) for run in "ab"))
    assert list(found.patients.index) == sorted(names)


def test_a_run_of_another_version_is_compared_by_the_scores_that_both_have(repository: Path) -> None:
    write_table(Path("older.csv"), run_table([0.5, 0.6, 0.7]).drop(columns=["hd95_px", "nsd_2px"]))
    differences = compare(read_run("older.csv"), read_run("workspace")).differences
    assert list(differences) == [name for name in COMPARED if name not in ("hd95_px", "nsd_2px")]


@pytest.mark.parametrize("name", ["nothing", "-p", "HEAD:x", "*", "a[b", "a\nb", "a\0b"])
def test_an_unknown_run_gives_one_message(repository: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"no file, no folder .*Name one, or workspace"):
        read_run(name)


def test_a_committed_table_that_is_no_text_gives_one_message(repository: Path) -> None:
    table = Path("metrics/patients.csv")
    table.write_bytes(table.read_bytes().replace(b"p0", b"\xe9"))
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qam", "two"], check=True)
    with pytest.raises(UserError, match=r"not readable \(.*not UTF-8 text.*dvc repro"):
        read_run("HEAD")


def test_without_git_a_revision_gives_one_message(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository / "nothing"))
    with pytest.raises(UserError, match=r"HEAD: no file, .*No such file or directory: 'git'"):
        read_run("HEAD")


def test_a_missing_repository_or_table_gives_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UserError, match="no git revision"):
        read_run("HEAD")
    with pytest.raises(UserError, match=r"patients\.csv: not found.*dvc repro"):
        read_run("workspace")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a table of patients"),
        ("patient_id,dice\na,0.5\n", "missing columns: slices, tumour_pixels"),
        ("patient_id,slices,tumour_pixels,dice\na,1,1,0.5\na,1,1,0.5\n", "lines 2 and 3 are both of a"),
        ("patient_id,slices,tumour_pixels,dice\na,1,1,good\n", "line 2: dice is 'good', expected a finite number"),
        ("patient_id,slices,tumour_pixels,dice\na,1,1,-1e308\n", r"dice has a value of more than 1e.15"),
    ],
)
def test_an_invalid_table_gives_one_message(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "patients.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        read_run(str(path))
