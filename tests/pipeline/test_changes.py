"""Which stages DVC runs again after a change to the code, the parameters or the data.

Nothing is trained: every declared output is a placeholder that `dvc commit` records as the result of its stage. `dvc
status` then reports the stages whose own dependencies or parameters have changed. Later stages follow where outputs
change.
"""

import os
from collections.abc import Iterator
from unittest.mock import patch

import pytest
import yaml
from dvc.repo import Repo

from tests.project import Project, copy_project

# One module or file per dependency -> the stages that depend on it.
FILES = {
    "brainseg/cli.py": set(),
    "brainseg/serve/app.py": set(),
    "brainseg/view/server.py": set(),
    "brainseg/apply/cases.py": set(),
    "brainseg/export/card.py": {"package"},
    "brainseg/scans/grid.py": set(),
    "brainseg/released/__init__.py": set(),
    "brainseg/report/style.css": {"visualise"},
    "brainseg/figures/sheet.py": {"index", "visualise"},
    "brainseg/evaluation/summary.py": {"evaluate", "visualise", "package"},
    "brainseg/prediction/postprocessing.py": {"predict", "evaluate", "visualise", "package"},
    "brainseg/training/augmentation.py": {"train"},
    "brainseg/model/unet.py": {"train", "predict", "package"},
    "brainseg/metrics/surface.py": {"evaluate", "visualise", "package"},
    "brainseg/phantom/anatomy.py": {"phantom", "package"},
    "brainseg/dataset/pairing.py": {"index", "split", "visualise", "package"},
    "brainseg/imaging/preprocessing.py": {"phantom", "index", "train", "predict", "evaluate", "visualise", "package"},
    "brainseg/files.py": {"phantom", "index", "split", "train", "predict", "evaluate", "visualise", "package"},
    "stages/evaluate.py": {"evaluate"},
    "held_out/lgg-70.txt": {"split"},
}
# Parameters of every section, several where stages share a section -> its new value, the stages that depend on it.
PARAMETERS = {
    "phantom.seed": (8, {"phantom"}),
    "data.root": ("held_out", {"index"}),
    "index.seed": (1, {"index"}),
    "split.seed": (1, {"split", "visualise"}),
    "split.strategy": ("slice", {"split", "evaluate", "visualise", "package"}),
    "split.folds": ([0, 1], {"split", "visualise"}),  # whose outputs stay the same: tests/stages/test_split.py
    "train.epochs": (3, {"train", "visualise", "package"}),
    "train.seed": (1, {"train", "visualise", "package"}),
    "train.threads": (1, {"train", "predict", "visualise", "package"}),
    "package.weights_licence": ("MIT", {"package"}),
    "predict.batch_size": (1, {"predict", "visualise"}),
    "evaluate.threshold": (0.5, {"evaluate", "visualise"}),
    "visualise.slices": (3, {"visualise"}),
}
# What Python, editors, notebooks and operating systems leave beside a module.
NOT_CODE = (
    "__pycache__/overlap.cpython-311.pyc",
    ".mypy_cache/overlap.json",
    ".ruff_cache/overlap",
    ".ipynb_checkpoints/overlap-checkpoint.py",
    ".vscode/settings.json",
    ".idea/workspace.xml",
    "overlap.py~",
    ".overlap.py.swp",
    ".#overlap.py",
    "#overlap.py#",
    "overlap.py.orig",
    "overlap.py.rej",
    "overlap.py.bak",
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
)


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose dvc.lock describes its code, its parameters and placeholder outputs."""
    project = copy_project(tmp_path_factory.mktemp("changes") / "project")
    for pipeline in ("data/dvc.yaml", "dvc.yaml"):
        for stage in yaml.safe_load((project.root / pipeline).read_text())["stages"].values():
            for out in (*stage.get("outs", ()), *stage.get("metrics", ())):
                path = project.root / (out if isinstance(out, str) else next(iter(out)))
                path = path if path.suffix else path / "placeholder"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("placeholder")
    project.run("dvc", "commit", "--force")
    project.commit("placeholders")
    assert changed_stages(project) == set()
    return project


@pytest.fixture
def project(committed: Project) -> Iterator[Project]:
    """That project, restored after each test."""
    yield committed
    committed.run("git", "restore", ".")
    committed.run("git", "clean", "--force", "-x", "--quiet", "brainseg")


def changed_stages(project: Project) -> set[str]:
    """The stages with a changed dependency or parameter; what `dvc status` prints, without starting a process."""
    with patch.dict(os.environ, project.environment, clear=True), Repo(project.root) as repo:
        return {name.split(":")[-1] for name in repo.status()}


@pytest.mark.parametrize("path", FILES)
def test_changed_file_runs_the_stages_that_use_it(project: Project, path: str) -> None:
    with (project.root / path).open("a") as file:
        file.write("# a comment\n")
    assert changed_stages(project) == FILES[path]


@pytest.mark.parametrize("name", PARAMETERS)
def test_changed_parameter_runs_the_stages_that_read_it(project: Project, name: str) -> None:
    section, key = name.split(".")
    value, stages = PARAMETERS[name]
    project.set(**{section: {key: value}})
    assert changed_stages(project) == stages


def test_every_room_and_every_section_is_tried(project: Project) -> None:
    rooms = {path.name for path in (project.root / "brainseg").iterdir() if path.is_dir()}
    assert {path.split("/")[1] for path in FILES if path.count("/") == 2} == rooms
    assert {name.split(".")[0] for name in PARAMETERS} == set(
        yaml.safe_load((project.root / "params.yaml").read_text())
    )


def test_files_that_are_not_code_run_nothing(project: Project) -> None:
    rooms = [path for path in (project.root / "brainseg").iterdir() if path.is_dir()]
    for room in rooms:
        for name in NOT_CODE:
            (room / name).parent.mkdir(exist_ok=True)
            (room / name).write_text("not code")
    with (project.root / "held_out/README.md").open("a") as file:
        file.write("A sentence.\n")
    assert changed_stages(project) == set()


def test_new_module_runs_the_stages_of_its_room(project: Project) -> None:
    (project.root / "brainseg/training/sampling.py").write_text('"""New."""\n')
    assert changed_stages(project) == {"train"}


def test_freezing_a_stage_adds_one_line_and_unfreezing_removes_it(project: Project) -> None:
    """DVC cannot freeze stages with a parameter in their entry: index, and those of a fold."""
    stages = ["data/dvc.yaml:phantom", "split", "train", "predict", "evaluate", "visualise", "package"]
    project.run("dvc", "freeze", *stages)
    project.run("dvc", "--cd", "cv", "freeze", "cross_validation")
    assert project.run("git", "diff", "--numstat").split() == [
        *("1", "0", "cv/dvc.yaml"),
        *("1", "0", "data/dvc.yaml"),
        *("6", "0", "dvc.yaml"),
    ]
    project.run("dvc", "unfreeze", *stages)
    project.run("dvc", "--cd", "cv", "unfreeze", "cross_validation")
    assert project.run("git", "diff") == ""


def test_adding_a_stage_changes_no_other_line(project: Project) -> None:
    project.run("dvc", "stage", "add", "--name", "mine", "--deps", "data/split.csv", "--outs", "data/mine.csv", "true")
    removed = project.run("git", "diff", "--numstat", "dvc.yaml").split()[1]
    assert removed == "0"


def test_clone_with_automatic_line_ends_has_the_same_bytes(project: Project) -> None:
    """Git for Windows sets core.autocrlf; with other line ends no digest in dvc.lock would fit."""
    clone = project.root.parent / "autocrlf"
    project.run("git", "clone", "--quiet", "--config", "core.autocrlf=true", ".", str(clone))
    names = project.run("git", "ls-files").splitlines()
    assert len(names) > 200
    assert [name for name in names if (clone / name).read_bytes() != (project.root / name).read_bytes()] == []
