"""The stage index: what it counts, what it writes, and that it writes nothing for a faulty set."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import cv2
import pandas as pd
import pytest

from brainseg.dataset.index import index_folder
from brainseg.dataset.summary import choose_slices, index_counts
from brainseg.errors import UserError
from brainseg.files import INDEX_COLUMNS, read_table
from brainseg.params import DataParams, IndexParams, Params
from stages.index import main
from tests.kaggle_set import PATIENTS

OUTPUTS = ("data/index.csv", "metrics/index.json", "plots/pictures/index_slices.png")


@pytest.fixture
def params(tiny_data: DataParams) -> Params:
    """The sections that the stage reads, and no other."""
    return Params.model_construct(data=tiny_data, index=IndexParams(pictures=4, seed=21))


def test_stage_writes_table_metrics_and_picture(
    tmp_path: Path, params: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    main(params, argparse.Namespace(out=tmp_path / "out"))
    table = read_table(tmp_path / "out/data/index.csv", INDEX_COLUMNS)
    pd.testing.assert_frame_equal(table, index_folder(params.data))
    assert json.loads((tmp_path / "out/metrics/index.json").read_text()) == {
        "patients": 3,
        "sites": 3,
        "folders": 3,
        "images": 15,
        "masks": 15,
        "slices": 15,
        "slices_with_tumour": 6,
        "tumour_slice_share": 0.4,
        "tumour_pixel_share": 0.05,  # 8 x 16 of 32 x 32 pixels in 6 of 15 slices
        "height_min": 32,
        "height_max": 32,
        "width_min": 32,
        "width_max": 32,
        "missing_pre_contrast_patients": 0,
        "missing_post_contrast_patients": 0,
        "digest": index_counts(table)["digest"],
        "published_patients": 0,
        "altered_patients": 0,
    }
    picture = cv2.imread(str(tmp_path / "out/plots/pictures/index_slices.png"))
    assert picture.std() > 0
    printed = capsys.readouterr().out
    for text in (
        f"{PATIENTS[0]}/{PATIENTS[0]}_1.tif",
        "head of data/index.csv",
        "slices_with_tumour",
        "CS 1, DU 1, HT 1",
        "not the published Kaggle set",
    ):
        assert text in printed


def test_same_data_same_bytes(tmp_path: Path, params: Params) -> None:
    for name in ("one", "two"):
        main(params, argparse.Namespace(out=tmp_path / name))
    for output in OUTPUTS:
        assert (tmp_path / "one" / output).read_bytes() == (tmp_path / "two" / output).read_bytes()


def test_faulty_set_leaves_nothing(tmp_path: Path, params: Params) -> None:
    next(Path(params.data.root).glob("*/*_mask.tif")).unlink()
    with pytest.raises(UserError, match="image without mask"):
        main(params, argparse.Namespace(out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_odd_names_are_printed_as_they_are(tmp_path: Path, params: Params, capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(params.data.root)
    for path in sorted(root.glob(f"{PATIENTS[0]}/*")):
        path.rename(path.with_name(path.name.replace(PATIENTS[0], "A[red]_CS_x")))
    (root / PATIENTS[0]).rename(root / "A[red]_CS_x")
    main(params, argparse.Namespace(out=tmp_path / "out"))
    printed = capsys.readouterr().out
    assert "A[red]_CS_x/A[red]_CS_x_1.tif" in printed
    assert printed.count("A[red]_CS_x ") == 5  # the rows of the table's head


def test_counts_of_missing_sequences_and_of_sizes(tiny_data: DataParams) -> None:
    table = index_folder(tiny_data)
    second, third = (table.patient_id == patient_id for patient_id in PATIENTS[1:])
    table.loc[second, "missing_sequences"] = "pre-contrast+post-contrast"
    table.loc[third, "missing_sequences"] = "post-contrast"
    table.loc[third, "height"] = 16
    counts = index_counts(table)
    assert counts["missing_pre_contrast_patients"] == 1
    assert counts["missing_post_contrast_patients"] == 2
    assert (counts["height_min"], counts["height_max"]) == (16, 32)
    assert counts["tumour_pixel_share"] == pytest.approx(6 * 128 / (10 * 32 * 32 + 5 * 16 * 32))


def test_digest_of_the_set_changes_with_one_slice(tiny_data: DataParams) -> None:
    table = index_folder(tiny_data)
    before = index_counts(table)["digest"]
    table.loc[7, "digest"] = "0" * 32
    assert index_counts(table)["digest"] != before


@pytest.mark.parametrize(
    ("pictures", "with_tumour", "without"), [(1, 1, 0), (4, 2, 2), (5, 3, 2), (14, 6, 8), (20, 6, 9)]
)
def test_half_of_the_slices_shown_have_tumour(
    tiny_data: DataParams, pictures: int, with_tumour: int, without: int
) -> None:
    chosen = choose_slices(index_folder(tiny_data), IndexParams(pictures=pictures, seed=3))
    assert chosen.index.is_unique
    assert list(chosen.tumour_pixels > 0) == [True] * with_tumour + [False] * without


def test_seed_chooses_the_slices(tiny_data: DataParams) -> None:
    table = index_folder(tiny_data)
    draws = [tuple(choose_slices(table, IndexParams(pictures=4, seed=seed)).index) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_all_slices_with_tumour(tiny_data: DataParams) -> None:
    table = index_folder(tiny_data).assign(tumour_pixels=1)
    assert len(choose_slices(table, IndexParams(pictures=7, seed=0))) == 7
    assert len(choose_slices(table.assign(tumour_pixels=0), IndexParams(pictures=7, seed=0))) == 7


def test_stage_imports_nothing_heavy() -> None:
    code = "import sys, stages.index; print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    root = Path(__file__).parents[2]
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert result.stdout.strip() == "[]"
