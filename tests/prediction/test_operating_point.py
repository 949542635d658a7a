"""The operating point: the mask it makes of a probability map, and its file."""

from pathlib import Path

import numpy as np
import pytest

from brainseg.errors import UserError
from brainseg.prediction.operating_point import OperatingPoint, read_operating_point, write_operating_point


def test_a_probability_at_the_threshold_is_tumour() -> None:
    point = OperatingPoint(threshold=0.5, smallest_lesion=0)
    assert point.mask_of(np.full((1, 2, 2), 0.5, np.float32)).all()
    assert not point.mask_of(np.full((1, 2, 2), np.nextafter(np.float32(0.5), 0), np.float32)).any()


def test_point_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "models/operating_point.json"
    point = OperatingPoint(threshold=1e-7, smallest_lesion=30)
    write_operating_point(path, point)
    assert read_operating_point(path) == point


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"threshold": 2, "smallest_lesion": 0}',
        '{"threshold": 0.5, "smallest_lesion": -1}',
        '{"threshold": "0.5", "smallest_lesion": 1}',
        '{"threshold": 0.5, "smallest_lesion": 0, "test_time_flip": true}',
    ],
)
def test_invalid_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "operating_point.json"
    with pytest.raises(UserError, match=r"not found.*dvc repro evaluate"):
        read_operating_point(path)
    path.write_text(text)
    with pytest.raises(
        UserError, match=r"operating_point\.json: not (readable|an operating point).*--force --single-item evaluate"
    ):
        read_operating_point(path)
