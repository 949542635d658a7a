"""Damaged pictures: read right, or refused with a message; `python -m benchmarks.damaged_pictures` tries thousands."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.damaged_pictures import count_outcomes, encode_pictures, make_picture
from tests.project import ROOT


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A small picture in every format and compression."""
    return encode_pictures(tmp_path_factory.mktemp("pictures"), make_picture(48))


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_that_opencv_complains_about_is_read(contents: dict[str, bytes], seed: int) -> None:
    outcomes = count_outcomes(contents, 20 * len(contents), seed)
    for name, counts in outcomes.items():
        assert counts["OpenCV complains"] == 0, name
        assert counts["OpenCV differs"] == 0, name
        assert sum(counts[outcome] for outcome in ("refused", "same pixels", "other pixels")) == 20


@pytest.mark.parametrize("name", ["colour.png", "grey.png", "deflate.tif", "tiles.tif"])
def test_pixels_with_a_checksum_are_never_wrong(contents: dict[str, bytes], name: str) -> None:
    counts = count_outcomes({name: contents[name]}, 100, seed=0)[name]
    assert counts["other pixels"] == 0
    assert counts["refused"] > 80


def test_little_memory_is_taken(tmp_path: Path) -> None:
    code = (
        "import resource, tempfile; from pathlib import Path; from benchmarks.damaged_pictures import *\n"
        "contents = encode_pictures(Path(tempfile.mkdtemp()), make_picture(48))\n"
        "before = peak_memory_mb()\n"
        "count_outcomes(contents, 400, seed=3)\n"
        "print(peak_memory_mb() - before)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(result.stdout) < 200
