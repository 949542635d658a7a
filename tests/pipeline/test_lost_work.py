"""A finished or killed training is not lost: caches that cannot store, kills, and `dvc repro --force`."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from benchmarks.kills import kill
from benchmarks.resume import outputs
from tests.project import Project, copy_project

# A network that starts fast; tests/training/test_resume.py keeps the defaults.
SIMPLE = {"block": "plain", "deep_supervision": False, "threads": 1, "precision": "float32"}
TINY = {
    "phantom": {"patients": 6, "size": 32},
    "train": {"input_size": 32, "filters": 2, "epochs": 8, **SIMPLE},
}


class Runs(NamedTuple):
    """A project whose model was trained without disturbance, in the first of two runs of `dvc repro train`.

    Attributes:
        project: after both runs.
        first: what the first run printed; its cache could not store the model.
        trained: the files that the training wrote in the first run.
        second: what the second run printed.
    """

    project: Project
    first: str
    trained: list[bytes]
    second: str


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    project = copy_project(tmp_path_factory.mktemp("work") / "project")
    project.set(**TINY)
    assert project.repro("split") == ["phantom", "index", "split"]
    blocked = project.root.parent / "blocked"
    blocked.write_text("a file where the folder of the cache should be")
    project.run("dvc", "cache", "dir", "--local", str(blocked / "cache"))
    first = repro(project, "--single-item", "train", code=255)
    trained = outputs(project.root)
    project.run("dvc", "cache", "dir", "--local", "--unset")
    return Runs(project, first, trained, second=repro(project, "train"))


def forget_training(project: Project) -> None:
    """Remove the training and what follows from dvc.lock; otherwise DVC would restore the trained model."""
    lock = (project.root / "dvc.lock").read_text()
    (project.root / "dvc.lock").write_text(lock[: lock.index("  train:")])


def state_is_there(project: Project) -> bool:
    return (project.root / "models/checkpoint/seed_21/state.npz").exists()


def repro(project: Project, *arguments: str, code: int = 0) -> str:
    return project.run("dvc", "repro", "--no-run-cache", *arguments, code=code)


@contextmanager
def killed(
    project: Project, target: str, number: signal.Signals, *arguments: str, after: str = "epoch "
) -> Iterator[subprocess.Popen[str]]:
    """`dvc repro train`, to which a signal is sent after it has printed a line that starts with `after`."""
    process = subprocess.Popen(
        ["dvc", "repro", "--no-run-cache", *arguments, "train"],
        cwd=project.root,
        env={**project.environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        assert next((line for line in process.stdout if line.startswith(after)), None)
        kill(process, target, number)
        yield process


def killed_and_read(project: Project, target: str, number: signal.Signals, *arguments: str, **options: str) -> str:
    """What it prints from then on, until all its processes have ended; arguments as those of `killed`."""
    with killed(project, target, number, *arguments, **options) as process:
        assert process.stdout is not None
        return process.stdout.read()


def test_cache_that_cannot_store_does_not_lose_a_finished_training(runs: Runs) -> None:
    assert "models/unet.keras written" in runs.first
    assert "Not a directory" in runs.first
    assert "this training is complete after 8 epochs" in runs.second
    assert "epoch   1/8" not in runs.second
    assert outputs(runs.project.root) == runs.trained


def test_forced_training_killed_in_three_ways_ends_like_an_undisturbed_one(runs: Runs) -> None:
    """`--force` trains again from the first epoch. benchmarks/kills.py kills at random."""
    project = runs.project
    lock = (project.root / "dvc.lock").read_text()
    assert state_is_there(project), "kept until dvc.lock records the model, which it does by now"
    killed_and_read(project, "group", signal.SIGTERM, "--force", "--single-item", after="epoch   1/8")
    forget_training(project)

    printed = killed_and_read(project, "stage", signal.SIGINT)
    assert "interrupted: run the same command again (dvc repro): the training goes on from epoch " in printed
    assert "Traceback" not in printed

    with killed(project, "dvc", signal.SIGKILL) as process:
        process.wait()  # its stage goes on, and the next run waits for it
        output = repro(project, "train")
    assert output.count("models/unet.keras written") == 1
    assert (project.root / "dvc.lock").read_text() == lock
    assert state_is_there(project), "until the stage predict, see tests/pipeline/test_root.py"
