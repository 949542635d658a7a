"""`dvc repro` in a copy of the project, on a few small synthetic patients."""

import json
import shutil

import cv2
import pandas as pd
import pytest

from brainseg.export.bundle import read_bundle
from tests.project import Project, copy_project

FIGURES = ("bland_altman.png", "index_slices.png", "learning_curve.png", "patients.png", "predictions.png")
STAGES = ["phantom", "index", "split", "train", "predict", "evaluate", "visualise", "package"]
TINY = {
    "phantom": {"patients": 6, "size": 64},
    "split": {"folds": [0, 1, 2]},
    "train": {"input_size": 64, "filters": 4, "epochs": 2},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose small pipeline was reproduced once and committed."""
    project = copy_project(tmp_path_factory.mktemp("pipeline") / "project")
    project.set(**TINY)
    assert project.repro() == STAGES
    project.commit("the first run")
    return project


def test_second_reproduction_runs_nothing(project: Project) -> None:
    assert "Data and pipelines are up to date." in project.run("dvc", "repro")
    assert project.run("git", "status", "--porcelain") == ""


def test_state_of_the_training_is_gone(project: Project) -> None:
    """The stage predict deletes it. Before, it is kept: tests/pipeline/test_lost_work.py."""
    assert not (project.root / "models/checkpoint").exists()


def test_live_history_ends_as_the_history_and_may_be_missing(project: Project) -> None:
    """The table that grows while training is no declared output, so a fresh clone has none."""
    live = project.root / "plots/live/history.csv"
    assert live.read_bytes() == (project.root / "models/history.csv").read_bytes()
    plots = json.loads(project.run("dvc", "plots", "show", "--json"))["data"]
    values = plots["plots/live/history.csv"][0]["content"]["data"]["values"]
    assert {row["field"] for row in values} == {"loss", "val_loss", "dice", "val_dice"}
    moved = live.rename(project.root.parent / "history.csv")
    output = project.run("dvc", "plots", "diff", "HEAD", "--json")
    assert "errors" not in json.loads(output)
    assert "failed" not in project.run("dvc", "plots", "show")
    assert "up to date" in project.run("dvc", "status")
    moved.rename(live)


def test_git_tracks_tables_and_metrics_but_no_figures_and_no_data(project: Project) -> None:
    tracked = project.run("git", "ls-files").split()
    for name in ("dvc.lock", "data/dvc.lock", "metrics/evaluate.json", "metrics/patients.csv", "plots/history.csv"):
        assert name in tracked
    data = [name for name in tracked if name.endswith((".tif", ".png", ".npz", ".keras")) and "docs/" not in name]
    assert data == ["brainseg/released/unet.keras"]


def test_forced_reproduction_gives_the_same_bytes(project: Project) -> None:
    """Model, probabilities, metrics, tables and figures: dvc.lock holds a digest of each."""
    before = [(project.root / name).read_bytes() for name in ("dvc.lock", "data/dvc.lock")]
    assert project.repro("--force") == STAGES
    assert [(project.root / name).read_bytes() for name in ("dvc.lock", "data/dvc.lock")] == before
    assert project.run("git", "status", "--porcelain") == ""


def test_changed_threshold_runs_evaluate_and_visualise_but_not_train(project: Project) -> None:
    project.set(evaluate={"threshold": 0.3})
    assert project.repro("visualise") == ["evaluate", "visualise"]
    assert "package" in project.run("dvc", "status")
    assert project.json("metrics/evaluate.json")["threshold"] == 0.3
    assert "evaluate.threshold" in project.run("dvc", "params", "diff")
    assert "threshold" in project.run("dvc", "metrics", "diff")
    assert "test patients in both" in project.run("brainseg", "compare", "HEAD")
    project.set(evaluate={"threshold": "validation"})
    project.run("dvc", "repro", "visualise")
    assert project.run("git", "status", "--porcelain", "metrics", "plots") == ""


def test_run_cache_restores_an_earlier_training(project: Project) -> None:
    model = (project.root / "models/unet.keras").read_bytes()
    project.set(train={"epochs": 1, "deep_supervision": False, "block": "plain"})  # which trains faster
    assert "train" in project.repro("train")
    assert (project.root / "models/unet.keras").read_bytes() != model
    project.set(train={"epochs": 2, "deep_supervision": True, "block": "residual"})
    assert "train" not in project.repro()
    assert (project.root / "models/unet.keras").read_bytes() == model


def test_moved_data_does_not_train_but_one_changed_pixel_does(project: Project) -> None:
    elsewhere = project.root.parent / "elsewhere"
    shutil.copytree(project.root / "data/phantom", elsewhere)
    project.set(data={"root": str(elsewhere)})
    assert "index" in project.repro()
    assert "train" not in project.run("dvc", "status")

    index = pd.read_csv(project.root / "data/index.csv")
    image_path = str(elsewhere / index.image_path[len(index) // 2])
    pixels = cv2.imread(image_path, cv2.IMREAD_UNCHANGED)
    pixels[10, 10, 0] ^= 1
    cv2.imwrite(image_path, pixels)
    project.run("dvc", "repro", "split")
    assert "data/index.csv" in project.run("dvc", "status", "train")

    project.set(data={"root": "data/phantom"})
    project.run("dvc", "repro")


def test_commands_that_compare_work_offline(project: Project) -> None:
    assert "dice_mean" in project.run("dvc", "metrics", "show")
    assert "index" in project.run("dvc", "dag")
    assert "Experiment" in project.run("dvc", "exp", "show", "--csv")
    assert "failed" not in project.run("dvc", "plots", "show")
    page = (project.root / "dvc_plots/index.html").read_text()
    assert 'src="http' not in page
    for name in ("bland_altman.png", "patients.png", "predictions.png", "Latest training in this folder"):
        assert name in page


def test_tagged_model_is_downloaded_by_its_name(project: Project) -> None:
    project.run("git", "tag", "--annotate", "glioma-unet@v1.0.0", "--message", "a model")
    copy = project.root.parent / "downloaded"
    project.run("dvc", "artifacts", "get", ".", "glioma-unet", "--rev", "v1.0.0", "--out", str(copy))
    bundle = read_bundle(copy)
    assert bundle.keras_model.read_bytes() == (project.root / "models/unet.keras").read_bytes()
    assert bundle.operating_point.read_bytes() == (project.root / "models/operating_point.json").read_bytes()
    dice = project.json("metrics/evaluate.json")["dice_mean"]
    assert bundle.metadata["eval_metrics"]["dice_mean"] == dice
    assert f"| Dice | {dice:.3f} (" in bundle.card.read_text()
    assert "of no use for real scans" in bundle.card.read_text()


def test_tagged_model_is_downloaded_from_a_remote(project: Project) -> None:
    """The commands of docs/experiments.md."""
    store, clone = project.root.parent / "store", project.root.parent / "clone"
    project.run("dvc", "remote", "add", "--default", "--local", "store", str(store))
    project.run("dvc", "push", "package")
    project.run("dvc", "remote", "remove", "--local", "store")
    project.run("git", "clone", "--quiet", ".", str(clone))
    copy, remote = project.root.parent / "from_remote", ("--remote", "store", "--remote-config", f"url={store}")
    project.run("dvc", "artifacts", "get", str(clone), "glioma-unet", *remote, "--out", str(copy))
    assert read_bundle(copy).metadata["name"] == "glioma-unet"


def test_metric_names_differ_across_files(project: Project) -> None:
    """DVC shows all files in one table, so they are few, and renames columns that would collide."""
    names = [name for path in sorted(project.root.glob("metrics/*.json")) for name in json.loads(path.read_text())]
    assert len(names) == len(set(names)) == 23
    shown = project.run("dvc", "metrics", "show").splitlines()[0].split()
    assert set(shown) == {"Path", *names}


def test_figures_of_the_plots_page_are_not_blank(project: Project) -> None:
    for name in FIGURES:
        pixels = cv2.imread(str(project.root / "plots/pictures" / name))
        assert pixels is not None
        assert pixels.std() > 0


def test_failing_stage_says_how_to_restore_the_last_good_outputs(project: Project) -> None:
    """A stage that cannot write its figure fails with one message, whose commands restore the old outputs."""
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


# The stage visualise on a full disk.
BLOCKED_WRITE = """
import pathlib, runpy, sys
def full(self, target):
    raise OSError(28, "No space left on device")
pathlib.Path.replace = full
sys.argv = ["visualise"]
runpy.run_module("stages.visualise", run_name="__main__")
"""
