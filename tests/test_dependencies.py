"""dvc.yaml against the code: a stage depends on every module it imports, and light stages stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
STAGES = {
    name: stage
    for pipeline in ("data/dvc.yaml", "dvc.yaml")
    for name, stage in yaml.safe_load((ROOT / pipeline).read_text())["stages"].items()
}


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


@pytest.mark.parametrize("name", STAGES)
def test_stage_depends_on_every_module_it_imports(name: str) -> None:
    declared = {dep for dep in STAGES[name]["deps"] if dep.endswith(".py")}
    expected = {path.as_posix() for path in imported_files(Path("stages", f"{name}.py"))}
    assert declared == expected, "dvc.yaml should list\n" + "\n".join(f"      - {dep}" for dep in sorted(expected))


@pytest.mark.parametrize("name", STAGES)
def test_stage_runs_its_own_script_and_is_named_like_its_parameters(name: str) -> None:
    assert STAGES[name]["cmd"] == f"python -m stages.{name}"
    assert name in yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.mark.parametrize(
    "module", ["stages.phantom", "stages.index", "stages.split", "stages.evaluate", "stages.visualise", "brainseg.cli"]
)
def test_light_programs_start_without_tensorflow(module: str) -> None:
    code = f"import sys, {module}; sys.exit(str({{'keras', 'tensorflow', 'jax', 'torch'}} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.stderr.strip() == "set()"
