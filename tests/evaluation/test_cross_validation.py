"""Joining folds: numbers worked out by hand, folds that do not belong together, and unreadable files."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainseg.errors import UserError
from brainseg.evaluation.cross_validation import (
    Fold,
    fold_table,
    join_folds,
    patient_source,
    read_folds,
    summarise,
)
from brainseg.evaluation.patient_scores import PATIENT_COLUMNS
from brainseg.files import write_json, write_table
from brainseg.phantom import patients as phantom
from brainseg.prediction.operating_point import OperatingPoint, write_operating_point

DICE = {"A": 0.9, "B": 0.5, "C": 0.7, "D": np.nan, "E": 0.8}


def scores(*patient_ids: str) -> pd.DataFrame:
    """A metrics/patients.csv with the Dice values above; every other score is 0.25."""
    rows = [{**dict.fromkeys(PATIENT_COLUMNS, 0.25), "patient_id": name, "dice": DICE[name]} for name in patient_ids]
    table = pd.DataFrame(rows).assign(site="S", **dict.fromkeys(("slices", "slices_with_tumour", "lesions"), 1))
    return table.assign(tumour_pixels=10, predicted_pixels=10).astype(PATIENT_COLUMNS)


def fold(number: int, *test: str, scored: tuple[str, ...] | None = None, also_trained: tuple[str, ...] = ()) -> Fold:
    """A fold with these test patients; all others of `DICE` are training patients."""
    trained = [name for name in DICE if name not in test or name in also_trained]
    subsets = [(name, "test") for name in test] + [(name, "train") for name in trained]
    return Fold(
        number=number,
        patients=scores(*(test if scored is None else scored)),
        subsets=pd.DataFrame(subsets, columns=["patient_id", "subset"]),
        threshold=0.5 - number / 10,
        smallest_lesion=10 * number,
        validation_dice=0.75 + number / 100,
    )


FOLDS = [fold(0, "B", "A"), fold(1, "E", "D"), fold(2, "C")]


def test_every_patient_is_listed_once_with_the_fold() -> None:
    joined = join_folds(FOLDS, set(DICE))
    assert list(joined.columns) == ["fold", *PATIENT_COLUMNS]
    assert list(zip(joined.patient_id, joined.fold, strict=True)) == [("A", 0), ("B", 0), ("C", 2), ("D", 1), ("E", 1)]
    np.testing.assert_array_equal(joined.dice, list(DICE.values()))


def test_folds_by_hand() -> None:
    table = fold_table(FOLDS)
    assert list(table.fold) == [0, 1, 2]
    assert list(table.test_patients) == [2, 2, 1]
    assert list(table.dice_mean) == pytest.approx([0.7, 0.8, 0.7])
    assert list(table.dice_median) == pytest.approx([0.7, 0.8, 0.7])
    assert list(table.threshold) == [0.5, 0.4, 0.3]
    assert list(table.smallest_lesion) == [0, 10, 20]
    assert list(table.validation_dice_mean) == [0.75, 0.76, 0.77]


def test_metrics_by_hand() -> None:
    metrics = summarise(join_folds(FOLDS, set(DICE)), fold_table(FOLDS))
    expected = {
        "cv_folds": 3,
        "cv_patients": 5,
        "cv_dice_mean": (0.9 + 0.5 + 0.7 + 0.8) / 4,  # not the mean of the folds' means
        "cv_dice_median": (0.7 + 0.8) / 2,
        "cv_dice_left_out": 1,
        "cv_flair_dice_mean": 0.25,
        "cv_fold_dice_mean_min": 0.7,
        "cv_fold_dice_mean_max": 0.8,
        "cv_fold_dice_mean_sd": 0.1 / np.sqrt(3),
        "cv_validation_dice_mean": 0.76,
    }
    assert {name: metrics[name] for name in expected} == pytest.approx(expected)
    for name in ("mean", "median"):
        low, high = metrics[f"cv_dice_{name}_ci_low"], metrics[f"cv_dice_{name}_ci_high"]
        assert 0.5 <= low < metrics[f"cv_dice_{name}"] < high <= 0.9


@pytest.mark.parametrize(
    ("folds", "words"),
    [
        ([fold(0, "A", "B"), fold(1, "B", "C", "D", "E")], "more than one fold has scores of these patients: B "),
        ([fold(0, "A", "B"), fold(1, "C", "E")], "the folds together are not the patients of data/index.csv: D "),
        ([fold(0, "A"), fold(1, "B", "C", "D", "E", also_trained=("C",))], "fold 1 tests patients that it .*: C "),
        ([fold(0, "A", scored=("B",)), fold(1, "B", "C", "D", "E")], r"of fold 0 are of other patients: A, B \(2 in"),
    ],
)
def test_folds_that_do_not_belong_together_are_refused(folds: list[Fold], words: str) -> None:
    with pytest.raises(UserError, match=words) as raised:
        join_folds(folds, set(DICE))
    assert "dvc --cd cv repro" in str(raised.value)


def write_fold(folder: Path, content: Fold, **changed: object) -> None:
    split = content.subsets.assign(slice_number=1, fold=content.number)
    write_table(folder / "data/split.csv", split)
    write_table(folder / "metrics/patients.csv", content.patients)
    point = OperatingPoint(threshold=content.threshold, smallest_lesion=content.smallest_lesion)
    write_operating_point(folder / "models/operating_point.json", point)
    write_json(folder / "metrics/evaluate.json", {"validation_dice_mean": content.validation_dice, **changed})


def test_folds_are_read_as_they_were_written(tmp_path: Path) -> None:
    for one in FOLDS:
        write_fold(tmp_path / str(one.number), one)
    write_fold(tmp_path / "3", fold(3, "A"))  # of an earlier run with more folds
    read = read_folds(tmp_path, [0, 1, 2])
    pd.testing.assert_frame_equal(join_folds(read, set(DICE)), join_folds(FOLDS, set(DICE)))
    pd.testing.assert_frame_equal(fold_table(read), fold_table(FOLDS))


def test_missing_folds_are_named(tmp_path: Path) -> None:
    write_fold(tmp_path / "1", FOLDS[1])
    with pytest.raises(UserError, match=r"2 of 3 folds have no scores yet: 0, 2\. Run them: dvc --cd cv repro"):
        read_folds(tmp_path, [0, 1, 2])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"leaky_validation_dice_mean": 0.5}', "it has no validation_dice_mean"),
        ("[]", "it has no validation_dice_mean"),
        ("{", "not JSON"),
        ('{"validation_dice_mean": "high"}', "validation_dice_mean is 'high', expected a number"),
        ('{"validation_dice_mean": 1e400}', "validation_dice_mean is 'inf', expected a number"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_damaged_metrics_of_a_fold_give_one_message(tmp_path: Path, text: str, words: str) -> None:
    write_fold(tmp_path / "0", FOLDS[0])
    (tmp_path / "0/metrics/evaluate.json").write_text(text)
    with pytest.raises(UserError, match=rf"0/metrics/evaluate\.json: not readable \({words}.*dvc --cd cv repro"):
        read_folds(tmp_path, [0])


def test_undefined_validation_dice_is_nan(tmp_path: Path) -> None:
    write_fold(tmp_path / "0", FOLDS[0], validation_dice_mean=None)
    assert np.isnan(read_folds(tmp_path, [0])[0].validation_dice)


def test_source_is_published_only_if_all_pixels_are(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    patients = pd.DataFrame({"patient_id": ["TCGA_1", "TCGA_2"]})
    path.write_text('{"published_patients": 2}')
    assert patient_source(patients, path) == "published"
    path.write_text('{"published_patients": 1}')
    assert patient_source(patients, path) == "other"
    path.unlink()
    with pytest.raises(UserError, match=r"index\.json: not found"):
        patient_source(patients, path)


def test_phantoms_are_recognised_by_their_identifiers(tmp_path: Path) -> None:
    name = phantom.patient_id(1, seed=7)
    assert patient_source(pd.DataFrame({"patient_id": [name]}), tmp_path / "not needed") == "synthetic"
