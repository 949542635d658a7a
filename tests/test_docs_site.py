"""The documentation site: built strictly, complete, with links that lead somewhere, and at home on a disk."""

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Browser

from brainseg.errors import UserError
from docs import make_site
from tests.browser import check_accessibility, check_width, chromium, opened  # noqa: F401
from tests.project import ROOT

NAV = list(make_site.pages(make_site.read_configuration()["nav"]))
READ = [page for page in NAV if not page.startswith("api/")]
BLOCKS = ("h1", "h2", "h3", "h4", "li", "tr", "pre", "img", "strong")
ADDRESS = "https://example.org/blob/main"


class Page(HTMLParser):
    """Links, identifiers, loaded files, and the tags inside <article>, of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.tags: Counter[str] = Counter()
        self._inside = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag links to, loads and names."""
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif "src" in given or (tag == "link" and given.get("rel") != "canonical"):
            self.loaded.append(given.get("src") or given["href"])
        self._inside |= tag == "article"
        if self._inside:
            self.tags[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        """Note the end of the article."""
        self._inside &= tag != "article"


def html_of(page: str) -> Path:
    """The file of a page, relative to the site."""
    path = Path(page).with_suffix(".html")
    return path.with_stem("index") if path.stem == "README" else path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    make_site.build(folder, ADDRESS)
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html")}


def test_every_page_is_in_the_navigation_and_in_the_site(site: Path) -> None:
    assert len(set(NAV)) == len(NAV)
    assert {path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/*.md")} <= set(NAV)
    rooms = {
        path.parent.name for path in ROOT.glob("brainseg/*/__init__.py") if len(list(path.parent.glob("*.py"))) > 1
    }
    assert {page for page in NAV if page.startswith("api/")} == {f"api/{room}.md" for room in {*rooms, "brainseg"}}
    assert [page for page in NAV if not (site / html_of(page)).is_file()] == []


def test_links_lead_to_files_and_headings(site: Path, pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        for link in {*page.links, *page.loaded}:
            parts = urlsplit(link)
            if parts.scheme or path.name == "404.html":  # that page is for servers, and its links start at their root
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file() or (
                parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids
            ):
                broken.append((path.relative_to(site).as_posix(), link))
    assert broken == []


def test_nothing_is_loaded_from_another_address(pages: dict[Path, Page]) -> None:
    assert [link for page in pages.values() for link in page.loaded if urlsplit(link).netloc] == []


def test_links_to_files_that_are_no_pages_lead_to_the_repository(pages: dict[Path, Page]) -> None:
    named = {link.removeprefix(f"{ADDRESS}/") for page in pages.values() for link in page.links if ADDRESS in link}
    assert "presets/lgg.yaml" in named
    assert [name for name in named if not (ROOT / name).exists()] == []
    text = make_site.make_page("docs/scaling.md", set(NAV), None)
    assert "presets/lgg.yaml" in text
    assert "](../presets" not in text


def test_every_picture_is_shown_in_a_page() -> None:
    shown = {
        Path(name).name for page in READ for name in re.findall(r"\]\(([^)\s]+\.png)\)", (ROOT / page).read_text())
    }
    assert {path.name for path in (ROOT / "docs/images").iterdir()} - shown == set()


@pytest.mark.parametrize("page", READ)
def test_page_has_the_parts_that_commonmark_sees(site: Path, page: str) -> None:
    """Python-Markdown, which Zensical uses, needs blank lines and indents that GitHub does not."""
    text = (ROOT / page).read_text(encoding="utf-8")
    graphs = re.findall(r"^```mermaid.*?^```$", text, flags=re.MULTILINE | re.DOTALL)
    for graph in graphs:
        text = text.replace(graph, "")
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)  # the YAML head of the model card
    read = site.parent / f"{page.replace('/', '-')}.html"
    read.write_text("<article>" + MarkdownIt().enable("table").render(text), encoding="utf-8")
    built, expected = Page(site / html_of(page)).tags, Page(read).tags
    expected["li"] += sum(make_site.draw_graph(graph).count("<li>") for graph in graphs)
    assert {tag: built[tag] for tag in BLOCKS} == {tag: expected[tag] for tag in BLOCKS}


def test_reference_has_signatures_and_descriptions_from_the_docstrings(site: Path) -> None:
    text = re.sub(r"<[^>]+>", "", (site / "api/apply.html").read_text(encoding="utf-8"))
    assert re.search(r"segment\(image, \*, missing=\(\), slice_step=1\)", text)
    assert "SHA-256 of the model's file" in text
    assert 'id="brainseg.metrics.overlap.Confusion.dice"' in (site / "api/metrics.html").read_text(encoding="utf-8")


def test_graph_becomes_a_list_with_a_column_for_each_step() -> None:
    graph = 'a["A<br>first"] -.-> b\n    b --> c["C"]\n    b --> d\n    d --> e'
    columns = ["<span>A<br>first</span>", "<span>b</span>", "<span>C</span><span>d</span>", "<span>e</span>"]
    assert make_site.draw_graph(graph) == f'<ol class="flow">{"".join(f"<li>{column}</li>" for column in columns)}</ol>'


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("nothing.py", "README.md: the link nothing.py leads to no file"),
        ("CHANGELOG.md#nothing", "CHANGELOG.md#nothing"),
        ("#nothing", "#nothing"),
    ],
)
def test_broken_links_stop_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: str, message: str) -> None:
    for folder in make_site.COPIED:
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "README.md").write_text(f"# Project\n\n[a]({link})\n")
    (tmp_path / "CHANGELOG.md").write_text("# Changes\n")
    (tmp_path / "docs/zensical.toml").write_text(
        '[project]\nsite_name = "x"\nnav = ["README.md", "CHANGELOG.md", "docs/later.md", {Later = "later.md"}]\n'
        "[project.plugins.mkdocstrings.handlers.python]\n"
    )
    monkeypatch.setattr(make_site, "ROOT", tmp_path)
    monkeypatch.setattr(make_site, "CONFIGURATION", tmp_path / "docs/zensical.toml")
    with pytest.raises(UserError, match=re.escape(message)):
        make_site.build(tmp_path / "site")
    assert not (tmp_path / "site").exists()


@pytest.mark.browser
@pytest.mark.parametrize("phone", [False, True])
def test_site_works_from_disk_without_a_network(chromium: Browser, site: Path, phone: bool) -> None:  # noqa: F811
    with opened(chromium, site / "docs/predict.html", phone=phone, dark=phone) as page:
        check_width(page)
        field = page.locator("[role=combobox]")  # hidden, and no script has filled it before the index is loaded
        field.wait_for(state="attached")
        page.keyboard.press("Control+k")
        field.fill("smallest lesion")
        page.locator("[role=option][href*='docs/evaluation.html']").first.click()
        page.wait_for_url("**/docs/evaluation.html*")
        page.goto((site / "index.html").as_uri())
        assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("page", ["README.md", "docs/predict.md", "api/model.md"])
def test_pages_are_accessible(chromium: Browser, site: Path, page: str, dark: bool) -> None:  # noqa: F811
    with opened(chromium, site / html_of(page), dark=dark) as opened_page:
        check_accessibility(opened_page)
