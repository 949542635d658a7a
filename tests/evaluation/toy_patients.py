"""Helpers for the tests of the evaluation: hand-drawn patients as files, and patients and tables in memory."""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from brainseg.evaluation.cases import Case
from brainseg.evaluation.comparison import COMPARED
from brainseg.files import HISTORY_COLUMNS, write_table
from brainseg.imaging.head import head_mask
from brainseg.imaging.preprocessing import fit_preprocessing
from brainseg.imaging.volume import BoolArray, FloatArray, Volume
from brainseg.params import EvaluateParams, load_params
from brainseg.prediction.probability_maps import write_probabilities
from stages import evaluate
from tests.project import ROOT

# Without some sequences, every probability is lower by this factor; at threshold 0.5 that leaves X, or X and 8, or all.
WITHHELD_FACTORS = {"flair_alone": 0.5, "without_pre_contrast": 0.75, "without_post_contrast": 1.0}
PROBABILITIES = {".": 0.0, "1": 0.125, "5": 0.5, "8": 0.875, "X": 1.0}

# Slices of 3 x 5 pixels: reference on the left, probabilities on the right; at threshold 0.5, 5, 8 and X are tumour.
DRAWN = {
    "TOY_AA_ONE": [  # 2 true positives, 2 false negatives
        [". . . . .   . . . . .", ". # # . .   . X 1 . .", ". # # . .   . 5 . . ."],
        [". . . . .   . . . . .", ". . . . .   . . 1 . .", ". . . . .   . . . . ."],
    ],
    "TOY_AA_TWO": [  # 2 true positives; 1 false positive, on a slice without tumour
        [". . . . .   . . . . .", ". . # # .   . . 8 8 .", ". . . . .   . . . . ."],
        [". . . . .   . . . . .", ". . . . .   . . 5 . .", ". . . . .   . . . . ."],
    ],
    "TOY_BB_TEN": [  # no tumour, and none predicted
        [". . . . .   . . . . .", ". . . . .   . 1 . . .", ". . . . .   . . . . ."],
    ],
    "TOY_BB_VAL": [  # 1 true positive, 1 false positive
        [". . . . .   . . . . .", ". # . . .   . X X . .", ". . . . .   . . . . ."],
    ],
    "TOY_BB_TRAIN": [
        [". . . . .   . . . . .", ". # . . .   . . . . .", ". . . . .   . . . . ."],
    ],
}
BY_PATIENT = dict.fromkeys(DRAWN, "test") | {"TOY_BB_VAL": "validation", "TOY_BB_TRAIN": "train"}


def drawn(patient_id: str) -> tuple[BoolArray, FloatArray]:
    """Reference mask, bool, and probabilities, float32, of a drawn patient, both (S, 3, 5)."""
    pixels = np.array([[row.split() for row in one] for one in DRAWN[patient_id]])
    return pixels[..., :5] == "#", np.vectorize(PROBABILITIES.get)(pixels[..., 5:]).astype(np.float32)


def write_project(root: Path) -> None:
    """Write the images, tables and predictions of the drawn patients, as the earlier stages leave them."""
    index = []
    for patient_id in DRAWN:
        mask_true, probability = drawn(patient_id)
        (root / "raw" / patient_id).mkdir(parents=True)
        for number, mask in enumerate(mask_true, start=1):
            image_path, mask_path = (f"{patient_id}/{patient_id}_{number}{end}.tif" for end in ("", "_mask"))
            assert cv2.imwrite(str(root / "raw" / image_path), np.full((3, 5, 3), 90, np.uint8))
            assert cv2.imwrite(str(root / "raw" / mask_path), mask.astype(np.uint8) * 255)
            row = [patient_id, patient_id[4:6], number, image_path, mask_path, 3, 5, int(mask.sum()), "", "0"]
            index.append(row)
        if patient_id != "TOY_BB_TRAIN":
            numbers = np.arange(1, len(probability) + 1)
            write_probabilities(root / f"data/predictions/{patient_id}.npz", probability, numbers)
            for name, factor in WITHHELD_FACTORS.items():
                path = root / f"data/predictions/{name}/{patient_id}.npz"
                write_probabilities(path, np.float32(factor) * probability, numbers)
    columns = "patient_id site slice_number image_path mask_path height width tumour_pixels missing_sequences digest"
    write_table(root / "data/index.csv", pd.DataFrame(index, columns=columns.split()))
    write_split([(row[0], row[2], BY_PATIENT[row[0]], 0) for row in index], root)
    epochs = [(epoch, 1 / epoch, 2 / epoch, 0.9, 0.9, 0.5, 0.4, 0.001) for epoch in (1, 2, 3)]
    write_table(root / "models/history.csv", pd.DataFrame(epochs, columns=list(HISTORY_COLUMNS)))


def write_split(rows: list[tuple], root: Path = Path()) -> None:
    """Write data/split.csv from tuples of patient_id, slice_number, subset and fold."""
    split = pd.DataFrame(rows, columns=["patient_id", "slice_number", "subset", "fold"])
    write_table(root / "data/split.csv", split)


def run_stage(
    *, strategy: str = "patient", threshold: float | str = 0.5, smallest_lesion: int | str = 0, out: Path = Path()
) -> dict:
    """Run the stage evaluate in the current folder; returns metrics/evaluate.json."""
    params = load_params(ROOT / "params.yaml")
    params = params.model_copy(
        update={
            "data": params.data.model_copy(update={"root": "raw"}),
            "split": params.split.model_copy(update={"strategy": strategy}),
            "evaluate": EvaluateParams(threshold=threshold, smallest_lesion=smallest_lesion),
        }
    )
    evaluate.main(params, argparse.Namespace(out=out))
    return json.loads((out / "metrics/evaluate.json").read_text())


def run_table(dice: list[float], **columns: object) -> pd.DataFrame:
    """Make a metrics/patients.csv: one patient per Dice, p0, p1, ..., every other score compared is 0.5."""
    table = pd.DataFrame({"patient_id": [f"p{number}" for number in range(len(dice))], "slices": 20})
    return table.assign(tumour_pixels=100, **dict.fromkeys(COMPARED, 0.5)).assign(dice=dice, **columns)


def make_case(seed: int = 0, *, tumour: bool = True) -> Case:
    """Make a patient with a cubic tumour, bright on FLAIR and predicted imperfectly, and a small false positive."""
    rng = np.random.default_rng(seed)
    mask_true = np.zeros((6, 24, 24), np.bool_)
    mask_true[1:5, 4:12, 4:12] = tumour
    probability = np.where(mask_true, rng.uniform(0.3, 1, mask_true.shape), rng.uniform(0, 0.2, mask_true.shape))
    probability[5, 20:22, 20:22] = 0.95
    image = rng.integers(40, 100, (*mask_true.shape, 3), dtype=np.uint8)
    image[mask_true] += 100
    volume = Volume(patient_id=f"p{seed}", image=image, mask_true=mask_true, slice_numbers=np.arange(1, 7))
    return Case(
        site="AA",
        volume=volume,
        probability=probability.astype(np.float32),
        head=head_mask(image),
        normalisation=fit_preprocessing(image, "brain_zscore", "head").normalisation,
    )
