"""The stage index: what it writes and prints, and that it writes nothing for a data set with faults."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from brainseg.dataset.index import index_folder
from brainseg.dataset.summary import index_counts
from brainseg.errors import UserError
from brainseg.files import INDEX_COLUMNS, read_table
from brainseg.params import DataParams, IndexParams, Params
from stages.index import main
from tests.kaggle_set import PATIENTS, declare_published, write_mask
from tests.project import ROOT

OUTPUTS = ("data/index.csv", "metrics/index.csv", "metrics/index.json", "plots/pictures/index_slices.png")


@pytest.fixture
def params(tiny_data: DataParams) -> Params:
    """The sections that the stage reads."""
    return Params.model_construct(data=tiny_data, index=IndexParams(pictures=4, seed=21))


def test_stage_writes_table_metrics_and_figure(
    tmp_path: Path, params: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    main(params, argparse.Namespace(out=tmp_path / "out"))
    table = read_table(tmp_path / "out/data/index.csv", INDEX_COLUMNS)
    pd.testing.assert_frame_equal(table, index_folder(params.data))
    digest = index_counts(table)["digest"]
    assert json.loads((tmp_path / "out/metrics/index.json").read_text()) == {
        "patients": 3,
        "slices": 15,
        "published_patients": 0,
        "digest": digest,
    }
    counts = pd.read_csv(tmp_path / "out/metrics/index.csv", index_col="name", dtype="str")["value"]
    expected = {
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
        "digest": digest,
        "published_patients": 0,
        "altered_patients": 0,
    }
    assert list(counts.items()) == [(name, str(value)) for name, value in expected.items()]
    figure = cv2.imread(str(tmp_path / "out/plots/pictures/index_slices.png"))
    assert figure.std() > 0
    printed = capsys.readouterr().out
    for text in (
        f"{PATIENTS[0]}/{PATIENTS[0]}_1.tif",
        "head of data/index.csv",
        "slices_with_tumour",
        "CS 1, DU 1, HT 1",
        "not the published Kaggle set",
    ):
        assert text in printed


def test_same_data_gives_the_same_bytes(tmp_path: Path, params: Params) -> None:
    for name in ("one", "two"):
        main(params, argparse.Namespace(out=tmp_path / name))
    for output in OUTPUTS:
        assert (tmp_path / "one" / output).read_bytes() == (tmp_path / "two" / output).read_bytes()


def test_nothing_is_written_for_a_data_set_with_faults(tmp_path: Path, params: Params) -> None:
    next(Path(params.data.root).glob("*/*_mask.tif")).unlink()
    with pytest.raises(UserError, match="image without mask"):
        main(params, argparse.Namespace(out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_names_that_look_like_markup_are_printed_unchanged(
    tmp_path: Path, params: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(params.data.root)
    for path in sorted(root.glob(f"{PATIENTS[0]}/*")):
        path.rename(path.with_name(path.name.replace(PATIENTS[0], "A[red]_CS_x")))
    (root / PATIENTS[0]).rename(root / "A[red]_CS_x")
    main(params, argparse.Namespace(out=tmp_path / "out"))
    printed = capsys.readouterr().out
    assert "A[red]_CS_x/A[red]_CS_x_1.tif" in printed
    assert printed.count("A[red]_CS_x ") == 5  # the rows of the table


def test_altered_copy_of_the_published_set_is_reported(
    tmp_path: Path, params: Params, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(params.data.root)
    declare_published(root, monkeypatch)
    write_mask(root / PATIENTS[2] / f"{PATIENTS[2]}_2_mask.tif", np.zeros((32, 32), np.bool_))
    main(params, argparse.Namespace(out=tmp_path / "out"))
    counts = pd.read_csv(tmp_path / "out/metrics/index.csv", index_col="name")["value"]
    assert (counts["published_patients"], counts["altered_patients"]) == ("2", "1")
    assert "an ALTERED copy of the published Kaggle set: 2 of its 3 patients" in capsys.readouterr().out


def test_stage_imports_nothing_heavy() -> None:
    code = "import sys, stages.index; print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"
