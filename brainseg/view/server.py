"""The loopback server of the page: files that are known beforehand, and verdicts; nothing else is answered."""

import json
import secrets
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copyfileobj
from typing import Any
from urllib.parse import unquote, urlsplit

from brainseg.view.session import Session

HOST = "127.0.0.1"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
}
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",  # with the next one: the page may use several threads
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "frame-ancestors 'none'",  # the rest is in the page, so that it holds on any host
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
LOCAL = "local/"  # what only the page that was opened by this call may ask for
MAX_BODY = 16_384  # bytes of a verdict
MAX_DIGITS = 9  # of its length; Python refuses to read a number of thousands


class PageServer:
    """A server that listens.

    Attributes:
        port: on which it listens.
        token: without which nothing below `LOCAL` is answered: other sites and users do not know it.
    """

    def __init__(self, pages: dict[str, Path], session: Session, port: int) -> None:
        """Listen on the port, or on any other one if it is taken."""
        self.token = secrets.token_urlsafe(24)
        handler = partial(_Handler, pages, session, self.token)
        try:
            self._server = _Server((HOST, port), handler)
        except OSError:
            self._server = _Server((HOST, 0), handler)
        self.port = int(self._server.server_address[1])

    @property
    def address(self) -> str:
        """Of the page, for the browser on this computer; browsers do not send the part with the token."""
        return f"http://{HOST}:{self.port}/#token={self.token}"

    def run(self) -> None:
        """Answer until `stop` is called or the process is interrupted."""
        try:
            self._server.serve_forever(poll_interval=0.05)  # seconds until it sees that it should end
        finally:
            self.close()

    def close(self) -> None:
        """Listen no longer."""
        self._server.server_close()

    def stop(self) -> None:
        """End `run`, from another thread."""
        self._server.shutdown()


def serve_pages(pages: dict[str, Path], session: Session, port: int) -> PageServer:
    """Open a server; see `PageServer`.

    Args:
        pages: from `brainseg.view.pages.find_pages`.
        session: what the page may ask for besides.
        port: 0 for any that is free.
    """
    return PageServer(pages, session, port)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = False  # a second server must notice that the port is taken


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "brainseg", ""

    def __init__(self, pages: dict[str, Path], session: Session, token: str, *arguments: Any) -> None:
        self.pages, self.session, self.token = pages, session, token
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Send a file of the page, or one of the session."""
        path = unquote(urlsplit(self.path).path).removeprefix("/")
        if not self._is_own_host():
            self._send_text(HTTPStatus.FORBIDDEN, "another host")
        elif not path.startswith(LOCAL):
            self._send_file(self.pages.get(path or "index.html"))
        elif not self._has_token():
            self._send_text(HTTPStatus.FORBIDDEN, "open the address that brainseg view printed")
        elif path == f"{LOCAL}session.json":
            self._send(HTTPStatus.OK, json.dumps(self.session.describe()).encode(), TYPES[".json"])
        else:
            self._send_file(self.session.find(path.removeprefix(LOCAL)))

    def do_HEAD(self) -> None:
        """Answer as GET does, without the content."""
        self.do_GET()

    def do_POST(self) -> None:
        """Keep a verdict."""
        size = self.headers.get("Content-Length", "")
        self.close_connection = True  # a body that is refused is not read
        if not self._is_own_host() or not self._has_token():
            self._send_text(HTTPStatus.FORBIDDEN, "open the address that brainseg view printed")
        elif self.path != f"/{LOCAL}verdict" or self.session.review is None:
            self._send_text(HTTPStatus.NOT_FOUND, "not found")
        elif not size.isdecimal() or len(size) > MAX_DIGITS or int(size) > MAX_BODY:
            self._send_text(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the note is too long")
        else:
            self._keep(self.rfile.read(int(size)))

    def _keep(self, body: bytes) -> None:
        assert self.session.review is not None
        try:
            given = json.loads(body)
            case, verdict, note = (str(given[name]) for name in ("case", "verdict", "note"))
            self.session.review.keep(case, verdict, note)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            self._send_text(HTTPStatus.BAD_REQUEST, f"not a verdict: {error}")
        except OSError as error:
            self._send_text(HTTPStatus.INTERNAL_SERVER_ERROR, f"verdicts.csv cannot be written: {error.strerror}")
        else:
            self._send_text(HTTPStatus.OK, "kept")

    def _is_own_host(self) -> bool:
        """Whether the browser asked for this address, not for a name that another site made point to it."""
        return self.headers.get("Host", "").rpartition(":")[0] in (HOST, "localhost")

    def _has_token(self) -> bool:
        given = self.headers.get("X-Token", "")
        return secrets.compare_digest(given.encode(), self.token.encode())

    def _send_file(self, path: Path | None) -> None:
        try:
            if path is None:
                raise FileNotFoundError
            with path.open("rb") as file:
                size = path.stat().st_size
                self._send_head(HTTPStatus.OK, size, TYPES.get(path.suffix, "application/octet-stream"))
                if self.command != "HEAD":
                    copyfileobj(file, self.wfile)
        except FileNotFoundError:
            self._send_text(HTTPStatus.NOT_FOUND, "not found")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the page was closed

    def _send_text(self, status: HTTPStatus, text: str) -> None:
        self._send(status, text.encode(), "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self._send_head(status, len(content), kind)
        if self.command != "HEAD":
            self.wfile.write(content)

    def _send_head(self, status: HTTPStatus, size: int, kind: str) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": kind, "Content-Length": str(size)}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Print nothing: names of files may name patients."""
