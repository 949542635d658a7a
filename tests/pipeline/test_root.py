"""The real thing: `dvc repro` in a copy of the project, on a few small synthetic patients."""

import json
import shutil

import cv2
import pandas as pd
import pytest

from tests.project import Project, copy_project

STAGES = ["phantom", "index", "split", "train", "predict", "evaluate", "visualise"]
TINY = {
    "phantom": {"patients": 6, "size": 64},
    "split": {"folds": [0, 1, 2]},
    "train": {"input_size": 64, "filters": 4, "epochs": 2},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny pipeline, reproduced once and committed."""
    project = copy_project(tmp_path_factory.mktemp("pipeline") / "project")
    project.set(**TINY)
    assert project.repro() == STAGES
    project.run("git", "add", "--all")
    project.run("git", "commit", "--quiet", "--message", "the tiny run")
    return project


def test_second_reproduction_runs_nothing(project: Project) -> None:
    assert "Data and pipelines are up to date." in project.run("dvc", "repro")
    assert project.run("git", "status", "--porcelain") == ""


def test_git_holds_tables_and_metrics_and_no_picture_and_no_data(project: Project) -> None:
    tracked = project.run("git", "ls-files").split()
    for name in ("dvc.lock", "data/dvc.lock", "metrics/evaluate.json", "metrics/patients.csv", "plots/history.csv"):
        assert name in tracked
    assert not [name for name in tracked if name.endswith((".tif", ".png", ".npz", ".keras")) and "docs/" not in name]


def test_forced_reproduction_gives_the_same_bytes(project: Project) -> None:
    """Model, probabilities, metrics, tables and pictures: dvc.lock holds a digest of each."""
    before = [(project.root / name).read_bytes() for name in ("dvc.lock", "data/dvc.lock")]
    assert project.repro("--force") == STAGES
    assert [(project.root / name).read_bytes() for name in ("dvc.lock", "data/dvc.lock")] == before
    assert project.run("git", "status", "--porcelain") == ""


def test_changed_threshold_scores_and_draws_anew_but_does_not_train(project: Project) -> None:
    project.set(evaluate={"threshold": 0.3})
    assert project.repro() == ["evaluate", "visualise"]
    assert project.json("metrics/evaluate.json")["threshold"] == 0.3
    assert "evaluate.threshold" in project.run("dvc", "params", "diff")
    assert "threshold" in project.run("dvc", "metrics", "diff")
    assert "test patients in both" in project.run("brainseg", "compare", "HEAD")
    project.set(evaluate={"threshold": "validation"})
    project.run("dvc", "repro")
    assert project.run("git", "status", "--porcelain", "metrics", "plots") == ""


def test_run_cache_restores_a_training_that_was_done_before(project: Project) -> None:
    model = (project.root / "models/unet.keras").read_bytes()
    project.set(train={"seed": 1})
    assert "train" in project.repro("train")
    assert (project.root / "models/unet.keras").read_bytes() != model
    project.set(train={"seed": 21})
    assert "train" not in project.repro()
    assert (project.root / "models/unet.keras").read_bytes() == model


def test_data_elsewhere_trains_nothing_and_one_changed_pixel_trains(project: Project) -> None:
    elsewhere = project.root.parent / "elsewhere"
    shutil.copytree(project.root / "data/phantom", elsewhere)
    project.set(data={"root": str(elsewhere)})
    assert "index" in project.repro()
    assert "train" not in project.run("dvc", "status")

    index = pd.read_csv(project.root / "data/index.csv")
    picture = elsewhere / index.image_path[len(index) // 2]
    pixels = cv2.imread(str(picture), cv2.IMREAD_UNCHANGED)
    pixels[10, 10, 0] ^= 1
    cv2.imwrite(str(picture), pixels)
    project.run("dvc", "repro", "split")
    assert "data/index.csv" in project.run("dvc", "status", "train")

    project.set(data={"root": "data/phantom"})
    project.run("dvc", "repro")


def test_commands_that_compare_work_offline(project: Project) -> None:
    assert "dice_mean" in project.run("dvc", "metrics", "show")
    assert "index" in project.run("dvc", "dag")
    assert "Experiment" in project.run("dvc", "exp", "show", "--csv")
    project.run("dvc", "plots", "show")
    page = (project.root / "dvc_plots/index.html").read_text()
    assert 'src="http' not in page
    for name in ("learning_curve.png", "predictions.png", "patients.png", "index_slices.png", "bland_altman.png"):
        assert name in page


def test_metric_names_differ_across_files(project: Project) -> None:
    """DVC shows all files in one table and renames columns that would collide."""
    names = [name for path in sorted(project.root.glob("metrics/*.json")) for name in json.loads(path.read_text())]
    assert len(names) > 40
    assert len(names) == len(set(names))


def test_every_image_that_the_plots_page_shows_exists(project: Project) -> None:
    for name in ("learning_curve", "predictions", "patients", "index_slices", "bland_altman"):
        picture = cv2.imread(str(project.root / f"plots/pictures/{name}.png"))
        assert picture is not None
        assert picture.std() > 0


def test_failing_stage_says_how_to_get_the_last_good_outputs_back(project: Project) -> None:
    """A stage cannot write its picture: one message, and the old outputs come back as it says."""
    project.set(visualise={"seed": 1})
    blocked = project.root / "plots/pictures/learning_curve.png"
    message = project.run("python", "-c", BLOCKED_WRITE, code=1)
    assert "No space left on device" in message
    assert "dvc checkout && git restore metrics plots" in message
    assert "Traceback" not in message
    assert not list(project.root.glob("plots/pictures/.*.png"))
    blocked.unlink(missing_ok=True)
    project.set(visualise={"seed": 21})
    project.run("dvc", "checkout")
    assert blocked.exists()


# A full disk, for whoever writes a PNG.
BLOCKED_WRITE = """
import pathlib, runpy, sys
def full(self, target):
    raise OSError(28, "No space left on device")
pathlib.Path.replace = full
sys.argv = ["visualise"]
runpy.run_module("stages.visualise", run_name="__main__")
"""
