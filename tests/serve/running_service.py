"""A service in a thread of the test, with a model that takes bright FLAIR for tumour."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn

from brainseg.imaging.volume import FLAIR
from brainseg.prediction.operating_point import OperatingPoint
from brainseg.serve.app import make_app
from brainseg.serve.command import listen, url_of
from brainseg.serve.uploads import Limits
from tests.imaging.drawn_head import draw_head

DEADLINE = 30.0  # seconds until a test gives up
LIMITS = Limits(upload=2_000_000, requests=4)


class BrightSegmenter:
    """Has what the service uses of `brainseg.apply.segmenter.Segmenter`."""

    point = OperatingPoint(threshold=0.5, smallest_lesion=0)
    digest = "ab" * 32
    flip = False

    def __init__(self) -> None:
        self.calls = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.fault: Exception | None = None

    def segment(self, image: np.ndarray, **_: Any) -> tuple[np.ndarray, np.ndarray]:
        """Take the brightest quarter of the grey levels for tumour."""
        self.calls += 1
        assert self.may_go_on.wait(DEADLINE)
        if self.fault is not None:
            raise self.fault
        flair = image[..., FLAIR].astype(np.float32)
        probability = np.clip((flair - flair.min()) / np.ptp(flair) - 0.25, 0, 1)
        return probability >= self.point.threshold, probability


class Service:
    """A running service and a client for it.

    Attributes:
        segmenter: its model.
        folder: its temporary folder.
        client: sends requests to it.
        address: host and port.
    """

    def __init__(self, segmenter: BrightSegmenter, folder: Path, client: httpx.Client, address: Any) -> None:
        self.segmenter, self.folder, self.client, self.address = segmenter, folder, client, address

    def post(self, **files: Any) -> httpx.Response:
        """Send files: (name, content) or content by the name of the field."""
        return self.client.post("/predict", files=files)

    def taken(self) -> int:
        """How many places are taken."""
        return int(self.client.get("/health").json()["taken"])

    def wait_until_taken(self, count: int) -> None:
        """Return as soon as so many places are taken."""
        wait_until(lambda: self.taken() == count)


def wait_until(condition: Callable[[], bool]) -> None:
    """Return as soon as a condition holds."""
    until = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@contextmanager
def running_service(folder: Path, limits: Limits) -> Iterator[Service]:
    """Start a service on a free port, and stop it at the end."""
    segmenter = BrightSegmenter()
    app = make_app(segmenter, {"card": "# Model card"}, folder, limits)  # type: ignore[arg-type]
    with listen("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx.Client(base_url=url_of(listener), timeout=DEADLINE) as client:
                yield Service(segmenter, folder, client, listener.getsockname())
        finally:
            segmenter.may_go_on.set()
            server.should_exit = True
            thread.join(DEADLINE)


def head_with_lesion() -> np.ndarray:
    """FLAIR, shape (6, 64, 64), uint8, with a bright lesion that lies off all symmetries."""
    flair = draw_head(size=64, slices=6)[..., FLAIR]
    flair = (120 * (flair - flair.min()) / np.ptp(flair)).astype(np.uint8)
    flair[2:5, 26:34, 20:26] = 255
    return flair
