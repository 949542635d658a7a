"""The pipelines against the code: a stage depends on every module it imports, and light stages stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PIPELINES = {path: yaml.safe_load((ROOT / path).read_text())["stages"] for path in ("data/dvc.yaml", "dvc.yaml")}
STAGES = {name: stage for stages in PIPELINES.values() for name, stage in stages.items()}
CROSS_VALIDATION = yaml.safe_load((ROOT / "cv/dvc.yaml").read_text())["stages"]
EVERY_STAGE = [
    (path, name) for path, stages in (*PIPELINES.items(), ("cv/dvc.yaml", CROSS_VALIDATION)) for name in stages
]
FOLD = "cv/folds/${item.fold}"
SHARED = {"data/index.csv", "held_out"}  # by the folds: it does not depend on the split


def module_files(name: str) -> list[Path]:
    """The files that importing a module of this project reads: its packages' and its own."""
    parts = name.split(".")
    packages = [Path(*parts[: i + 1], "__init__.py") for i in range(len(parts))]
    return [path for path in [*packages, Path(*parts).with_suffix(".py")] if (ROOT / path).exists()]


def imported_files(script: Path) -> set[Path]:
    """Every file of the project that a script imports, directly or not, at the top or within a function."""
    found: set[Path] = set()
    waiting = module_files(".".join(script.with_suffix("").parts))
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            waiting += [
                path for name in names if name.split(".")[0] in ("brainseg", "stages") for path in module_files(name)
            ]
    return found


@pytest.mark.parametrize(("pipeline", "name"), EVERY_STAGE)
def test_stage_depends_on_every_module_it_imports(pipeline: str, name: str) -> None:
    stage = (CROSS_VALIDATION if pipeline == "cv/dvc.yaml" else STAGES)[name]
    declared = {dep for dep in stage["deps"] if dep.endswith(".py")}
    expected = {path.as_posix() for path in imported_files(Path("stages", f"{name}.py"))}
    lines = "\n".join(f"      - {dep}" for dep in sorted(expected))
    assert declared == expected, f"{pipeline}, stage {name}, should list\n{lines}"


@pytest.mark.parametrize("name", STAGES)
def test_stage_runs_its_own_script_and_is_named_like_its_parameters(name: str) -> None:
    assert STAGES[name]["cmd"] == f"python -m stages.{name}"
    assert name in yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.mark.parametrize("name", [name for name in CROSS_VALIDATION if name != "pool"])
def test_stage_of_a_fold_is_the_root_s_below_the_folder_of_the_fold(name: str) -> None:
    """The same script, parameters and files; cached outputs only, or the run cache would not know the fold."""
    stage, root = CROSS_VALIDATION[name], STAGES[name]
    number = " --fold ${item.fold}" if name == "split" else ""
    assert stage["cmd"] == f"python -m stages.{name}{number} --out {FOLD}"
    assert (stage["matrix"], stage["wdir"]) == ({"fold": "${split.folds}"}, "..")
    assert stage["params"] == root["params"]
    data = {dep for dep in root["deps"] if not dep.endswith(".py")}
    below = {dep if dep in SHARED else f"{FOLD}/{dep}" for dep in data}
    assert {dep for dep in stage["deps"] if not dep.endswith(".py")} == below
    outs = [out if isinstance(out, str) else next(iter(out)) for out in (*root["outs"], *root.get("metrics", ()))]
    lines = "\n".join(f"      - {FOLD}/{out}" for out in sorted(outs))
    assert sorted(stage["outs"], key=str) == [f"{FOLD}/{out}" for out in sorted(outs)], f"outs should be\n{lines}"
    assert stage.keys() <= {"matrix", "wdir", "cmd", "deps", "params", "outs"}


def test_pool_shows_up_in_no_table_of_a_project_that_never_ran_it() -> None:
    """Metrics and plots that are declared and not there make `dvc metrics show` and `dvc plots show` complain."""
    content = yaml.safe_load((ROOT / "cv/dvc.yaml").read_text())
    assert not {"metrics", "plots"} & {*content, *content["stages"]["pool"]}


@pytest.mark.parametrize(
    "module",
    [
        "stages.phantom",
        "stages.index",
        "stages.split",
        "stages.evaluate",
        "stages.visualise",
        "stages.pool",
        "brainseg.cli",
    ],
)
def test_light_programs_start_without_tensorflow(module: str) -> None:
    code = f"import sys, {module}; sys.exit(str({{'keras', 'tensorflow', 'jax', 'torch'}} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.stderr.strip() == "set()"
