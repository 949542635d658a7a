"""docs/ and README.md against the project: every place they name exists, and what is generated is up to date."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from brainseg.params import Params

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *ROOT.glob("*/*.md"))
    if not path.parent.name.startswith(".")
)
DESCRIBING = ("docs/steps.md", "docs/decisions.md", "docs/parameters.md")  # pages that name places in the code

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"[\w./-]+(/|\.(py|md|csv|json|yaml|txt|png|keras))")
DOTTED = re.compile(r"(brainseg|stages)(\.\w+)+")
SECTIONS = tuple(Params.model_fields)


def text_of(page: str) -> str:
    """A page without its code blocks, which show commands and examples."""
    return re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def outputs() -> set[str]:
    """What the pipeline writes: such a file need not be there, nor the folders above it."""
    found = set()
    for pipeline in ("dvc.yaml", "data/dvc.yaml"):
        for stage in yaml.safe_load((ROOT / pipeline).read_text())["stages"].values():
            for out in (*stage.get("outs", ()), *stage.get("metrics", ())):
                found.add(out if isinstance(out, str) else next(iter(out)))
    return (
        found
        | {parent.as_posix() for name in found for parent in Path(name).parents}
        | {"data/kaggle_3m", "models/checkpoint"}
    )


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ +(.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def defines(name: str) -> bool:
    """Whether `brainseg.module.function`, `brainseg.module.Class.method` or a module is there; nothing is imported."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        module = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if module.is_file():
            bodies: list[ast.stmt] = ast.parse(module.read_text(encoding="utf-8")).body
            for part in parts[length:]:
                named = [one for one in bodies if part in names_in(one)]
                if not named:
                    return False
                bodies = getattr(named[0], "body", [])
            return True
    return False


def names_in(statement: ast.stmt) -> set[str]:
    """What a statement of a module or class defines."""
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
    for page in DESCRIBING:
        for span in CODE.findall(text_of(page)):
            yield page, span


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_lead_somewhere(page: str) -> None:
    for link in LINK.findall(text_of(page)):
        if not link.startswith(("http://", "https://", "mailto:")):
            name, _, anchor = link.partition("#")
            target = (ROOT / page).parent / name if name else ROOT / page
            assert target.exists(), f"{page}: {link}"
            assert not anchor or anchor in anchors(target), f"{page}: {link}"


def test_every_function_and_module_named_exists() -> None:
    named = [(page, span) for page, span in code_spans() if DOTTED.fullmatch(span)]
    assert len(named) > 30
    assert [place for place in named if not defines(place[1])] == []


def test_every_file_named_exists_or_is_written_by_the_pipeline() -> None:
    written = outputs()
    named = [(page, span) for page, span in code_spans() if FILE.fullmatch(span) or span in written]
    assert len(named) > 30
    assert [place for place in named if not ((ROOT / place[1]).exists() or place[1].rstrip("/") in written)] == []


def test_every_parameter_named_exists() -> None:
    starts = tuple(f"{section}." for section in SECTIONS)
    named = [(page, span.partition(":")[0]) for page, span in code_spans() if span.startswith(starts)]
    assert len(named) > 40
    assert [place for place in named if not is_parameter(place[1])] == []


def test_a_place_that_is_not_there_is_seen() -> None:
    """The checks above can fail."""
    assert defines("brainseg.training.batches.SliceBatches.__len__")
    assert defines("brainseg.model.unet.BATCH_NORM_MOMENTUM")
    assert not defines("brainseg.training.batches.SliceBatches.__size__")
    assert not defines("brainseg.nothing")
    assert not defines("brainseg.model.unet.relu")
    assert is_parameter("train.augmentation.zoom")
    assert not is_parameter("train.zoom")
    assert not is_parameter("train.epochs.most")


def test_steps_are_the_21_in_order() -> None:
    headings = re.findall(r"^## (\d+)\. ", text_of("docs/steps.md"), flags=re.MULTILINE)
    assert headings == [str(number) for number in range(1, 22)]
    steps = re.split(r"^## ", text_of("docs/steps.md"), flags=re.MULTILINE)[1:22]
    for step in steps:
        for part in ("**Notebook:**", "**Here:**", "**Better:**"):
            assert step.count(part) == 1, step.splitlines()[0]


def test_parameters_page_is_up_to_date() -> None:
    """If it fails: python docs/make_parameters.py > docs/parameters.md."""
    made = subprocess.run([sys.executable, "docs/make_parameters.py"], cwd=ROOT, capture_output=True, check=True)
    assert (ROOT / "docs/parameters.md").read_bytes() == made.stdout
