"""A copy of the project in a temporary folder, for the tests that run DVC."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
RESULTS = ("dvc.lock", "cv/dvc.lock", "metrics/", "plots/", "cv/metrics/")  # written by a run, so not copied


def without(package: str, folder: Path) -> str:
    """A PYTHONPATH with which importing a package fails, as if it were not installed; written below `folder`.

    TensorFlow imports JAX where it is installed, and Keras TensorFlow, also if they are not used. That takes 0.6 s and
    3 s of processor time in each process.
    """
    path = folder / f"without_{package}"
    path.mkdir(exist_ok=True)
    (path / f"{package}.py").write_text(f"raise ModuleNotFoundError({package!r})\n")
    return str(path)


class Project:
    """A copy of the project with its own git history and its own DVC configuration and cache."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_", "COV_"))},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # dvc, python and brainseg
            "PYTHONPATH": without("jax", root.parent),
            "DVC_NO_ANALYTICS": "1",
            "COLUMNS": "200",
            **{f"DVC_{name}_DIR": str(root.parent / name) for name in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE")},
            **{
                f"GIT_{who}_{what}": "test@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
            },
        }

    def run(self, *command: str, code: int = 0) -> str:
        """Run a command in the project, check its exit code, and return what it printed."""
        result = subprocess.run(
            command, cwd=self.root, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert result.returncode == code, result.stdout
        return result.stdout

    def repro(self, *arguments: str) -> list[str]:
        """Run `dvc repro` and return the names of the stages that ran."""
        return [
            line.split("'")[1].split(":")[-1]
            for line in self.run("dvc", "repro", *arguments).splitlines()
            if line.startswith("Running stage")
        ]

    def set(self, **sections: dict) -> None:
        """Change parameters: section -> {parameter: value}."""
        path = self.root / "params.yaml"
        content = yaml.safe_load(path.read_text())
        for section, values in sections.items():
            content[section] |= values
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def commit(self, message: str) -> None:
        """Commit everything that git does not ignore."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)

    def json(self, path: str) -> dict:
        """Read a metrics file."""
        return json.loads((self.root / path).read_text())


def copy_project(root: Path) -> Project:
    """Copy the files that git tracks or would track to `root`, without results, into a new git repository."""
    project = Project(root)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        is_result = name.startswith(RESULTS) and not name.endswith(".gitignore")
        if (ROOT / name).is_file() and not is_result:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    project.run("git", "init", "--quiet")
    return project
