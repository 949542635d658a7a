"""A finished or killed training is not lost: caches that cannot store, kills, and `dvc repro --force`."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.kills import kill
from tests.project import Project, copy_project

# One thread and float32 start faster; tests/training/test_resume.py keeps the defaults.
SIMPLE = {"deep_supervision": False, "threads": 1, "precision": "float32"}
TINY = {
    "phantom": {"patients": 6, "size": 48},
    "train": {"input_size": 48, "filters": 2, "epochs": 8, **SIMPLE},
}
COMPLETE = "this training is complete after 8 epochs"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """A project whose model was trained without disturbance, and its dvc.lock."""
    project = copy_project(tmp_path_factory.mktemp("work") / "project")
    project.set(**TINY)
    assert project.repro("train") == ["phantom", "index", "split", "train"]
    return project, (project.root / "dvc.lock").read_text()


@pytest.fixture
def project(undisturbed: tuple[Project, str]) -> Project:
    """That project before its training, and without a run cache, which would restore the trained model."""
    project, _ = undisturbed
    for name in ("checkpoint/seed_21/state.npz", "unet.keras", "history.csv", "summary.txt"):
        (project.root / "models" / name).unlink(missing_ok=True)
    project.run("dvc", "repro", "--no-run-cache", "split")
    forget_training(project)
    return project


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


def test_cache_that_cannot_store_does_not_lose_a_finished_training(
    project: Project, undisturbed: tuple[Project, str]
) -> None:
    blocked = project.root.parent / "blocked"
    blocked.write_text("a file where the folder of the cache should be")
    project.run("dvc", "cache", "dir", "--local", str(blocked / "cache"))
    output = repro(project, "--single-item", "train", code=255)
    assert "models/unet.keras written" in output
    assert "Not a directory" in output
    project.run("dvc", "cache", "dir", "--local", "--unset")

    output = repro(project, "train")
    assert COMPLETE in output
    assert "epoch   1/8" not in output
    assert (project.root / "dvc.lock").read_text() == undisturbed[1]


def test_forced_training_killed_in_three_ways_ends_like_an_undisturbed_one(undisturbed: tuple[Project, str]) -> None:
    """`--force` trains again from the first epoch; predict deletes the state. benchmarks/kills.py kills at random."""
    project, lock = undisturbed
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

    assert state_is_there(project)
    repro(project, "predict")
    assert not state_is_there(project)
    assert (project.root / "models/unet.keras").exists()
