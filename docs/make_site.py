"""Build the documentation site, which needs neither internet nor a server: site/index.html.

From the root of the project: python -m docs.make_site [site] [--repository ADDRESS]

The pages are those that docs/zensical.toml lists. The Markdown stays as it reads in the repository; Zensical builds a
copy, and fails on links and headings that do not exist. In the copy, a link to a module leads to its reference, made
from the docstrings, and a link to another file to ADDRESS, if there is one.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from brainseg.errors import UserError

ROOT = Path(__file__).parents[1]
CONFIGURATION = ROOT / "docs/zensical.toml"
COPIED = ("docs/images", "docs/site")
FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
COLOURS = re.compile(r"\x1b\[[\d;]*m")
LABEL = re.compile(r'(\w+)\["(.+?)"\]')
ARROW = re.compile(r'(\w+)(?:\[".+?"\])? -\.?-> (\w+)')


def read_configuration() -> dict[str, Any]:
    """Read the configuration; pages that do not exist are left out, and pages in docs/ that it lacks are added."""
    config: dict[str, Any] = tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))["project"]
    config["nav"] = _existing(config["nav"])
    others = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/*.md")} - set(pages(config["nav"]))
    if others:
        config["nav"].append({"More": sorted(others)})
    config["plugins"]["mkdocstrings"]["handlers"]["python"]["paths"] = [str(ROOT)]
    return config


def _existing(nav: list[Any]) -> list[Any]:
    """Leave out the pages of a navigation that do not exist, and the sections without any."""
    kept: list[Any] = []
    for entry in nav:
        title, inside = next(iter(entry.items())) if isinstance(entry, dict) else ("", entry)
        existing = _existing(inside) if isinstance(inside, list) else inside if _sources(inside) else None
        if existing:
            kept.append({title: existing} if title else existing)
    return kept


def pages(nav: list[Any]) -> Iterator[str]:
    """Yield the pages of a navigation in order: paths relative to the root of the project."""
    for entry in nav:
        inside = next(iter(entry.values())) if isinstance(entry, dict) else entry
        yield from pages(inside) if isinstance(inside, list) else [inside]


def _sources(page: str) -> list[Path]:
    """The files that a page is made of: Markdown, or the modules of a folder of brainseg/; none without any."""
    if not page.startswith("api/"):
        return [path for path in [ROOT / page] if path.is_file()]
    folder = ROOT / "brainseg" / ("" if page == "api/brainseg.md" else Path(page).stem)
    return sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")


def make_reference(page: str) -> str:
    """Write the page of a folder of brainseg/: its docstring, and a line for mkdocstrings for each of its modules."""
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in _sources(page)]
    folder = modules[0].rpartition(".")[0]
    options = {"members": False, "show_root_heading": False, "show_root_toc_entry": False}
    head = f"# {folder}\n\n::: {folder}\n    options: {options}\n\n"
    return head + "".join(f"::: {module}\n\n" for module in modules)


def make_page(page: str, listed: set[str], repository: str | None) -> str:
    """Turn the links of a Markdown page to files that are no pages, and its graphs, into what the site can show.

    Args:
        page: its path, relative to the root of the project.
        listed: all pages of the site.
        repository: address that the paths of files are appended to; None writes the text of such links alone.

    Raises:
        UserError: if a link leads to a file that does not exist.
    """

    def link(match: re.Match[str]) -> str:
        if re.match(r"\w+:", match["target"]):
            return match[0]
        path = Path(os.path.normpath(Path(page).parent / match["target"]))
        target = ROOT / path
        if ".." in path.parts or not target.exists():
            raise UserError(f"{page}: the link {match['target']} leads to no file")
        if path.as_posix() in listed:
            text = heading(target) if match["text"].endswith(".md") else match["text"]
            return f"[{text}]({match['target']}{match['anchor'] or ''})"
        if path.is_relative_to("docs/images"):
            return match[0]
        if path.parts[0] == "brainseg" and (target.is_dir() or target.suffix == ".py"):
            reference = f"api/{(path if target.is_dir() else path.parent).name}.md"
            anchor = "" if target.is_dir() else "#" + ".".join(path.with_suffix("").parts)
            return f"[{match['text']}]({os.path.relpath(reference, Path(page).parent)}{anchor})"
        return f"[{match['text']}]({repository}/{path.as_posix()})" if repository else match["text"]

    parts = FENCED.split((ROOT / page).read_text(encoding="utf-8"))
    parts[::2] = [LINK.sub(link, text) for text in parts[::2]]
    return "".join(draw_graph(part) if part.startswith("```mermaid") else part for part in parts)


def heading(path: Path) -> str:
    """The first heading of a Markdown file."""
    return str(re.findall(r"^# (.*)", path.read_text(encoding="utf-8"), re.MULTILINE)[0])


def draw_graph(mermaid: str) -> str:
    """Write a Mermaid flowchart as an HTML list from left to right, because Mermaid's program is on another site."""
    labels = dict(LABEL.findall(mermaid))
    ranks: dict[str, int] = {}
    for start, end in ARROW.findall(mermaid):
        ranks[end] = max(ranks.get(end, 0), ranks.setdefault(start, 0) + 1)
    columns = [
        "".join(f"<span>{labels.get(name, name)}</span>" for name in ranks if ranks[name] == rank)
        for rank in sorted(set(ranks.values()))
    ]
    return '<ol class="flow">' + "".join(f"<li>{column}</li>" for column in columns) + "</ol>"


def build(site: Path, repository: str | None = None) -> None:
    """Build the site.

    Args:
        site: folder to write; one that exists is replaced once the new one is complete.
        repository: address that the paths of files are appended to, such as https://github.com/me/it/blob/main.

    Raises:
        UserError: if a link leads to a file or heading that does not exist, or Zensical warns of anything else.
    """
    config = read_configuration()
    listed = set(pages(config["nav"]))
    with tempfile.TemporaryDirectory() as folder:
        staged = Path(folder) / "pages"
        for page in listed:
            (staged / page).parent.mkdir(parents=True, exist_ok=True)
            text = make_reference(page) if page.startswith("api/") else make_page(page, listed, repository)
            (staged / page).write_text(text, encoding="utf-8")
        for name in COPIED:
            shutil.copytree(ROOT / name, staged / name)
        (Path(folder) / "mkdocs.yml").write_text(
            yaml.safe_dump({**config, "docs_dir": "pages", "site_dir": "site"}, sort_keys=False), encoding="utf-8"
        )
        zensical = [str(Path(sys.executable).with_name("zensical")), "build", "--strict"]
        done = subprocess.run(zensical, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise UserError(COLOURS.sub("", done.stdout).partition("Traceback")[0])
        shutil.rmtree(site, ignore_errors=True)
        shutil.copytree(Path(folder) / "site", site)


def main() -> None:
    """Build the site, or say what is wrong with the pages."""
    parser = argparse.ArgumentParser(description="Build the documentation site.")
    parser.add_argument("site", type=Path, nargs="?", default=ROOT / "site", help="folder to write")
    parser.add_argument("--repository", help="address of the files, such as https://github.com/me/it/blob/main")
    arguments = parser.parse_args()
    try:
        build(arguments.site, arguments.repository)
    except UserError as error:
        sys.exit(str(error))
    print(arguments.site / "index.html")


if __name__ == "__main__":
    main()
