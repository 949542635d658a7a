"""Run `dvc --cd cv repro` in a copy of the project: two folds of a few small synthetic patients."""

import json
import re
import shutil
import sys

import cv2
import pandas as pd
import pytest

from tests.project import ROOT, Project, copy_project

# A network that starts fast; tests/pipeline/test_root.py keeps the defaults.
SIMPLE = {"block": "plain", "deep_supervision": False, "threads": 1, "precision": "float32"}
TINY = {
    "phantom": {"patients": 6, "size": 64},
    "split": {"folds": [0, 1]},
    "train": {"input_size": 64, "filters": 4, "epochs": 1, **SIMPLE},
}
FOLD = ["split", "train", "predict", "evaluate"]
# A command python that fails when it should train fold 1.
FAILING = """\
#!/bin/sh
case "$*" in *"stages.train --fold 1"*) echo "the power failed" >&2; exit 1;; esac
exec {python} "$@"
"""


def cv(project: Project, *arguments: str, code: int = 0) -> str:
    """Run a dvc command in cv/, which is a DVC project of its own; returns what it printed."""
    return project.run("dvc", "--cd", "cv", *arguments, code=code)


def stages_run(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str, str]:
    """A project in which fold 1 failed in the first of two runs, and the output of both runs."""
    project = copy_project(tmp_path_factory.mktemp("folds") / "project")
    project.set(**TINY)
    path, failing = project.environment["PATH"], project.root.parent / "failing"
    failing.mkdir()
    (failing / "python").write_text(FAILING.format(python=sys.executable))
    (failing / "python").chmod(0o755)
    project.environment["PATH"] = f"{failing}:{path}"
    project.run("dvc", "repro", "index")
    first = cv(project, "repro", "--keep-going", code=255)
    project.environment["PATH"] = path
    second = cv(project, "repro")
    project.run("git", "add", "--all")
    project.run("git", "commit", "--quiet", "--message", "two folds")
    return project, first, second


@pytest.fixture(scope="module")
def project(runs: tuple[Project, str, str]) -> Project:
    return runs[0]


def test_a_failed_fold_does_not_stop_the_others_and_only_it_runs_again(runs: tuple[Project, str, str]) -> None:
    _, first, second = runs
    assert set(stages_run(first)) == {*(f"{stage}@0" for stage in FOLD), "split@1", "train@1"}
    assert "the power failed" in first
    assert stages_run(second) == [*(f"{stage}@1" for stage in FOLD[1:]), "cross_validation"]


def test_each_stage_of_a_fold_prints_one_line(runs: tuple[Project, str, str]) -> None:
    _, first, second = runs
    for output, number, stages in ((first, 0, FOLD), (second, 1, FOLD[1:])):
        lines = [line for line in output.splitlines() if line.startswith(f"fold {number} ({number + 1} of 2), ")]
        assert [line.split("), ")[1].split(":")[0] for line in lines] == stages
    of_dvc = ("Running stage", "> cd ..", "Updating lock file", "Generating lock file", "Stage '")
    stages = second[: second.index("Running stage 'cross_validation'")]
    printed = [line for line in stages.splitlines() if line and not line.startswith(of_dvc)]
    assert len(printed) == len(FOLD[1:]), printed
    assert ("Next:" in first, second.count("Next:")) == (False, 1)


def test_a_second_repro_runs_nothing(project: Project) -> None:
    assert stages_run(cv(project, "repro")) == []
    assert project.run("git", "status", "--porcelain") == ""


def test_every_patient_is_scored_once_by_a_network_not_trained_on_them(project: Project) -> None:
    patients = pd.read_csv(project.root / "cv/metrics/patients.csv")
    index = pd.read_csv(project.root / "data/index.csv")
    assert sorted(patients.patient_id) == sorted(set(index.patient_id))
    for number, scored in patients.groupby("fold").patient_id:
        split = pd.read_csv(project.root / f"cv/folds/{number}/data/split.csv")
        assert set(split.patient_id[split.subset == "test"]) == set(scored)
        assert not set(split.patient_id[split.subset != "test"]) & set(scored)
        maps = {path.stem for path in project.root.glob(f"cv/folds/{number}/data/predictions/*.npz")}
        assert maps == set(split.patient_id[split.subset != "train"])


def test_tables_agree_with_the_folds(project: Project) -> None:
    metrics = project.json("cv/metrics/cross_validation.json")
    patients = pd.read_csv(project.root / "cv/metrics/patients.csv")
    assert (metrics["cv_folds"], metrics["cv_patients"]) == (2, 6)
    assert metrics["cv_dice_mean"] == pytest.approx(patients.dice.mean(), abs=1e-6)
    folds = pd.read_csv(project.root / "cv/metrics/folds.csv", index_col="fold")
    assert list(folds.test_patients) == list(patients.fold.value_counts().sort_index())
    for number, row in folds.iterrows():
        evaluate = project.json(f"cv/folds/{number}/metrics/evaluate.json")
        assert (row.threshold, row.smallest_lesion) == (evaluate["threshold"], evaluate["smallest_lesion"])
        assert row.dice_mean == pytest.approx(evaluate["dice_mean"], abs=1e-6)
    assert pd.read_csv(project.root / "cv/metrics/sites.csv").patients.sum() == 6
    assert cv2.imread(str(project.root / "cv/plots/dice_distribution.png")).std() > 0


def test_git_tracks_the_joined_tables_and_nothing_of_a_fold(project: Project) -> None:
    tracked = project.run("git", "ls-files", "cv").split()
    tables = [f"cv/metrics/{name}" for name in ("cross_validation.json", "folds.csv", "patients.csv", "sites.csv")]
    assert sorted(tracked) == [
        "cv/.dvc/.gitignore",
        "cv/.dvc/config",
        "cv/.dvcignore",
        "cv/.gitignore",
        "cv/dvc.lock",
        "cv/dvc.yaml",
        *tables,
    ]


def test_metric_names_differ_from_those_of_the_other_files(project: Project) -> None:
    names = set(project.json("cv/metrics/cross_validation.json"))
    for path in sorted(ROOT.glob("metrics/*.json")):
        assert not names & set(json.loads(path.read_text()))


def test_root_knows_nothing_of_the_folds(project: Project) -> None:
    """Otherwise checkout and pull would look for folds that never ran, and metrics would list folds beside the root."""
    for command in (("status",), ("dag",), ("data", "status", "--granular"), ("stage", "list", "--all")):
        assert "fold" not in project.run("dvc", *command).replace(str(project.root.parent), "")


def test_metrics_diff_and_plots_work_inside_cv(project: Project) -> None:
    path = project.root / "cv/metrics/cross_validation.json"
    before = path.read_text()
    path.write_text(json.dumps(json.loads(before) | {"cv_dice_mean": 0.9875}))
    difference = cv(project, "metrics", "diff")
    assert [line.split()[1] for line in difference.splitlines() if "0.9875" in line] == ["cv_dice_mean"]
    path.write_text(before)
    cv(project, "plots", "show")
    page = (project.root / "cv/dvc_plots/index.html").read_text()
    assert "dice_distribution.png" in page
    assert 'src="http' not in page


def test_folds_run_on_another_machine_come_from_the_run_cache(project: Project) -> None:
    remote = str(project.root.parent / "remote")
    cv(project, "remote", "add", "--local", "--default", "store", remote)
    cv(project, "push", "--run-cache")

    other = Project(project.root.parent / "other")
    project.run("git", "clone", "--quiet", ".", str(other.root))
    for name in ("data/index.csv", "metrics/index.json"):
        shutil.copy(project.root / name, other.root / name)
    (other.root / "cv/dvc.lock").unlink()
    shutil.rmtree(other.root / "cv/metrics")
    cv(other, "remote", "add", "--local", "--default", "store", remote)
    assert stages_run(cv(other, "repro", "--pull")) == ["cross_validation"]
    assert other.run("git", "status", "--porcelain", "cv/metrics") == ""


def test_folds_copied_by_hand_are_accepted_with_dvc_commit(project: Project) -> None:
    other = Project(project.root.parent / "copied")
    project.run("git", "clone", "--quiet", ".", str(other.root))
    for name in ("data/index.csv", "metrics/index.json"):
        shutil.copy(project.root / name, other.root / name)
    (other.root / "cv/dvc.lock").unlink()
    shutil.copytree(project.root / "cv/folds", other.root / "cv/folds")
    cv(other, "commit", "--force", *(f"{stage}@{number}" for stage in FOLD for number in (0, 1)))
    assert stages_run(cv(other, "repro")) == ["cross_validation"]
    assert other.run("git", "status", "--porcelain", "cv/metrics") == ""


def test_documented_gc_keeps_the_files_of_both_projects_in_a_shared_cache(project: Project) -> None:
    (command,) = re.findall(r"^dvc gc .*$", (ROOT / "docs/experiments.md").read_text(), flags=re.MULTILINE)
    other, cache = Project(project.root.parent / "shared"), project.root.parent / "cache"
    project.run("git", "clone", "--quiet", ".", str(other.root))
    for name in (".dvc/cache", "cv/.dvc/cache"):
        shutil.copytree(project.root / name, cache, dirs_exist_ok=True)
    other.run("dvc", "cache", "dir", "--local", str(cache))
    cv(other, "cache", "dir", "--local", str(cache))
    other.run(*command.split(), "--force")
    other.run("dvc", "checkout", "index")
    cv(other, "checkout")
    for name in ("data/index.csv", "cv/folds/0/models/unet.keras", "cv/folds/1/models/unet.keras"):
        assert (other.root / name).read_bytes() == (project.root / name).read_bytes()


def test_more_folds_than_patients_give_one_message(project: Project) -> None:
    project.set(split={"folds": list(range(7))})
    output = cv(project, "repro", code=255)
    assert output.count("error: split: 6 patient(s) cannot be split into 7 parts. Add patients, or shorten") == 1
    assert "Traceback" not in output
    assert stages_run(output) == ["split@0"]
    project.run("git", "restore", ".")
    cv(project, "checkout")
    assert stages_run(cv(project, "repro")) == []
