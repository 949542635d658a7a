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
FOLD = "folds/${item.fold}"  # seen from cv/
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
    stages, up = (CROSS_VALIDATION, "../") if pipeline == "cv/dvc.yaml" else (STAGES, "")
    declared = {dep for dep in stages[name]["deps"] if dep.endswith(".py")}
    expected = {up + path.as_posix() for path in imported_files(Path("stages", f"{name}.py"))}
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
    assert stage.keys() == {"matrix", "cmd", "deps", "params", "outs"}
    assert stage["matrix"] == {"fold": "${split.folds}"}
    number = " --fold ${item.fold}" if name == "split" else ""
    assert stage["cmd"] == f"cd .. && python -m stages.{name}{number} --out cv/{FOLD}"
    assert stage["params"] == [{"../params.yaml": root["params"]}]
    data = [dep for dep in root["deps"] if not dep.endswith(".py")]
    expected = sorted(f"../{dep}" if dep in SHARED else f"{FOLD}/{dep}" for dep in data)
    assert sorted(dep for dep in stage["deps"] if not dep.endswith(".py")) == expected
    outs = [out if isinstance(out, str) else next(iter(out)) for out in (*root["outs"], *root.get("metrics", ()))]
    expected = sorted(f"{FOLD}/{out}" for out in outs)
    lines = "\n".join(f"      - {out}" for out in expected)
    assert sorted(stage["outs"], key=str) == expected, f"cv/dvc.yaml, outs of stage {name}, should be\n{lines}"


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
