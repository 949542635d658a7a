"""The command `brainseg serve`: its arguments, its port, its temporary folder, and a whole run."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest

from brainseg.cli import main
from brainseg.errors import UserError
from brainseg.serve.command import listen, url_of
from brainseg.serve.uploads import PREFIX, temporary_folder
from tests.scans.scan_files import write_axial
from tests.serve.running_service import head_with_lesion


def serve(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr("sys.argv", ["brainseg", "serve", *map(str, arguments)])
    main()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--port", 70000), "--port 70000: expected a whole number from 0 to 65535"),
        (("--max-upload", 0), "--max-upload 0: expected a whole number from 1"),
        (("--queue", 0), "--queue 0: expected a whole number from 1"),
        (("--threshold", 2), "--threshold 2.0: expected a number above 0, at most 1"),
        (("--host", "no-such-host.invalid"), "cannot be listened on"),
    ],
)
def test_wrong_usage_gives_one_message(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], message: str
) -> None:
    with pytest.raises(SystemExit, match=message):
        serve(monkeypatch, *arguments)


def test_a_taken_port_is_known_before_the_model_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(SystemExit, match=r"already in use.*--port 0"):
        serve(monkeypatch, "--port", first.getsockname()[1])


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(SystemExit, match="uvicorn, which is not installed: pip install fastapi"):
        serve(monkeypatch)


def test_an_address_that_others_reach_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    with listen("127.0.0.1", 0) as listener:
        assert url_of(listener).startswith("http://127.0.0.1:")
    assert capsys.readouterr().err == ""
    with listen("0.0.0.0", 0):
        assert "without encryption" in capsys.readouterr().err


def test_the_folder_of_a_killed_server_is_removed_and_that_of_a_running_one_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, fresh = (tmp_path / f"{PREFIX}{name}" for name in ("left", "fresh"))
    for folder in (left, fresh):
        (folder / "request").mkdir(parents=True)
    with temporary_folder() as running:
        (running / "scan").touch()
        for folder in (left, running):
            os.utime(folder, (0, 0))
        with temporary_folder() as second:
            assert sorted(tmp_path.iterdir()) == sorted([fresh, running, second])
            assert second.stat().st_mode & 0o077 == 0
    assert sorted(tmp_path.iterdir()) == [fresh]


def test_a_link_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "precious").mkdir()
    (tmp_path / f"temporary/{PREFIX}link").symlink_to(tmp_path / "precious")
    os.utime(tmp_path / "precious", (0, 0))
    with temporary_folder():
        pass
    assert (tmp_path / "precious").is_dir()


def test_a_server_answers_and_leaves_nothing_when_it_is_stopped(tmp_path: Path) -> None:
    """The command as a process of its own, with the model that ships."""
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    (tmp_path / "temporary").mkdir()
    command = [sys.executable, "-c", "from brainseg.cli import main; main()", "serve", "--port", "0"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "env": environment}
    with subprocess.Popen(command, **options) as process:
        try:
            assert process.stdout is not None
            url = next(line for line in process.stdout if line.startswith("http://")).split()[0]
            with write_axial(tmp_path / "scan.nii.gz", head_with_lesion()).open("rb") as file:
                response = httpx.post(f"{url}/predict", files={"file": file}, timeout=120)
            assert response.status_code == 200, response.text
            metadata = httpx.get(f"{url}/metadata").json()
            assert metadata["card"].startswith(("# ", "---"))
            assert len(metadata["model_sha256"]) == 64
            assert len(list((tmp_path / "temporary").glob(f"{PREFIX}*"))) == 1
            process.send_signal(signal.SIGTERM)
            rest = process.stdout.read()
            assert process.wait(60) == 0
        finally:
            process.kill()
    assert rest.startswith("POST /predict 200")
    assert "Traceback" not in rest
    assert not list((tmp_path / "temporary").glob(f"{PREFIX}*"))


def test_leftovers_have_an_age() -> None:
    """A server that is just starting has its folder before it has the lock."""
    with temporary_folder() as folder:
        assert time.time() - folder.stat().st_mtime < 60
    with pytest.raises(UserError, match="cannot be listened on"):
        listen("256.1.1.1", 0)
