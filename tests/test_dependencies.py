"""The order of the rooms, and the pipelines' dependencies against what the stages import."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.project import ROOT

# Imports go down this list, never up.
ROOMS = (
    "cli.py",
    "check.py",
    "view",
    "serve",
    "report",
    "apply",
    "export",
    "figures",
    "evaluation",
    "prediction",
    "scans",
    "training",
    "model",
    "metrics",
    "phantom",
    "dataset",
    "imaging",
    "text_table.py",
    "files.py",
    "writing.py",
    "environment.py",
    "params.py",
    "params_file.py",
    "reading.py",
    "terminal.py",
    "errors.py",
    "released",
)
PIPELINES = {path: yaml.safe_load((ROOT / path).read_text())["stages"] for path in ("data/dvc.yaml", "dvc.yaml")}
STAGES = {name: stage for stages in PIPELINES.values() for name, stage in stages.items()}
CROSS_VALIDATION = yaml.safe_load((ROOT / "cv/dvc.yaml").read_text())["stages"]
FOLD_STAGES = [name for name in CROSS_VALIDATION if name != "cross_validation"]
FOLD = "folds/${item.fold}"  # seen from cv/
SHARED = {"data/index.csv", "held_out"}  # by the folds: it does not depend on the split


def files_of(name: str) -> set[str]:
    """The file of a module; nothing for a package."""
    path = Path(*name.split(".")).with_suffix(".py")
    return {path.as_posix()} if (ROOT / path).is_file() else set()


@cache
def imports_of(path: str) -> set[str]:
    """The files of the project that a file imports, at the top or within a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.split(".")[0] in ("brainseg", "stages"):
                found |= files_of(name)
    return found


@cache
def needed_by(script: str) -> frozenset[str]:
    """Every file of the project that a script reads as code or as data of the package, directly or not."""
    found, waiting = set(), {script}
    while waiting:
        path = waiting.pop()
        found.add(path)
        waiting |= imports_of(path) - found
    data = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("brainseg/*/*") if is_data(path)}
    while more := {path for path in data - found if any(reads(file, path) for file in found)}:
        found |= more  # a template may name others
    return frozenset(found)


def reads(file: str, path: str) -> bool:
    """Whether a file names a data file. Files of the released model are called like those of a run: by their room."""
    name = "brainseg.released" if room_of(path) == "released" else Path(path).name
    return name.encode() in content(file)


@cache
def content(file: str) -> bytes:
    return (ROOT / file).read_bytes()


def is_data(path: Path) -> bool:
    return path.is_file() and path.suffix not in (".py", ".pyc")


def is_code(dependency: str) -> bool:
    return dependency.startswith(("brainseg/", "stages/"))


def members(dependency: str) -> set[str]:
    """The files of a dependency: itself, or the modules and data of a room."""
    path = ROOT / dependency
    if path.is_file():
        return {dependency}
    files = (file for file in path.glob("*") if file.suffix != ".pyc" and file.name != "__init__.py" and file.is_file())
    return {file.relative_to(ROOT).as_posix() for file in files}


def room_of(path: str) -> str:
    return Path(path).parts[1]


def test_every_module_is_in_a_room() -> None:
    modules = [path for path in ROOT.glob("brainseg/**/*.py") if path.parent != ROOT / "brainseg"]
    assert {room_of(path.relative_to(ROOT).as_posix()) for path in modules} == {
        room for room in ROOMS if not room.endswith(".py")
    }
    assert {path.name for path in ROOT.glob("brainseg/*.py")} == {
        "__init__.py",
        *(room for room in ROOMS if room.endswith(".py")),
    }


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_down_the_list_of_rooms(room: str) -> None:
    files = [f"brainseg/{room}"] if room.endswith(".py") else sorted(members(f"brainseg/{room}"))
    for path in files:
        if path.endswith(".py"):
            above = {other for other in imports_of(path) if ROOMS.index(room_of(other)) < ROOMS.index(room)}
            assert not above, f"{path} imports {above}"


def test_no_two_modules_import_each_other() -> None:
    for path in ROOT.glob("brainseg/**/*.py"):
        name = path.relative_to(ROOT).as_posix()
        assert name not in {found for other in imports_of(name) for found in needed_by(other)}, f"{name}: a circle"


@pytest.mark.parametrize("package", [path.parent.relative_to(ROOT) for path in ROOT.glob("brainseg/**/__init__.py")])
def test_package_is_a_docstring_of_one_line(package: Path) -> None:
    body = ast.parse((ROOT / package / "__init__.py").read_text()).body
    assert len(body) == 1
    assert len((ROOT / package / "__init__.py").read_text().splitlines()) == 1


@pytest.mark.parametrize("name", STAGES)
def test_stage_declares_the_rooms_it_imports_from(name: str) -> None:
    declared = {file for dep in STAGES[name]["deps"] if is_code(dep) for file in members(dep)}
    needed = needed_by(f"stages/{name}.py")
    assert needed <= declared, f"stage {name} needs {sorted(needed - declared)}"
    rooms = {dep for dep in STAGES[name]["deps"] if is_code(dep)}
    unused = {dep for dep in rooms if not members(dep) & needed}
    assert not unused, f"stage {name} imports nothing from {sorted(unused)}"


def test_train_declares_exactly_what_it_imports() -> None:
    """Anything else in its rooms would train again for nothing."""
    declared = {file for dep in STAGES["train"]["deps"] if is_code(dep) for file in members(dep)}
    assert declared == needed_by("stages/train.py")


@pytest.mark.parametrize("name", CROSS_VALIDATION)
def test_stage_of_cross_validation_declares_every_file_it_needs(name: str) -> None:
    """Files, not rooms: .dvcignore of the root does not reach a DVC project of its own."""
    declared = {dep for dep in CROSS_VALIDATION[name]["deps"] if is_code(dep.removeprefix("../"))}
    expected = {f"../{path}" for path in needed_by(f"stages/{name}.py")}
    lines = "\n".join(f"    - {dep}" for dep in sorted(expected))
    assert declared == expected, f"cv/dvc.yaml, stage {name}, should list\n{lines}"


@pytest.mark.parametrize("name", STAGES)
def test_stage_runs_its_own_script_and_is_named_like_its_parameters(name: str) -> None:
    assert STAGES[name]["cmd"] == f"python -m stages.{name}"
    assert STAGES[name]["desc"]
    assert name in yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.mark.parametrize("name", FOLD_STAGES)
def test_stage_of_a_fold_is_the_root_s_below_the_folder_of_the_fold(name: str) -> None:
    """The same script, parameters and files; cached outputs only, or the run cache would not know the fold."""
    stage, root = CROSS_VALIDATION[name], STAGES[name]
    assert stage.keys() == {"matrix", "cmd", "deps", "params", "outs"}
    assert stage["matrix"] == {"fold": "${split.folds}"}
    assert stage["cmd"] == f"cd .. && python -m stages.{name} --fold ${{item.fold}}"
    assert stage["params"] == [{"../params.yaml": root["params"]}]
    data = [dep for dep in root["deps"] if not is_code(dep)]
    expected = sorted(f"../{dep}" if dep in SHARED else f"{FOLD}/{dep}" for dep in data)
    assert sorted(dep for dep in stage["deps"] if not is_code(dep.removeprefix("../"))) == expected
    outs = [out if isinstance(out, str) else next(iter(out)) for out in (*root["outs"], *root.get("metrics", ()))]
    expected = sorted(f"{FOLD}/{out}" for out in outs)
    lines = "\n".join(f"    - {out}" for out in expected)
    assert sorted(stage["outs"], key=str) == expected, f"cv/dvc.yaml, outs of stage {name}, should be\n{lines}"


IMPORT_EACH = """
import importlib, sys
for module in sys.argv[1:]:
    importlib.import_module(module)
    found = {"keras", "tensorflow", "jax", "torch"} & set(sys.modules)
    assert not found, f"{module} imports {found}"
"""


def test_programs_start_without_tensorflow() -> None:
    """Those that train and predict import it when they run, after the backend is configured."""
    modules = [*(f"stages.{name}" for name in (*STAGES, "cross_validation")), "brainseg.cli"]
    command = [sys.executable, "-c", IMPORT_EACH, *modules]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
