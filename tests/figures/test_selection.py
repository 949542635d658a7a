"""What the pictures show: slices by seed, three patients, and the stage that draws them."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainseg.dataset.index import index_folder
from brainseg.errors import UserError
from brainseg.evaluation.cases import read_cases
from brainseg.figures.selection import (
    PATIENT_COLUMNS,
    SlicePrediction,
    choose_patients,
    choose_slices,
    slices_of,
    spread,
)
from brainseg.files import HISTORY_COLUMNS, write_table
from brainseg.params import DataParams, Params, load_params
from brainseg.prediction.operating_point import OperatingPoint, write_operating_point
from brainseg.prediction.probability_maps import write_probabilities
from stages import visualise

PRESET = Path(__file__).parents[2] / "params.yaml"


def index_rows(pixels: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"patient_id": "a", "slice_number": range(1, len(pixels) + 1), "tumour_pixels": pixels})


def patients(*dices: float) -> pd.DataFrame:
    rows = [(f"p{number}", dice, 1000 * number, 7) for number, dice in enumerate(dices)]
    return pd.DataFrame(rows, columns=list(PATIENT_COLUMNS)).astype(PATIENT_COLUMNS)


def slices(truth: list[bool], found: list[bool]) -> list[SlicePrediction]:
    """One slice of one pixel for each pair."""
    return [
        SlicePrediction(
            patient_id="a",
            slice_number=number,
            flair=np.zeros((1, 1), np.uint8),
            mask_true=np.full((1, 1), true),
            probability=np.full((1, 1), float(pred), np.float32),
            mask_pred=np.full((1, 1), pred),
            threshold=0.5,
        )
        for number, (true, pred) in enumerate(zip(truth, found, strict=True), start=1)
    ]


def test_only_tumour_slices_are_drawn_by_seed() -> None:
    rows = index_rows([0, 5, 0, 7] * 10)
    drawn = choose_slices(rows, count=10, seed=21)
    assert len(drawn) == drawn["slice_number"].nunique() == 10
    assert (drawn["tumour_pixels"] > 0).all()
    assert drawn["slice_number"].is_monotonic_increasing
    assert drawn.equals(choose_slices(rows, count=10, seed=21))
    assert not drawn.equals(choose_slices(rows, count=10, seed=22))


@pytest.mark.parametrize(("pixels", "expected"), [([0, 3, 0, 1], [2, 4]), ([0, 0], []), ([], [])])
def test_fewer_tumour_slices_than_asked_for_are_all_drawn(pixels: list[int], expected: list[int]) -> None:
    assert choose_slices(index_rows(pixels), count=10, seed=1)["slice_number"].tolist() == expected


@pytest.mark.parametrize(
    ("dices", "expected"),
    [
        ([0.5, 0.9, 0.1], [("p1", "Best of 3"), ("p0", "Median of 3"), ("p2", "Worst of 3")]),
        ([0.1, 0.4, 0.2, 0.3], [("p1", "Best of 4"), ("p2", "Median of 4"), ("p0", "Worst of 4")]),
        ([np.nan, 0.9, 0.1, np.nan], [("p1", "Best of 2"), ("p2", "Worst of 2")]),
        ([0.0, np.nan], [("p0", "Only of 1")]),
        ([0.5, 0.5, 0.5], [("p0", "Best of 3"), ("p1", "Median of 3"), ("p2", "Worst of 3")]),
        ([np.nan], []),
        ([], []),
    ],
)
def test_best_median_and_worst_of_those_with_a_dice(dices: list[float], expected: list[tuple[str, str]]) -> None:
    chosen = choose_patients(patients(*dices))
    assert [(patient_id, title.split(":")[0]) for patient_id, title in chosen] == expected


def test_title_names_the_patient_its_dice_and_its_volumes() -> None:
    (_, title), _ = choose_patients(patients(0.123, 0.877))
    assert title == "Best of 2: p1, Dice 0.88, volume 1,000 voxels, predicted 7"


def test_slices_spread_over_the_tumour() -> None:
    truth = [False] * 3 + [True] * 10 + [False] * 3
    assert [one.slice_number for one in spread(slices(truth, [True] * 16))] == [5, 7, 9, 11, 13]
    assert [one.slice_number for one in spread(slices(truth[:6], [True] * 6))] == [4, 5, 6]
    assert [one.slice_number for one in spread(slices([False] * 3, [False, True, False]))] == [2]
    assert spread(slices([False], [False])) == []


def test_dice_of_an_empty_slice_is_undefined() -> None:
    empty, right, wrong = slices([False, True, True], [False, True, False])
    assert (empty.title, right.title) == ("slice 1, Dice undefined", "slice 2, Dice 1.00")
    assert wrong.title == "slice 3, Dice 0.00"


@pytest.fixture
def project(tmp_path: Path, tiny_data: DataParams, monkeypatch: pytest.MonkeyPatch) -> Params:
    """A project whose working folder is tmp_path, with all that the stage reads; the parameters to run it with."""
    monkeypatch.chdir(tmp_path)
    index = index_folder(tiny_data)
    write_table(Path("data/index.csv"), index)
    split = index[["patient_id", "slice_number"]].assign(subset="test", fold=0)
    split.loc[split["patient_id"].str.contains("_CS_"), "subset"] = "train"
    write_table(Path("data/split.csv"), split)
    test_patients = split.loc[split["subset"] == "test", "patient_id"].unique()
    for patient_id in test_patients:
        probability = np.full((5, 32, 32), 0.25, np.float32)
        probability[1:3, 8:16, 8:20] = 0.75
        write_probabilities(Path(f"data/predictions/{patient_id}.npz"), probability, np.arange(1, 6))
    rows = [(patient_id, 0.8, 256, 192) for patient_id in test_patients]
    write_table(Path("metrics/patients.csv"), pd.DataFrame(rows, columns=list(PATIENT_COLUMNS)))
    write_operating_point(Path("models/operating_point.json"), OperatingPoint(threshold=0.5, smallest_lesion=0))
    epochs = pd.DataFrame({name: [1.0, 2.0] for name in HISTORY_COLUMNS}).astype(HISTORY_COLUMNS)
    write_table(Path("models/history.csv"), epochs)
    return load_params(PRESET).model_copy(update={"data": tiny_data})


def run(project: Params) -> None:
    visualise.main(project, argparse.Namespace(out=Path()))


def predictions(project: Params, patient: str, point: OperatingPoint) -> list[SlicePrediction]:
    index = pd.read_csv("data/index.csv", keep_default_na=False)
    rows = index[index["patient_id"].str.contains(patient)]
    (case,) = read_cases(rows, index=index, root=Path(project.data.root), predictions=Path("data/predictions"))
    return slices_of(case, point)


def test_slices_have_their_own_maps(project: Params) -> None:
    shown = predictions(project, "_DU_", OperatingPoint(threshold=0.5, smallest_lesion=0))
    assert [one.slice_number for one in shown] == [1, 2, 3, 4, 5]
    assert [bool(one.mask_pred.any()) for one in shown] == [False, True, True, False, False]
    assert shown[2].title == "slice 3, Dice 0.86"  # 2 * 96 / (128 + 96): the last quarter of the rectangle is missed


def test_lesions_are_dropped_that_are_too_small_in_the_whole_volume(project: Params) -> None:
    """The rectangle has 96 pixels in each of two slices."""
    for smallest, found in ((192, True), (193, False)):
        shown = predictions(project, "_DU_", OperatingPoint(threshold=0.5, smallest_lesion=smallest))
        assert bool(shown[2].mask_pred.any()) == found


def test_stage_writes_four_pictures_and_says_so(project: Params, capsys: pytest.CaptureFixture[str]) -> None:
    run(project)
    names = ["bland_altman.png", "learning_curve.png", "patients.png", "predictions.png"]
    assert sorted(path.name for path in Path("plots/pictures").iterdir()) == names
    printed = capsys.readouterr().out
    assert "4 test slice(s) with tumour" in printed
    assert "TCGA_CS" not in printed


def test_stage_goes_on_without_tumour_or_dice(project: Params, capsys: pytest.CaptureFixture[str]) -> None:
    index = pd.read_csv("data/index.csv", keep_default_na=False)
    write_table(Path("data/index.csv"), index.assign(tumour_pixels=0))
    table = pd.read_csv("metrics/patients.csv")
    write_table(Path("metrics/patients.csv"), table.assign(dice=np.nan))
    run(project)
    assert "NO test slice(s)" in capsys.readouterr().out
    assert Path("plots/pictures/predictions.png").stat().st_size > 0


def test_stage_refuses_tables_of_another_run(project: Params) -> None:
    table = pd.read_csv("metrics/patients.csv")
    write_table(Path("metrics/patients.csv"), table.replace("TCGA_DU_0002_20000202", "TCGA_CS_0001_20000101"))
    with pytest.raises(UserError, match=r"metrics/patients\.csv: TCGA_CS_0001.*evaluate"):
        run(project)


@pytest.mark.parametrize(("slices_kept", "size"), [(4, 32), (5, 16)])
def test_stage_refuses_maps_that_do_not_fit(project: Params, slices_kept: int, size: int) -> None:
    path = Path("data/predictions/TCGA_DU_0002_20000202.npz")
    probability = np.zeros((slices_kept, size, size), np.float32)
    write_probabilities(path, probability, np.arange(2, 2 + slices_kept))
    with pytest.raises(
        UserError, match=r"TCGA_DU_0002_20000202\.npz: (1 of 5 slices to score are not in it|maps are 16 x 16)"
    ):
        run(project)


def test_stage_draws_at_the_operating_point(project: Params) -> None:
    """At another threshold other outlines: it is read from the file that evaluate wrote."""
    run(project)
    before = Path("plots/pictures/predictions.png").read_bytes()
    write_operating_point(Path("models/operating_point.json"), OperatingPoint(threshold=0.9, smallest_lesion=0))
    run(project)
    assert Path("plots/pictures/predictions.png").read_bytes() != before
    Path("models/operating_point.json").unlink()
    with pytest.raises(UserError, match=r"operating_point\.json: not found.*dvc repro evaluate"):
        run(project)
