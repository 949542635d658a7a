"""The memory benchmark: a data set that is larger, but of the same files."""

import csv
from pathlib import Path

from benchmarks import memory


def test_larger_index_lists_the_same_images_under_other_patients(tmp_path: Path) -> None:
    small, large = tmp_path / "index.csv", tmp_path / "large/index.csv"
    small.write_text("patient_id,image_path\nA,A/1.tif\nB,B/1.tif\n", encoding="utf-8")
    memory.repeat_index(small, large)
    with large.open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert len({row["patient_id"] for row in rows}) == len(rows) == 8
    assert {row["image_path"] for row in rows} == {"A/1.tif", "B/1.tif"}
