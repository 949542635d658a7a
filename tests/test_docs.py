"""The pages: links lead somewhere, every name in them exists, and the generated page is up to date."""

import ast
import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from brainseg.export.bundle import METADATA, PARTS
from brainseg.params import Params
from tests.project import ROOT

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *ROOT.glob("*/*.md"))
    if not path.parent.name.startswith(".")
)

# Pages whose names of files, functions and parameters are those of the project as it is now. The changelog has old
# names, own-data.md the files of an example.
CURRENT = [page for page in PAGES if page not in ("CHANGELOG.md", "docs/own-data.md")]

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"[\w./-]+(/|\.(py|md|csv|json|yaml|txt|png|keras))")
DOTTED = re.compile(r"(brainseg|stages)(\.\w+)+")
SECTIONS = tuple(Params.model_fields)


def text_of(page: str) -> str:
    """Read a page without its code blocks, which show commands and examples."""
    return re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def outputs() -> set[str]:
    """List what the pipelines write, with the folders above; these files need not exist."""
    found = set()
    for pipeline, folder in (("dvc.yaml", ""), ("data/dvc.yaml", ""), ("cv/dvc.yaml", "cv/")):
        for stage in yaml.safe_load((ROOT / pipeline).read_text())["stages"].values():
            for out in (*stage.get("outs", ()), *stage.get("metrics", ())):
                found.add(folder + (out if isinstance(out, str) else next(iter(out))))
    return (
        found
        | {parent.as_posix() for name in found for parent in Path(name).parents}
        | {"data/kaggle_3m", "models/checkpoint", "plots/live/history.csv"}  # not declared, and not in git
        | {"predictions.csv", "report.json", "OUT/verdicts.csv", "saved_model"}  # of brainseg predict, view, export
        | {*PARTS, METADATA}  # of the bundle
    )


def anchors(path: Path) -> set[str]:
    """List the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ +(.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def exists(page: str, name: str) -> bool:
    """Whether a file or folder exists, relative to the root of the project or to the folder of the page."""
    return any((folder / name).exists() for folder in (ROOT, (ROOT / page).parent))


def defines(name: str) -> bool:
    """Whether `brainseg.module`, `brainseg.module.function` or `brainseg.module.Class.method` exists.

    The sources are parsed, not imported.
    """
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:length])
        module = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if module.is_file():
            bodies: list[ast.stmt] = ast.parse(module.read_text(encoding="utf-8")).body
            for part in parts[length:]:
                named = [statement for statement in bodies if part in names_in(statement)]
                if not named:
                    return False
                bodies = getattr(named[0], "body", [])
            return True
    return False


def names_in(statement: ast.stmt) -> set[str]:
    """List the names that a statement of a module or class defines."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    targets = {ast.Assign: "targets", ast.AnnAssign: "target"}.get(type(statement))
    found = getattr(statement, targets) if targets else []
    return {node.id for node in (found if isinstance(found, list) else [found]) if isinstance(node, ast.Name)}


def is_parameter(name: str) -> bool:
    """Whether a dotted name is a section, a group or a parameter of params.yaml."""
    model = Params
    for part in name.split("."):
        field = getattr(model, "model_fields", {}).get(part)
        if field is None:
            return False
        model = field.annotation
    return True


def code_spans() -> Iterator[tuple[str, str]]:
    """Yield (page, text) for each piece of text in backquotes."""
    for page in CURRENT:
        for span in CODE.findall(text_of(page)):
            yield page, span


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_lead_to_existing_files_and_headings(page: str) -> None:
    for link in LINK.findall(text_of(page)):
        if not link.startswith(("http://", "https://", "mailto:")):
            name, _, anchor = link.partition("#")
            target = (ROOT / page).parent / name if name else ROOT / page
            assert target.exists(), f"{page}: {link}"
            assert not anchor or anchor in anchors(target), f"{page}: {link}"


def test_overview_links_to_every_page() -> None:
    linked = {link.partition("#")[0] for link in LINK.findall(text_of("docs/README.md"))}
    assert {path.name for path in ROOT.glob("docs/*.md")} - linked == {"README.md"}


def test_every_function_and_module_named_exists() -> None:
    named = [(page, span) for page, span in code_spans() if DOTTED.fullmatch(span)]
    assert len(named) > 30
    assert [(page, span) for page, span in named if not defines(span)] == []


def test_every_file_named_exists_or_is_written_by_a_pipeline() -> None:
    written = outputs()
    named = [(page, span) for page, span in code_spans() if FILE.fullmatch(span) or span in written]
    assert len(named) > 100
    unknown = [(page, span) for page, span in named if not exists(page, span) and span.rstrip("/") not in written]
    assert unknown == []


def test_every_parameter_named_exists() -> None:
    starts = tuple(f"{section}." for section in SECTIONS)
    named = [(page, span.partition(":")[0]) for page, span in code_spans() if span.startswith(starts)]
    assert len(named) > 100
    assert [(page, span) for page, span in named if not is_parameter(span)] == []


def test_names_that_do_not_exist_are_detected() -> None:
    """The checks above can fail."""
    assert exists("docs/steps.md", "stages/train.py")
    assert not exists("docs/steps.md", "stages/nothing.py")
    assert defines("brainseg.training.batches.SliceBatches.__len__")
    assert defines("brainseg.model.unet.BATCH_NORM_MOMENTUM")
    assert not defines("brainseg.training.batches.SliceBatches.__size__")
    assert not defines("brainseg.nothing")
    assert not defines("brainseg.model.unet.relu")
    assert is_parameter("train.augmentation.zoom")
    assert not is_parameter("train.zoom")
    assert not is_parameter("train.epochs.most")


def test_steps_are_numbered_from_1_to_21_and_have_the_same_parts() -> None:
    headings = re.findall(r"^## (\d+)\. ", text_of("docs/steps.md"), flags=re.MULTILINE)
    assert headings == [str(number) for number in range(1, 22)]
    steps = re.split(r"^## ", text_of("docs/steps.md"), flags=re.MULTILINE)[1:22]
    for step in steps:
        for part in ("**Notebook:**", "**Here:**", "**Better:**"):
            assert step.count(part) == 1, step.splitlines()[0]


def test_decisions_are_numbered_from_1_without_gaps() -> None:
    headings = re.findall(r"^## (\d+)\. ", text_of("docs/decisions.md"), flags=re.MULTILINE)
    assert headings == [str(number) for number in range(1, len(headings) + 1)]


def test_picture_in_the_readme_is_that_of_the_default_run() -> None:
    """If this fails after `dvc repro` with the default parameters: python -m docs.make_pictures."""
    outs = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]["visualise"]["outs"]
    (recorded,) = (out["md5"] for out in outs if out["path"] == "plots/pictures/patients.png")
    picture = (ROOT / "docs/images/patients.png").read_bytes()
    assert hashlib.md5(picture, usedforsecurity=False).hexdigest() == recorded


def test_graph_in_the_readme_has_every_stage_and_only_true_dependencies() -> None:
    graph = re.findall(r"^```mermaid\n(.*?)^```$", (ROOT / "README.md").read_text(), flags=re.MULTILINE | re.DOTALL)[0]
    arrows = re.findall(r"(\w+)(?:\[[^\]]*\])? -\.?-> (\w+)", graph)
    stages = {
        name: stage
        for pipeline in ("data/dvc.yaml", "dvc.yaml")
        for name, stage in yaml.safe_load((ROOT / pipeline).read_text())["stages"].items()
    }
    root = yaml.safe_load((ROOT / "params.yaml").read_text())["data"]["root"]
    reads = {name: {dep.replace("${data.root}", root) for dep in stage["deps"]} for name, stage in stages.items()}
    writes = {
        name: {out if isinstance(out, str) else next(iter(out)) for out in stage["outs"]}
        for name, stage in stages.items()
    }
    assert {name for arrow in arrows for name in arrow} == stages.keys()
    assert len(arrows) == graph.count("->")
    assert [(a, b) for a, b in arrows if not writes[a] & reads[b]] == []


def test_parameters_page_is_up_to_date() -> None:
    """If this fails, run: python docs/make_parameters.py > docs/parameters.md."""
    made = subprocess.run([sys.executable, "docs/make_parameters.py"], cwd=ROOT, capture_output=True, check=True)
    assert (ROOT / "docs/parameters.md").read_bytes() == made.stdout
