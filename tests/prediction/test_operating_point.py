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


def test_point_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "operating_point.json"
    path.write_text('\ufeff{"threshold": 1, "smallest_lesion": 0}', encoding="utf-8")
    assert read_operating_point(path) == OperatingPoint(threshold=1.0, smallest_lesion=0)


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
        '{"threshold": true, "smallest_lesion": 0}',
        '{"threshold": 0.5, "smallest_lesion": true}',
        '{"threshold": 0.5, "smallest_lesion": 1.5}',
        '{"threshold": NaN, "smallest_lesion": 0}',
        '{"threshold": 0.5, "threshold": 0.9, "smallest_lesion": 0}',
        '{"threshold": 0.5, "smallest_lesion": 99999999999999999999}',
        "[" * 100_000,
        "\ud800",
    ],
)
def test_invalid_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "operating_point.json"
    with pytest.raises(UserError, match=r"not found.*dvc repro evaluate"):
        read_operating_point(path)
    path.write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(
        UserError, match=r"operating_point\.json: not (readable|an operating point).*--force --single-item evaluate"
    ):
        read_operating_point(path)
