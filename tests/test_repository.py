"""The files around the code: they can be read, and they agree on version, licence, tools and Python versions."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update
from packaging.specifiers import SpecifierSet

from tests.project import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
CI = ".github/workflows/ci.yml"
ISSUE_FORMS = sorted(ROOT.glob(".github/ISSUE_TEMPLATE/*.yml"))


def load(path: str | Path) -> dict:
    """Read a YAML file, relative to the root of the project."""
    content: dict = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("path", ["dvc.yaml", "data/dvc.yaml", "cv/dvc.yaml", "params.yaml"])
def test_yaml_has_the_form_in_which_dvc_writes_it(path: str) -> None:
    """Otherwise `dvc freeze` and `dvc stage add`, which change one stage, would rewrite most lines of the file."""
    text = (ROOT / path).read_text(encoding="utf-8")
    assert dumps_yaml(parse_yaml_for_update(text, path)) == text


@pytest.mark.parametrize(
    "path",
    [
        "data/kaggle_3m",  # a link, if there is no folder: a pattern that ends in a slash matches folders only
        "kaggle_3m/TCGA_CS_4941_19960909/TCGA_CS_4941_19960909_1.tif",
        "data/kaggle_3m/data.csv",
        "data/kaggle_3m.partial/archive",
        "data/lgg-mri-segmentation/kaggle_3m/data.csv",
        "data/archive.zip",
        "archive (1).zip",
        "scans/p7/1.tif",
    ],
)
def test_git_ignores_the_real_set_wherever_it_was_unpacked(path: str) -> None:
    assert subprocess.run(["git", "check-ignore", "--quiet", path], cwd=ROOT, check=False).returncode == 0


def test_git_ignores_no_file_of_the_project() -> None:
    listed = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    assert subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout == ""


def test_latest_release_in_the_changelog_is_the_version_of_the_package() -> None:
    released = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert released[0] == VERSION
    assert len(set(released)) == len(released)


def test_citation_has_this_version_and_cites_the_data_set_and_the_network() -> None:
    citation = load("CITATION.cff")
    assert citation.keys() >= {"cff-version", "message", "title", "authors"}  # GitHub ignores the file without these
    assert str(citation["version"]) == VERSION
    assert {work["doi"] for work in citation["references"]} == {
        "10.1016/j.compbiomed.2019.05.002",
        "10.1007/978-3-319-24574-4_28",
    }
    for work in citation["references"]:
        assert work.keys() >= {"type", "title", "authors", "year"}


def test_licence_is_the_one_named_by_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert project["license"] == load("CITATION.cff")["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_hooks_run_locked_tools_and_download_nothing() -> None:
    locked = (ROOT / "requirements.txt").read_text()
    for repository in load(".pre-commit-config.yaml")["repos"]:
        assert repository["repo"] == "local"
        for hook in repository["hooks"]:
            tool = re.match(r"\.venv/bin/([\w-]+)", hook["entry"])
            assert hook["language"] == "system"
            assert tool, hook["entry"]
            assert re.search(rf"^{tool[1]}==", locked, re.MULTILINE), tool[1]


def test_workflow_runs_the_contributor_s_checks_on_the_oldest_and_newest_python() -> None:
    workflow = load(CI)
    job = workflow["jobs"]["check"]
    assert workflow["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())
    assert ".ci/run" in [step.get("run") for step in job["steps"]]
    pythons = [tuple(map(int, version.split("."))) for version in job["strategy"]["matrix"]["python"]]
    lowest, below = re.findall(
        r"(\d+)\.(\d+)", tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    )
    assert min(pythons) == tuple(map(int, lowest))
    assert max(pythons) == (int(below[0]), int(below[1]) - 1)


@pytest.mark.parametrize("step", [step for job in load(CI)["jobs"].values() for step in job["steps"] if "run" in step])
def test_shell_scripts_of_the_workflow_can_be_parsed(step: dict) -> None:
    result = subprocess.run(["bash", "-n"], input=step["run"], capture_output=True, text=True, check=False)
    assert result.stderr == ""


@pytest.mark.parametrize("path", ISSUE_FORMS, ids=lambda path: path.name)
def test_issue_form_has_what_github_requires(path: Path) -> None:
    form = load(path)
    assert form.keys() >= {"name", "description", "body"}
    questions = [item for item in form["body"] if item["type"] != "markdown"]
    assert len({item["id"] for item in questions}) == len(questions) > 0
    assert all(item["attributes"]["label"] for item in questions)


def test_dev_container_has_a_supported_python_and_sets_up_the_project() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    python = container["image"].rpartition(":")[2]
    supported = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert python in SpecifierSet(supported)
    assert container["postCreateCommand"] == "make setup"


def test_container_is_built_from_what_dockerignore_lets_through() -> None:
    """Anything else, such as patients' data, would be sent to the daemon of docker."""
    copies = re.findall(r"^COPY (.+) \S+$", (ROOT / "Containerfile").read_text(encoding="utf-8"), re.MULTILINE)
    patterns = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert patterns[1] == "*"
    assert [pattern[1:] for pattern in patterns if pattern.startswith("!")] == " ".join(copies).split()
