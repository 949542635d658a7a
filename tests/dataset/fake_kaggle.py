"""Stand-ins for Kaggle's server: functions that fill the download folder or fail, and errors of its client."""

from collections.abc import Callable
from pathlib import Path

import requests
from kagglehub.exceptions import KaggleApiHTTPError

Fill = Callable[[Path], object]  # called with the folder into which the archive would be unpacked
FakeKaggle = Callable[[Fill], list[str]]  # replaces Kaggle; returns the list of the handles that will be requested


def failing(error: BaseException, *, after_bytes: int = 0) -> Fill:
    """Return a function that writes part of an archive and raises `error`."""

    def fill(folder: Path) -> None:
        if after_bytes:
            (folder.parent / "2.archive").write_bytes(bytes(after_bytes))
        raise error

    return fill


def http_error(status: int) -> KaggleApiHTTPError:
    """Return the error that kagglehub raises for an HTTP status."""
    response = requests.Response()
    response.status_code = status
    return KaggleApiHTTPError(f"{status} Client Error.\n\nmore of it", response)
