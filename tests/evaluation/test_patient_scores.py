"""The stage evaluate on five drawn patients, every number worked out by hand."""

import argparse
import json
import math
import weakref
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from brainseg.errors import UserError
from brainseg.evaluation import cases
from brainseg.evaluation.patient_scores import SCORES
from brainseg.files import HISTORY_COLUMNS, write_table
from brainseg.params import EvaluateParams, load_params
from brainseg.prediction.probability_maps import write_probabilities
from stages import evaluate

ROOT = Path(__file__).parents[2]
PROBABILITIES = {".": 0.0, "1": 0.125, "5": 0.5, "8": 0.875, "X": 1.0}

# Slices of 3 x 5 pixels, the outline beside the probabilities; at threshold 0.5, 5 8 and X are predicted as tumour.
DRAWN = {
    "TOY_AA_ONE": [  # found 2, missed 2
        [". . . . .   . . . . .", ". # # . .   . X 1 . .", ". # # . .   . 5 . . ."],
        [". . . . .   . . . . .", ". . . . .   . . 1 . .", ". . . . .   . . . . ."],
    ],
    "TOY_AA_TWO": [  # found 2, 1 too many and that on a slice without tumour
        [". . . . .   . . . . .", ". . # # .   . . 8 8 .", ". . . . .   . . . . ."],
        [". . . . .   . . . . .", ". . . . .   . . 5 . .", ". . . . .   . . . . ."],
    ],
    "TOY_BB_TEN": [  # no tumour, and none found
        [". . . . .   . . . . .", ". . . . .   . 1 . . .", ". . . . .   . . . . ."],
    ],
    "TOY_BB_VAL": [  # found 1, 1 too many
        [". . . . .   . . . . .", ". # . . .   . X X . .", ". . . . .   . . . . ."],
    ],
    "TOY_BB_TRAIN": [
        [". . . . .   . . . . .", ". # . . .   . . . . .", ". . . . .   . . . . ."],
    ],
}
BY_PATIENT = dict.fromkeys(DRAWN, "test") | {"TOY_BB_VAL": "validation", "TOY_BB_TRAIN": "train"}


def drawn(patient_id):
    """Outlines, bool, and probabilities, float32, both (S, 3, 5)."""
    pixels = np.array([[row.split() for row in one] for one in DRAWN[patient_id]])
    return pixels[..., :5] == "#", np.vectorize(PROBABILITIES.get)(pixels[..., 5:]).astype(np.float32)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with pictures, tables and predictions, as the earlier stages leave it; the current one."""
    monkeypatch.chdir(tmp_path)
    index = []
    for patient_id in DRAWN:
        mask_true, probability = drawn(patient_id)
        (tmp_path / "raw" / patient_id).mkdir(parents=True)
        for number, mask in enumerate(mask_true, start=1):
            image_path, mask_path = (f"{patient_id}/{patient_id}_{number}{end}.tif" for end in ("", "_mask"))
            assert cv2.imwrite(str(tmp_path / "raw" / image_path), np.full((3, 5, 3), 90, np.uint8))
            assert cv2.imwrite(str(tmp_path / "raw" / mask_path), mask.astype(np.uint8) * 255)
            row = [patient_id, patient_id[4:6], number, image_path, mask_path, 3, 5, int(mask.sum()), "", "0"]
            index.append(row)
        if patient_id != "TOY_BB_TRAIN":
            numbers = np.arange(1, len(probability) + 1)
            write_probabilities(tmp_path / f"data/predictions/{patient_id}.npz", probability, numbers)
    columns = "patient_id site slice_number image_path mask_path height width tumour_pixels missing_sequences digest"
    write_table(Path("data/index.csv"), pd.DataFrame(index, columns=columns.split()))
    write_split([(row[0], row[2], BY_PATIENT[row[0]], 0) for row in index])
    epochs = [(epoch, 1 / epoch, 2 / epoch, 0.9, 0.9, 0.5, 0.4, 0.001) for epoch in (1, 2, 3)]
    write_table(Path("models/history.csv"), pd.DataFrame(epochs, columns=list(HISTORY_COLUMNS)))
    return tmp_path


def write_split(rows):
    write_table(Path("data/split.csv"), pd.DataFrame(rows, columns=["patient_id", "slice_number", "subset", "fold"]))


def run_stage(*, strategy="patient", threshold=0.5, smallest_lesion=0, out=None):
    params = load_params(ROOT / "params.yaml")
    params = params.model_copy(
        update={
            "data": params.data.model_copy(update={"root": "raw"}),
            "split": params.split.model_copy(update={"strategy": strategy}),
            "evaluate": EvaluateParams(threshold=threshold, smallest_lesion=smallest_lesion),
        }
    )
    evaluate.main(params, argparse.Namespace(out=out or Path()))
    return json.loads(((out or Path()) / "metrics/evaluate.json").read_text())


def test_metrics_by_hand(project):
    # What each pixel that is not exactly right costs: 1 and 2 of ONE, 8 8 and 5 of TWO, 1 of TEN.
    one = -math.log(0.125) - math.log(0.5) - math.log(1e-7) - math.log(0.875)
    two = -2 * math.log(0.875) - math.log(0.5)
    ten = -math.log(0.875)
    # Pixels of 75 by probability: 67 of 0, 1 tumour; 3 of 0.125, 1 tumour; 2 of 0.5, 1; 2 of 0.875, both; 1 of 1, it.
    calibration_error = (1 + 3 * (1 / 3 - 0.125) + 0 + 2 * 0.125 + 0) / 75
    expected = {
        "scored_patients": 3,
        "threshold": 0.5,
        "smallest_lesion": 0,
        "validation_dice_mean": 2 / 3,
        "dice_mean": (4 / 6 + 4 / 5) / 2,
        "dice_mean_ci_low": 4 / 6,  # of two patients, a quarter of the resamples is the worse one twice
        "dice_mean_ci_high": 4 / 5,
        "dice_median": (4 / 6 + 4 / 5) / 2,
        "dice_left_out": 1,
        "dice_pooled": 2 * 4 / (2 * 4 + 1 + 2),
        "flair_dice_mean": (2 * 4 / 34 + 2 * 2 / 32 + 0) / 3,  # pictures of one grey: everything is at the mean
        "iou_mean": (2 / 4 + 2 / 3) / 2,
        "sensitivity_mean": (2 / 4 + 1) / 2,
        "specificity_mean": (1 + 27 / 28 + 1) / 3,
        "precision_mean": (1 + 2 / 3) / 2,
        "volume_error_median": 0.5,
        "hd95_px_median": (1 + 0.9) / 2,  # 95 % of 0 0 1 1, and of 0 0 1
        "hd95_px_left_out": 1,
        "nsd_2px_mean": 1,
        "lesion_sensitivity_mean": 1,
        "lesion_false_positives_mean": 0,  # what is too much in TWO hangs on the tumour
        "slice_sensitivity": 2 / 2,
        "slice_specificity": 2 / 3,
        "calibration_error": calibration_error,
        "binary_cross_entropy_loss": (one + two + ten) / 75,
        "accuracy": (28 / 30 + 29 / 30 + 1) / 3,
        "background_accuracy": (26 / 30 + 28 / 30 + 1) / 3,
    }
    metrics = run_stage()
    assert list(metrics) == list(expected)
    assert metrics == pytest.approx(expected, abs=1e-6)


def test_operating_point_is_chosen_on_validation_and_written(project):
    """The two have two pixels of probability 1: any threshold will do, and to drop lesions of 2 voxels will not."""
    one, two = "TOY_BB_VAL", "TOY_AA_TWO"
    write_split([("TOY_AA_ONE", 1, "test", 0), (one, 1, "validation", 0), (two, 1, "validation", 0)])
    mask_true = drawn(two)[0]
    write_probabilities(Path(f"data/predictions/{two}.npz"), mask_true.astype(np.float32), np.array([1, 2]))
    metrics = run_stage(threshold="validation", smallest_lesion="validation")
    assert (metrics["threshold"], metrics["smallest_lesion"]) == (0.5, 0)
    assert json.loads(Path("models/operating_point.json").read_text()) == {"threshold": 0.5, "smallest_lesion": 0}
    assert len(pd.read_csv("plots/dice_by_threshold.csv")) == 19
    write_probabilities(Path(f"data/predictions/{one}.npz"), drawn(one)[0] * np.float32(0.25), np.array([1]))
    write_probabilities(Path(f"data/predictions/{two}.npz"), mask_true * np.float32(0.25), np.array([1, 2]))
    assert run_stage(threshold="validation", smallest_lesion="validation")["threshold"] == 0.25


def test_small_lesions_are_dropped_before_scoring(project):
    metrics = run_stage(smallest_lesion=3)
    patients = pd.read_csv("metrics/patients.csv", index_col="patient_id")
    assert list(patients["predicted_pixels"]) == [0, 3, 0]
    assert metrics["precision_mean"] == pytest.approx(2 / 3, abs=1e-6)
    assert metrics["hd95_px_left_out"] == 2
    assert pd.read_csv("plots/precision_recall.csv")["threshold"].iloc[0] == 1  # of probabilities, as they are


def test_sites_by_hand(project):
    run_stage()
    sites = pd.read_csv("metrics/sites.csv", index_col="site")
    assert list(sites.index) == ["AA", "BB"]
    aa = {
        "patients": 2,
        "tumour_pixels_median": 3,
        "dice_mean": (4 / 6 + 4 / 5) / 2,
        "dice_min": 4 / 6,
        "dice_max": 0.8,
    }
    assert dict(sites.loc["AA", list(aa)]) == pytest.approx(aa)
    assert (sites.loc["BB", "patients"], sites.loc["BB", "dice_left_out"]) == (1, 1)
    assert np.isnan(sites.loc["BB", "dice_mean"])


def test_scores_stand_beside_both_baselines(project):
    run_stage()
    scores = pd.read_csv("metrics/scores.csv", index_col="score")
    assert tuple(scores.index) == SCORES
    pooled = {"dice": 8 / 11, "iou": 4 / 7, "sensitivity": 4 / 6, "specificity": 68 / 69, "precision": 4 / 5}
    pooled |= {"accuracy": 72 / 75, "volume_bias": -1 / 6, "slice_specificity": 2 / 3}
    assert dict(scores.loc[list(pooled), "pooled"]) == pytest.approx(pooled)
    loss = -math.log(1e-7) * (4 / 30 + 2 / 30 + 0) / 3  # each missed pixel costs 16.1
    background = {"dice": 0, "sensitivity": 0, "specificity": 1, "volume_bias": -1, "binary_cross_entropy_loss": loss}
    assert dict(scores.loc[list(background), "background"]) == pytest.approx(background)
    assert np.isnan(scores.loc["precision", "background"])
    flair = {"sensitivity": 1, "specificity": 0, "slice_specificity": 0}
    assert dict(scores.loc[list(flair), "flair"]) == pytest.approx(flair)
    assert scores.loc["iou", "left_out"] == 1


def test_patients_by_hand(project):
    run_stage()
    patients = pd.read_csv("metrics/patients.csv", index_col="patient_id")
    assert list(patients.index) == ["TOY_AA_ONE", "TOY_AA_TWO", "TOY_BB_TEN"]
    one = patients.loc["TOY_AA_ONE"]
    assert list(one[["site", "slices", "slices_with_tumour", "tumour_pixels", "predicted_pixels"]]) == [
        "AA",
        2,
        1,
        4,
        2,
    ]
    scores = {"dice": 4 / 6, "iou": 0.5, "sensitivity": 0.5, "specificity": 1, "precision": 1, "accuracy": 28 / 30}
    assert dict(one[list(scores)]) == pytest.approx(scores)
    assert one["soft_dice_loss"] == pytest.approx(1 - 2 * 1.625 / (4 + 1.75))
    undefined = patients.loc["TOY_BB_TEN"].isna()
    assert list(undefined[undefined].index) == [
        "dice",
        "iou",
        "sensitivity",
        "precision",
        "volume_error",
        "volume_bias",
        "hd95_px",
        "assd_px",
        "nsd_2px",
        "lesion_dice",
        "lesion_sensitivity",
        "slice_sensitivity",
        "slice_auc",
    ]
    assert patients.loc["TOY_BB_TEN", "soft_dice_loss"] == 1  # a little probability where nothing is


def test_plots_by_hand(project):
    run_stage()
    assert Path("plots/confusion.csv").read_text() == (
        "patient_id,slice_number,actual,predicted\n"
        "TOY_AA_ONE,1,tumour,tumour\n"
        "TOY_AA_ONE,2,no tumour,no tumour\n"
        "TOY_AA_TWO,1,tumour,tumour\n"
        "TOY_AA_TWO,2,no tumour,tumour\n"
        "TOY_BB_TEN,1,no tumour,no tumour\n"
    )
    assert Path("plots/dice_by_patient.csv").read_text() == (
        "patient_id,dice\nTOY_AA_TWO,0.8\nTOY_AA_ONE,0.666666667\n"  # best first, without the undefined one
    )
    curve = pd.read_csv("plots/precision_recall.csv")
    expected = [  # threshold, precision, sensitivity, dice; predicted 1, 3, 5, 8 and all 75 of 6
        (1.0, 1 / 1, 1 / 6, 2 / 7),
        (0.875, 3 / 3, 3 / 6, 6 / 9),
        (0.5, 4 / 5, 4 / 6, 8 / 11),
        (0.125, 5 / 8, 5 / 6, 10 / 14),
        (0.0, 6 / 75, 6 / 6, 12 / 81),
    ]
    assert list(curve) == ["threshold", "precision", "sensitivity", "dice"]
    np.testing.assert_allclose(curve, expected, rtol=1e-8)
    pd.testing.assert_frame_equal(pd.read_csv("plots/history.csv"), pd.read_csv("models/history.csv"))
    assert Path("plots/volumes.csv").read_text() == (
        "patient_id,tumour_pixels,predicted_pixels\nTOY_BB_TEN,0,0\nTOY_AA_TWO,2,3\nTOY_AA_ONE,4,2\n"
    )
    reliability = pd.read_csv("plots/reliability.csv")
    assert list(reliability["pixels"]) == [67, 3, 2, 2, 1]  # bins without a pixel are not drawn
    np.testing.assert_allclose(reliability["observed"], [1 / 67, 1 / 3, 1 / 2, 1, 1], rtol=1e-8)
    by_threshold = pd.read_csv("plots/dice_by_threshold.csv")
    assert list(by_threshold["dice_mean"].round(6).unique()) == [0.666667]


def test_a_probability_at_the_threshold_is_tumour(project):
    assert run_stage(threshold=0.875)["sensitivity_mean"] == pytest.approx((1 / 4 + 1) / 2, abs=1e-6)
    assert run_stage(threshold=0.8751)["sensitivity_mean"] == pytest.approx((1 / 4 + 0) / 2, abs=1e-6)


def test_the_report_stands_beside_the_baselines(project, capsys):
    run_stage()
    printed = capsys.readouterr().out
    assert "1 validation patients: threshold 0.5, no lesion dropped; their mean Dice 0.667" in printed
    assert "3 test patients, 5 slices" in printed
    (dice,) = (line for line in printed.splitlines() if line.startswith("dice "))
    numbers = [word for word in dice.split() if word[0].isdigit()]
    assert numbers == ["0.733", "0.667", "0.800", "0.733", "1", "0.727", "0.000", "0.120"]
    (site,) = (line for line in printed.splitlines() if line.startswith("AA "))
    assert site.split() == ["AA", "2", "0.733", "0.733", "0.667", "0.800", "0.180"]
    assert "metrics/evaluate.json" in printed
    assert "nan" not in printed
    assert max(map(len, printed.splitlines())) <= 110


def test_same_input_same_bytes(project):
    run_stage(out=Path())
    for folder in ("data", "models"):
        (project / "other").mkdir(exist_ok=True)
        (project / "other" / folder).symlink_to(project / folder)
    run_stage(out=Path("other"))
    written = [path for folder in ("metrics", "plots") for path in sorted((project / folder).iterdir())]
    assert len(written) == 11
    for path in written:
        assert path.read_bytes() == (project / "other" / path.relative_to(project)).read_bytes()


def test_slice_split_scores_test_slices_only_and_says_leaky(project, capsys):
    write_split(
        [
            ("TOY_AA_ONE", 1, "test", None),
            ("TOY_AA_ONE", 2, "train", None),
            ("TOY_AA_TWO", 2, "test", None),
            ("TOY_AA_TWO", 1, "train", None),
        ]
    )
    _, probability = drawn("TOY_AA_TWO")
    write_probabilities(Path("data/predictions/TOY_AA_TWO.npz"), probability[1:], np.array([2]))
    metrics = run_stage(strategy="slice")
    assert all(name.startswith("leaky_") for name in metrics)
    assert metrics["leaky_scored_patients"] == 2
    assert pd.read_csv("metrics/scores.csv")["score"].str.startswith("leaky_").all()
    assert metrics["leaky_dice_mean"] == pytest.approx((4 / 6 + 0) / 2, abs=1e-6)
    assert metrics["leaky_slice_specificity"] == 0
    assert metrics["leaky_flair_dice_mean"] is None  # no patients to choose its threshold on
    assert metrics["leaky_validation_dice_mean"] is None  # the test slices were the validation slices
    assert list(pd.read_csv("metrics/patients.csv")["slices"]) == [1, 1]
    assert "measure memory" in capsys.readouterr().out


def test_predictions_are_matched_by_slice_number(project):
    _, probability = drawn("TOY_AA_ONE")
    elsewhere = np.ones_like(probability[:1])
    shuffled = np.concatenate([probability[1:], elsewhere, probability[:1]])
    expected = run_stage()
    write_probabilities(Path("data/predictions/TOY_AA_ONE.npz"), shuffled, np.array([2, 9, 1]))
    assert run_stage() == expected


def refused(message):
    """The stage stops with one message, and nothing is written."""
    with pytest.raises(UserError, match=message):
        run_stage()
    assert not Path("metrics").exists()


@pytest.mark.parametrize(
    ("maps", "numbers", "message"),
    [
        ((2, 5, 3), [1, 2], r"TOY_AA_ONE.npz: maps are 5 x 3 pixels, the patient's slices are 3 x 5.*--force predict"),
        ((1, 3, 5), [1], "TOY_AA_ONE.npz: 1 of 2 slices to score are not in it, the first is slice 2.*--force predict"),
        ((2, 3, 5), [1], r"TOY_AA_ONE.npz: 1 slice number.s. for maps of shape \(2, 3, 5\)"),
        ((2, 15), [1, 2], r"TOY_AA_ONE.npz: 2 slice number.s. for maps of shape \(2, 15\)"),
    ],
)
def test_predictions_that_do_not_fit(project, maps, numbers, message):
    write_probabilities(Path("data/predictions/TOY_AA_ONE.npz"), np.zeros(maps, np.float32), np.array(numbers))
    refused(message)


def test_predictions_that_are_none(project):
    path = Path("data/predictions/TOY_AA_ONE.npz")
    write_probabilities(path, np.full((2, 3, 5), np.nan, np.float32), np.array([1, 2]))
    refused(r"TOY_AA_ONE.npz: holds a value that is no probability")
    path.unlink()
    refused(r"TOY_AA_ONE.npz: not found.*dvc repro predict")


def test_a_split_that_does_not_go_with_the_index(project):
    write_split([("TOY_AA_ONE", 7, "test", 0), ("TOY_AA_ONE", 1, "test", 0)])
    refused(r"1 test slice\(s\).*the first is TOY_AA_ONE slice 7")
    write_split([("TOY_AA_ONE", 1, "test", 0), ("TOY_AA_ONE", 1, "test", 0)])
    refused(r"1 test slice\(s\).*the first is TOY_AA_ONE slice 1")
    write_split([("TOY_AA_ONE", 1, "train", 0)])
    refused("no test slice")


def test_one_test_patient_has_scores_and_no_interval(project):
    write_split([("TOY_AA_ONE", 1, "test", 0), ("TOY_AA_ONE", 2, "test", 0), ("TOY_BB_VAL", 1, "validation", 0)])
    metrics = run_stage()
    assert metrics["dice_mean"] == pytest.approx(4 / 6, abs=1e-6)
    assert metrics["dice_mean_ci_low"] is None
    assert metrics["dice_mean_ci_high"] is None


def test_a_subset_without_patients_to_choose_on_is_one_message(project):
    write_split([("TOY_AA_ONE", 1, "test", 0)])
    with pytest.raises(UserError, match=r"0 validation patient\(s\).*evaluate\.smallest_lesion: 0"):
        run_stage(threshold="validation")
    assert not Path("metrics").exists()
    assert run_stage()["validation_dice_mean"] is None  # numbers need none
    assert list(pd.read_csv("plots/dice_by_threshold.csv")) == ["threshold", "dice_mean", "dice_median"]


def test_patients_are_let_go(project, monkeypatch):
    """Memory does not grow with the number of patients: reading one, at most the one before is still held."""
    volumes, held = [], []
    read = cases.read_volume

    def watched(*args):
        held.append(sum(volume() is not None for volume in volumes))
        volume = read(*args)
        volumes.append(weakref.ref(volume))
        return volume

    monkeypatch.setattr(cases, "read_volume", watched)
    run_stage()
    assert len(held) == 4
    assert max(held) <= 1
