"""The stage split: its outputs depend on the parameters that they should depend on."""

import argparse
import json
from pathlib import Path

import pandas as pd
import pytest

from brainseg.files import INDEX_COLUMNS, SUBSETS, write_table
from brainseg.params import Params, load_params
from stages.split import main
from tests.project import ROOT


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """The default parameters, in a current folder with the index of 20 patients with three slices each."""
    monkeypatch.chdir(tmp_path)
    rows = [
        {
            "patient_id": f"P{patient:02}",
            "site": "AB"[patient % 2],
            "slice_number": number,
            "image_path": f"P{patient:02}/{number}.png",
            "mask_path": f"P{patient:02}/{number}_mask.png",
            "height": 4,
            "width": 4,
            "tumour_pixels": number,
            "missing_sequences": "",
            "digest": f"{patient}-{number}",
        }
        for patient in range(20)
        for number in range(1, 4)
    ]
    write_table(Path("data/index.csv"), pd.DataFrame(rows)[list(INDEX_COLUMNS)])
    return load_params(ROOT / "params.yaml")


def outputs(params: Params, *, fold: int | None = None, **changes: object) -> dict[str, bytes]:
    """Run the stage with other values in the section split; returns its outputs by path."""
    split = type(params.split)(**(params.split.model_dump() | changes))
    main(params.model_copy(update={"split": split}), argparse.Namespace(out=Path("out"), fold=fold))
    return {path.as_posix(): path.read_bytes() for path in Path("out").rglob("*") if path.is_file()}


def test_other_folds_change_no_output_of_the_root(params: Params) -> None:
    """Otherwise the model of the root would be trained again for a parameter of the cross-validation."""
    before = outputs(params)
    assert before["out/data/split.csv"].startswith(b"patient_id,slice_number,subset\n")
    assert outputs(params, folds=[0, 1]) == before
    assert outputs(params, folds=list(range(30))) == before
    assert outputs(params, seed=22) != before


def test_counts_of_every_subset_are_written_and_few_of_them_are_metrics(params: Params) -> None:
    written = outputs(params)
    table = pd.read_csv("out/metrics/split.csv", index_col="subset")
    metrics = json.loads(written["out/metrics/split.json"])
    assert metrics == {f"{name}_patients": table.loc[name, "patients"] for name in SUBSETS} | {
        "patients_in_two_subsets": 0
    }
    assert list(table.index) == list(SUBSETS)
    assert table["patients"].sum() == 20
    assert (table["slices"] == 3 * table["patients"]).all()
    assert (table["slices_with_tumour"] == table["slices"]).all()


def test_table_of_a_fold_has_the_fold_of_every_patient(params: Params) -> None:
    assert outputs(params, fold=2)["out/data/split.csv"].startswith(b"patient_id,slice_number,subset,fold\n")
    table = pd.read_csv("out/data/split.csv")
    assert sorted(set(table["fold"])) == [0, 1, 2, 3, 4]
    assert set(table["patient_id"][table["subset"] == "test"]) == set(table["patient_id"][table["fold"] == 2])
