"""Predictions of two patients, without files; and predictions without a network."""

from pathlib import Path

import numpy as np

from brainseg.imaging.volume import BoolArray, FloatArray
from brainseg.prediction.operating_point import OperatingPoint
from brainseg.report.predictions import PredictedCase, Predictions

CASES = ("first", "second")


def make_predictions(folder: Path) -> Predictions:
    """What `brainseg.report.predictions.read_predictions` would read from a folder, which is created."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = tuple(PredictedCase(name=name, row={}, inputs=(name,), outputs=(), notes=()) for name in CASES)
    return Predictions(folder=folder, settings={"threshold": 0.5}, cases=cases, failed=())


class FixedSegmenter:
    """Stands in for the model: outlines what it was told to, so that a test need not wait for a network."""

    point, digest, flip = OperatingPoint(threshold=0.5, smallest_lesion=0), "0" * 64, True

    def __init__(self, mask: BoolArray) -> None:
        self.mask = mask

    def segment(self, *_: object, **__: object) -> tuple[BoolArray, FloatArray]:
        """The mask, and 1 inside it as probability."""
        return self.mask, self.mask.astype(np.float32)
