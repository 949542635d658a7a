"""The real thing: `dvc repro cv/dvc.yaml` in a copy of the project, two folds of a few small synthetic patients."""

import json
import shutil
import sys

import cv2
import pandas as pd
import pytest
from project import ROOT, Project, copy_project

TINY = {
    "phantom": {"patients": 6, "size": 64},
    "split": {"folds": [0, 1]},
    "train": {"size": 64, "filters": 4, "epochs": 1},
}
FOLD = ["split", "train", "predict", "evaluate"]
# A python that cannot train fold 1.
FAILING = """\
#!/bin/sh
case "$*" in *"stages.train --out cv/folds/1"*) echo "the power failed" >&2; exit 1;; esac
exec {python} "$@"
"""


def stages_run(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str, str]:
    """A project whose fold 1 failed in a first run, and what this run and the next one printed."""
    project = copy_project(tmp_path_factory.mktemp("folds") / "project")
    project.set(**TINY)
    path, failing = project.environment["PATH"], project.root.parent / "failing"
    failing.mkdir()
    (failing / "python").write_text(FAILING.format(python=sys.executable))
    (failing / "python").chmod(0o755)
    project.environment["PATH"] = f"{failing}:{path}"
    first = project.run("dvc", "repro", "--keep-going", "cv/dvc.yaml", code=255)
    project.environment["PATH"] = path
    second = project.run("dvc", "repro", "cv/dvc.yaml")
    project.run("git", "add", "--all")
    project.run("git", "commit", "--quiet", "--message", "two folds")
    return project, first, second


@pytest.fixture(scope="module")
def project(runs: tuple[Project, str, str]) -> Project:
    return runs[0]


def test_fold_that_fails_leaves_the_others_and_only_it_runs_again(runs: tuple[Project, str, str]) -> None:
    _, first, second = runs
    done = {"data/dvc.yaml:phantom", "index", *(f"cv/dvc.yaml:{stage}@0" for stage in FOLD)}
    assert set(stages_run(first)) == done | {"cv/dvc.yaml:split@1", "cv/dvc.yaml:train@1"}
    assert "the power failed" in first
    assert stages_run(second) == [*(f"cv/dvc.yaml:{stage}@1" for stage in FOLD[1:]), "cv/dvc.yaml:pool"]


def test_second_reproduction_runs_nothing(project: Project) -> None:
    assert project.repro("cv/dvc.yaml") == []
    assert project.run("git", "status", "--porcelain") == ""


def test_every_patient_is_scored_once_by_a_network_that_never_saw_them(project: Project) -> None:
    patients = pd.read_csv(project.root / "cv/metrics/patients.csv")
    index = pd.read_csv(project.root / "data/index.csv")
    assert sorted(patients.patient_id) == sorted(set(index.patient_id))
    for number, scored in patients.groupby("fold").patient_id:
        split = pd.read_csv(project.root / f"cv/folds/{number}/data/split.csv")
        assert set(split.patient_id[split.subset == "test"]) == set(scored)
        assert not set(split.patient_id[split.subset != "test"]) & set(scored)
        maps = {path.stem for path in project.root.glob(f"cv/folds/{number}/data/predictions/*.npz")}
        assert maps == set(split.patient_id[split.subset != "train"])


def test_tables_are_of_the_folds(project: Project) -> None:
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


def test_git_holds_the_pooled_tables_and_nothing_of_a_fold(project: Project) -> None:
    tracked = project.run("git", "ls-files", "cv").split()
    tables = [f"cv/metrics/{name}" for name in ("cross_validation.json", "folds.csv", "patients.csv", "sites.csv")]
    assert sorted(tracked) == ["cv/.gitignore", "cv/dvc.lock", "cv/dvc.yaml", *tables]


def test_metric_names_differ_from_those_of_the_other_files(project: Project) -> None:
    names = set(project.json("cv/metrics/cross_validation.json"))
    for path in sorted(ROOT.glob("metrics/*.json")):
        assert not names & set(json.loads(path.read_text()))


def test_root_pipeline_neither_runs_nor_shows_the_folds(project: Project) -> None:
    root = ["split", "train", "predict", "evaluate", "visualise"]
    wanted = project.run("dvc", "dag", "--dot", "visualise")
    assert all(f'"{stage}"' in wanted for stage in root)
    assert "cv/" not in wanted
    assert "cv/" not in project.run("dvc", "repro", "--dry", "--keep-going", code=255)  # data/split.csv is not there
    assert "cv_" not in project.run("dvc", "metrics", "show", code=1)  # neither are the metrics of the root


def test_two_cross_validations_are_compared_where_asked_for(project: Project) -> None:
    path = project.root / "cv/metrics/cross_validation.json"
    before = path.read_text()
    path.write_text(json.dumps(json.loads(before) | {"cv_dice_mean": 0.9875}))
    difference = project.run("dvc", "metrics", "diff", "--targets", "cv/metrics/cross_validation.json")
    assert [line.split()[1] for line in difference.splitlines() if "0.9875" in line] == ["cv_dice_mean"]
    path.write_text(before)


def test_folds_of_another_machine_come_out_of_the_run_cache(project: Project) -> None:
    remote = project.root.parent / "remote"
    project.run("dvc", "remote", "add", "--local", "--default", "store", str(remote))
    project.run("dvc", "push", "--run-cache", *(f"cv/dvc.yaml:{stage}@{k}" for stage in FOLD for k in range(2)))

    other = Project(project.root.parent / "other")
    project.run("git", "clone", "--quiet", ".", str(other.root))
    shutil.copytree(project.root / "data/phantom", other.root / "data/phantom")
    shutil.copy(project.root / "data/index.csv", other.root / "data/index.csv")
    shutil.copy(project.root / "metrics/index.json", other.root / "metrics/index.json")
    (other.root / "cv/dvc.lock").unlink()
    shutil.rmtree(other.root / "cv/metrics")
    other.run("dvc", "remote", "add", "--local", "--default", "store", str(remote))
    other.run("dvc", "fetch", "--run-cache")
    ran = stages_run(other.run("dvc", "repro", "cv/dvc.yaml"))
    assert not [name for name in ran if "train" in name or "predict" in name or "evaluate" in name]
    assert other.run("git", "status", "--porcelain") == ""


def test_more_folds_than_patients_is_one_message(project: Project) -> None:
    project.set(split={"folds": list(range(7))})
    output = project.run("dvc", "repro", "cv/dvc.yaml", code=255)
    assert output.count("error: split: 7 parts wanted from 6 patients. Shorten split.folds") == 1
    assert "Traceback" not in output
    assert stages_run(output) == ["cv/dvc.yaml:split@0"]
    project.run("git", "restore", ".")
    project.run("dvc", "checkout")
    assert project.repro("cv/dvc.yaml") == []
