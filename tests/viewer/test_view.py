"""The command `brainseg view` and its server: what they send, to whom, and what they keep."""

import http.client
import json
import os
import re
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from brainseg.errors import UserError
from brainseg.report.verdicts import read_verdicts
from brainseg.view import pages
from brainseg.view.command import view
from brainseg.view.server import HEADERS, PageServer, serve_pages
from brainseg.view.session import Session, named_files
from brainseg.view.verdicts import Outlined, Patient, Review
from tests.viewer.predictions import CASES, make_predictions

Ask = Callable[..., tuple[int, bytes, dict[str, str]]]


@pytest.fixture
def review(tmp_path: Path) -> Review:
    """Two patients, whose files are texts."""
    predictions = make_predictions(tmp_path / "out")
    patients = tuple(
        Patient(case=case, files={f"{n}/a b.nii": tmp_path / "scan"}, mask={f"{n}/m.nii": tmp_path / "mask"})
        for n, case in enumerate(CASES)
    )
    (tmp_path / "scan").write_text("scan")
    (tmp_path / "mask").write_text("mask")
    return Review(Outlined(predictions=predictions, patients=patients))


@pytest.fixture
def server(tmp_path: Path, review: Review) -> Iterator[PageServer]:
    page = tmp_path / "page"
    for name in ("index.html", "a.wasm", "a.mjs"):
        page.mkdir(exist_ok=True)
        (page / name).write_text(name)
    server = serve_pages({path.name: path for path in page.iterdir()}, Session(review=review), 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server
    server.stop()
    thread.join()


@pytest.fixture
def ask(server: PageServer) -> Ask:
    """A function that asks the server: method, path, with or without the token."""

    def request(
        path: str, *, method: str = "GET", token: bool = True, body: str = "", **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        known = {"X-Token": server.token} if token else {}
        connection.request(method, path, body or None, {**known, **headers})
        response = connection.getresponse()
        answer = response.status, response.read(), dict(response.headers)
        connection.close()
        return answer

    return request


def test_files_of_the_page_have_their_types_and_isolation(ask: Ask) -> None:
    for path, kind in (("/", "text/html"), ("/a.wasm", "application/wasm"), ("/a.mjs?v=1", "text/javascript")):
        status, content, headers = ask(path, token=False)
        assert status == 200
        assert content
        assert headers["Content-Type"].startswith(kind)
        assert headers.items() >= HEADERS.items()
    assert ask("/a.wasm", method="HEAD")[:2] == (200, b"")


@pytest.mark.parametrize("path", ["/no.html", "/../pyproject.toml", "/%2e%2e/x", "//etc/passwd", "/page/", "/local/x"])
def test_nothing_else_is_sent(ask: Ask, path: str) -> None:
    assert ask(path)[0] == 404


@pytest.mark.parametrize("path", ["/local/session.json", "/local/files/0/a%20b.nii", "/local/verdict"])
def test_other_sites_and_users_get_nothing(ask: Ask, path: str) -> None:
    method = "POST" if path.endswith("verdict") else "GET"
    assert ask(path, method=method, token=False)[0] == 403
    assert ask(path, method=method, token=False, **{"X-Token": "x"})[0] == 403
    assert ask(path, method=method, Host="example.org:80")[0] == 403
    assert ask("/", Host="example.org:80")[0] == 403


def test_a_verdict_is_kept_as_the_report_reads_it(ask: Ask, review: Review, tmp_path: Path) -> None:
    session = json.loads(ask("/local/session.json")[1])
    assert [patient["case"] for patient in session["patients"]] == list(CASES)
    assert ask(f"/local/{session['patients'][0]['files'][0]}")[1] == b"scan"
    body = json.dumps({"case": CASES[1], "verdict": "unsure", "note": 'a "note",\nof two lines; =1+1'})
    assert ask("/local/verdict", method="POST", body=body)[0] == 200
    predictions = make_predictions(tmp_path / "out")
    found = read_verdicts(tmp_path / "out/verdicts.csv", run=predictions.run, cases=CASES)
    assert found.cases == {CASES[1]: ("unsure", 'a "note", of two lines; =1+1')}
    again = Review(Outlined(predictions=predictions, patients=review.patients))
    assert again.verdict_of(CASES[1])[0] == "unsure"
    assert again.verdict_of(CASES[0]) == ("", "")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("[]", 400),
        ("[" * 10_000, 400),
        ('{"case": "unknown", "verdict": "accept", "note": ""}', 400),
        (json.dumps({"case": CASES[0], "verdict": "maybe", "note": ""}), 400),
        (json.dumps({"case": CASES[0], "verdict": "accept", "note": "x" * 3000}), 400),
        (json.dumps({"case": CASES[0], "verdict": "accept", "note": "x" * 30_000}), 413),
    ],
)
def test_what_is_no_verdict_is_refused(ask: Ask, tmp_path: Path, body: str, status: int) -> None:
    headers = {} if body else {"Content-Length": "0"}
    assert ask("/local/verdict", method="POST", body=body, **headers)[0] == status
    assert not (tmp_path / "out/verdicts.csv").exists()


def test_a_length_of_thousands_of_digits_is_refused(ask: Ask) -> None:
    assert ask("/local/verdict", method="POST", body="", **{"Content-Length": "9" * 5000})[0] == 413


def test_verdicts_of_another_run_are_not_overwritten(review: Review, tmp_path: Path) -> None:
    (tmp_path / "out/verdicts.csv").write_text(f"run,case,verdict,note\nother,{CASES[0]},accept,\n")
    predictions = make_predictions(tmp_path / "out")
    with pytest.raises(UserError, match="another run"):
        Review(Outlined(predictions=predictions, patients=review.patients))


def test_a_port_that_is_taken_is_left_alone(server: PageServer) -> None:
    other = serve_pages({}, Session(), server.port)
    assert other.port != server.port
    assert other.token != server.token
    other.close()
    assert re.fullmatch(rf"http://127\.0\.0\.1:{other.port}/#token=\S{{32}}", other.address)


def test_folders_keep_their_names(tmp_path: Path) -> None:
    for name in ("case/x_1.tif", "case/.hidden", "one.nii"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    found = named_files([tmp_path / "case", tmp_path / "one.nii"])
    assert found == {"0/case/x_1.tif": tmp_path / "case/x_1.tif", "1/one.nii": tmp_path / "one.nii"}
    with pytest.raises(UserError, match="not found"):
        named_files([tmp_path / "none"])
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe: not a regular file"):
        named_files([tmp_path / "pipe"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty: no files"):
        named_files([tmp_path / "empty"])


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "files", lambda _: tmp_path)
    with pytest.raises(UserError, match="make viewer"):
        pages.find_pages()
    (tmp_path / "page").mkdir()
    (tmp_path / "page/index.html").touch()
    with pytest.raises(UserError, match=r"--model .*: unet\.onnx, model\.json, operating_point\.json not found"):
        pages.find_pages(tmp_path)


def test_predictions_need_the_scans() -> None:
    arguments = Namespace(inputs=[], predictions=Path("out"), model=None, port=0, no_open=True)
    with pytest.raises(UserError, match="brainseg view SCANS --predictions out"):
        view(arguments)
