"""Comparison of two runs: paired differences, their verdicts, and where runs are found."""

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainseg.errors import UserError
from brainseg.evaluation.comparison import COMPARED, compare, read_run
from brainseg.evaluation.patient_scores import SCORES
from brainseg.files import write_table
from tests.evaluation.toy_patients import run_table


def test_every_compared_score_has_a_better_direction() -> None:
    assert {SCORES[name] for name in COMPARED} == {"higher", "lower"}


def test_difference_is_over_the_common_patients() -> None:
    a, b = run_table([0.5, 0.6, 0.7, 0.1]), run_table([0.6, 0.7, 0.8])
    b = pd.concat([b.iloc[::-1], run_table([0.9]).assign(patient_id="other")])
    found = compare(a, b)
    assert list(found.patients.index) == ["p0", "p1", "p2"]
    assert (found.only_a, found.only_b) == (1, 1)
    difference = found.differences["dice"]
    assert difference.value == pytest.approx(0.1)
    assert difference.ci_low == pytest.approx(0.1)
    assert found.verdict("dice") == "excludes 0, B better"
    assert found.verdict("precision") == "includes 0"


def test_lower_is_better_for_errors_and_distances() -> None:
    a = run_table([0.5] * 4, hd95_px=[9.0, 8.0, 7.0, 6.0], volume_error=0.1)
    b = run_table([0.5] * 4, hd95_px=[4.0, 3.0, 2.0, 1.0], volume_error=0.2)
    found = compare(a, b)
    assert found.verdict("hd95_px") == "excludes 0, B better"
    assert found.verdict("volume_error") == "excludes 0, B worse"


def test_a_patient_without_a_value_in_one_run_is_left_out_and_counted() -> None:
    found = compare(run_table([0.5] * 3, hd95_px=[1.0, np.nan, 3.0]), run_table([0.5] * 3, hd95_px=[2.0, 2.0, np.nan]))
    assert (found.differences["hd95_px"].count, found.differences["hd95_px"].left_out) == (1, 2)
    assert found.verdict("hd95_px") == "too few patients"


def test_an_end_that_rounds_to_0_counts_as_0() -> None:
    found = compare(run_table([0.5] * 3), run_table([0.50001, 0.50001, 0.6]))
    assert found.differences["dice"].ci_low > 0
    assert found.verdict("dice") == "includes 0"


def test_patients_scored_on_other_slices_are_left_out() -> None:
    found = compare(run_table([0.5] * 3), run_table([0.5] * 3, slices=[20, 5, 20], tumour_pixels=[100, 100, 99]))
    assert (len(found.patients), found.other_slices) == (1, 2)
    with pytest.raises(UserError, match="2 of 2 and 2 test patients in common, and none with the same slices"):
        compare(run_table([0.5, 0.6]), run_table([0.5, 0.6], slices=3))
    with pytest.raises(UserError, match="0 of 1 and 1 test patients in common"):
        compare(run_table([0.5]), run_table([0.5]).assign(patient_id="other"))


def test_largest_changes_come_first() -> None:
    changes = compare(run_table([0.5, 0.5, 0.5, np.nan]), run_table([0.6, 0.5, 0.1, 0.5])).largest_changes()
    assert list(changes.index) == ["p2", "p0"]
    assert list(changes["change"]) == pytest.approx([-0.4, 0.1])


def test_five_patients_are_listed_at_most() -> None:
    assert len(compare(run_table([0.5] * 7), run_table([0.6] * 7)).largest_changes()) == 5


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


def test_a_run_of_another_version_is_compared_by_the_scores_that_both_have(repository: Path) -> None:
    write_table(Path("older.csv"), run_table([0.5, 0.6, 0.7]).drop(columns=["hd95_px", "nsd_2px"]))
    differences = compare(read_run("older.csv"), read_run("workspace")).differences
    assert list(differences) == [name for name in COMPARED if name not in ("hd95_px", "nsd_2px")]


@pytest.mark.parametrize("name", ["nothing", "-p", "HEAD:x"])
def test_an_unknown_run_gives_one_message(repository: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"no file, no folder .*Name one, or workspace"):
        read_run(name)


def test_a_missing_repository_or_table_gives_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UserError, match="no git revision"):
        read_run("HEAD")
    with pytest.raises(UserError, match=r"patients\.csv: not readable.*dvc repro"):
        read_run("workspace")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a table of patients"),
        ("patient_id,dice\na,0.5\n", "missing columns: slices, tumour_pixels"),
        ("patient_id,slices,tumour_pixels,dice\na,1,1,0.5\na,1,1,0.5\n", "a patient is listed twice"),
        ("patient_id,slices,tumour_pixels,dice\na,1,1,good\n", "could not convert"),
    ],
)
def test_an_invalid_table_gives_one_message(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "patients.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        read_run(str(path))
