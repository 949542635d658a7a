"""The page in a browser, with everything that it asks for recorded; and phantom scans to give it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from brainseg.imaging.volume import Volume
from brainseg.phantom.patients import make_patient
from brainseg.view.pages import find_pages
from brainseg.view.server import PageServer, serve_pages
from brainseg.view.session import Session
from tests.browser import need, start_chromium

SECONDS = 120_000  # ms; a limit for the slowest machine, not a wait
PAGE = Path(str(files("brainseg.view"))) / "page/index.html"
MODEL = Path(str(files("brainseg.released"))) / "unet.onnx"
SLICES = 4  # of the phantom
WINDOW = {"width": 900, "height": 640}  # small, because the scans are drawn by software
EXPECTED = ("GPU stall due to ReadPixels", "registration blocked by Playwright")  # of the software renderer, of a test


@dataclass
class Opened:
    """A page that is open.

    Attributes:
        page: of Playwright.
        requests: all addresses that it asked for.
        faults: errors in its console, violations of its policy among them.
    """

    page: Page
    requests: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def give(self, *paths: Path) -> None:
        """Choose files, or one folder, as a person does."""
        where = "#folder" if paths[0].is_dir() else "#files"
        self.page.set_input_files(where, paths[0] if paths[0].is_dir() else list(paths))

    def wait_for_outline(self) -> None:
        """Wait until the outline is shown; fails with the message if there is one instead."""
        self.page.wait_for_selector("#run:not([hidden]), #result:not([hidden]), #error:not([hidden])", timeout=SECONDS)
        self.page.wait_for_selector("#result:not([hidden]), #error:not([hidden])", timeout=SECONDS)
        assert not self.page.is_visible("#error"), self.page.inner_text("#error-text")

    def message(self) -> str:
        """Wait for a message, and return it."""
        self.page.wait_for_selector("#error:not([hidden])", timeout=SECONDS)
        return self.page.inner_text("#error-text")

    def save(self, button: str, folder: Path) -> Path:
        """Press a button that saves, and return the file."""
        with self.page.expect_download(timeout=SECONDS) as download:
            self.page.click(button)
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path


OpenPage = Callable[..., AbstractContextManager[Opened]]


@pytest.fixture(scope="module")  # two instances of Playwright at a time are refused, and others use it too
def browser_3d() -> Iterator[Browser]:
    """A browser with WebGL by software."""
    with start_chromium("--enable-unsafe-swiftshader") as browser:
        yield browser


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Session], PageServer]]:
    """A function that starts the server of `brainseg view` for a session."""
    need(MODEL, "python -m studies.release")
    need(PAGE, "make viewer")
    servers: list[PageServer] = []

    def start(session: Session) -> PageServer:
        server = serve_pages(find_pages(), session, 0)
        threading.Thread(target=server.run, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def open_page(browser_3d: Browser, serve: Callable[[Session], PageServer]) -> OpenPage:
    """A function that opens the page, and checks at the end that it asked nobody else and reported no fault."""

    @contextmanager
    def opened(
        session: Session | None = None,
        *,
        address: str | None = None,
        viewport: dict[str, int] = WINDOW,
        **options: str,
    ) -> Iterator[Opened]:
        at = address or serve(session or Session()).address
        context = browser_3d.new_context(viewport=viewport, accept_downloads=True, **options)
        context.set_default_timeout(SECONDS)
        result = Opened(context.new_page())
        context.on("request", lambda request: result.requests.append(request.url))
        result.page.on("console", lambda message: _note(result, message.type, message.text))
        result.page.on("pageerror", lambda error: result.faults.append(str(error)))
        result.page.goto(at)
        result.page.wait_for_selector("body[data-ready]", timeout=SECONDS)
        yield result
        context.close()
        origin = at.split("/#")[0].rstrip("/")
        assert [url for url in result.requests if not url.startswith((f"{origin}/", "data:", "blob:"))] == []
        assert result.faults == []

    return opened


def _note(result: Opened, kind: str, text: str) -> None:
    if kind in ("error", "warning") and not any(part in text for part in EXPECTED):
        result.faults.append(text)


class QuietHandler(SimpleHTTPRequestHandler):
    """Prints nothing."""

    def log_message(self, *_: object) -> None:
        """Leave the test's output as it is."""


@pytest.fixture
def plain_server(tmp_path: Path) -> Iterator[str]:
    """A host that sends no headers of its own, as static hosts do."""
    for name, path in find_pages().items():
        (tmp_path / "site" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / name).symlink_to(path)
    handler = partial(QuietHandler, directory=str(tmp_path / "site"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture(scope="session")
def patient() -> Volume:
    """The four slices of a phantom with the most tumour: few and small, so that the tests are quick."""
    whole = make_patient(1, size=96, seed=7)
    sizes = whole.mask_true.sum(axis=(1, 2))
    first = int(np.argmax(np.convolve(sizes, np.ones(SLICES), "valid")))
    part = slice(first, first + SLICES)
    return Volume(
        patient_id=whole.patient_id,
        image=whole.image[part],
        mask_true=whole.mask_true[part],
        slice_numbers=np.arange(1, SLICES + 1),
    )
