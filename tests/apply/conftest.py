"""The model of the tests of `brainseg predict`."""

from pathlib import Path
from typing import Any

import pytest

from brainseg.apply import segmenter as segmenter_module
from brainseg.apply.segmenter import Segmenter
from brainseg.prediction.operating_point import OperatingPoint
from tests.apply.bright_model import segmenter


@pytest.fixture
def with_bright_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command uses `bright_model`, with the threshold and the flip that it was told."""

    def load(_: Path | None, *, threshold: float | None, flip: bool | None, batch_size: int, **__: Any) -> Segmenter:
        point = OperatingPoint(threshold=threshold or 0.5, smallest_lesion=0)
        return segmenter(point=point, flip=flip is not False, batch_size=batch_size)

    monkeypatch.setattr(segmenter_module, "load_segmenter", load)
