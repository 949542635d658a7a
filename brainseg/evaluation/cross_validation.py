"""The folds of a cross-validation joined: every patient once, scored by a network that never saw them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from brainseg.errors import UserError
from brainseg.evaluation.patient_scores import SCORES
from brainseg.evaluation.summary import SEED
from brainseg.files import SPLIT_COLUMNS, read_table
from brainseg.metrics import bootstrap

# metrics/patients.csv as the stage evaluate writes it.
COUNTS = ("slices", "slices_with_tumour", "tumour_pixels", "predicted_pixels", "lesions")
PATIENT_COLUMNS = {
    "patient_id": "str",
    "site": "str",
    **dict.fromkeys(COUNTS, "int64"),
    **dict.fromkeys((*SCORES, "flair_dice"), "float64"),
}
SYNTHETIC = "PHAN_"  # how the names begin that brainseg/phantom/patients.py gives
NAMED = 3  # patients that a message names

PatientSource = Literal["published", "synthetic", "other"]


@dataclass(frozen=True, kw_only=True)
class Fold:
    """What is kept of one fold.

    Attributes:
        number: as in split.folds.
        patients: its metrics/patients.csv, a row a test patient.
        subsets: a row per patient and subset; columns patient_id and subset.
        threshold: chosen on its validation patients.
        smallest_lesion: likewise, voxels.
        validation_dice: mean over its validation patients.
    """

    number: int
    patients: pd.DataFrame
    subsets: pd.DataFrame
    threshold: float
    smallest_lesion: int
    validation_dice: float


def read_folds(folder: Path, numbers: Sequence[int]) -> list[Fold]:
    """Read what the stages wrote for each fold.

    Args:
        folder: holds a folder a fold, named by its number.
        numbers: split.folds.

    Raises:
        UserError: if a fold is not there, or one of its files is not what it should be.
    """
    missing = [number for number in numbers if not (folder / f"{number}/metrics/patients.csv").is_file()]
    if missing:
        raise UserError(
            f"{folder}: {len(missing)} of {len(numbers)} folds have no scores yet: {', '.join(map(str, missing))}. "
            "Run them: dvc --cd cv repro --keep-going"
        )
    return [_read_fold(folder / str(number), number) for number in numbers]


def pool(folds: Sequence[Fold], patient_ids: set[str]) -> pd.DataFrame:
    """Join the scores of the test patients of all folds.

    Args:
        folds: at least one.
        patient_ids: everyone in data/index.csv.

    Returns:
        A row per patient, sorted by patient_id: fold, then `PATIENT_COLUMNS`.

    Raises:
        UserError: if a patient is scored twice, not at all, or by a network that saw them.
    """
    for fold in folds:
        tested = set(fold.subsets.patient_id[fold.subsets.subset == "test"])
        seen = set(fold.subsets.patient_id[fold.subsets.subset != "test"])
        _refuse(tested & seen, f"fold {fold.number} tests patients that it trains or validates on")
        _refuse(tested ^ set(fold.patients.patient_id), f"the scores of fold {fold.number} are of other patients")
    pooled = pd.concat([fold.patients.assign(fold=fold.number) for fold in folds], ignore_index=True)
    _refuse(set(pooled.patient_id[pooled.patient_id.duplicated()]), "more than one fold has scores of these patients")
    _refuse(patient_ids ^ set(pooled.patient_id), "the folds together are not the patients of data/index.csv")
    return pooled[["fold", *PATIENT_COLUMNS]].sort_values("patient_id", ignore_index=True)


def fold_table(folds: Sequence[Fold]) -> pd.DataFrame:
    """A row per fold: fold, test_patients, dice_mean, dice_median, threshold, smallest_lesion, validation_dice_mean."""
    rows = [
        {
            "fold": fold.number,
            "test_patients": len(fold.patients),
            "dice_mean": fold.patients.dice.mean(),
            "dice_median": fold.patients.dice.median(),
            "threshold": fold.threshold,
            "smallest_lesion": fold.smallest_lesion,
            "validation_dice_mean": fold.validation_dice,
        }
        for fold in folds
    ]
    return pd.DataFrame(rows)


def summarise(patients: pd.DataFrame, folds: pd.DataFrame) -> dict[str, float | int]:
    """The metrics of cv/metrics/cross_validation.json, named apart from those of the other metrics files.

    Args:
        patients: what `pool` gave.
        folds: a `fold_table`.

    Returns:
        name -> number, NaN where undefined. Intervals are of 95 %, patients drawn again; cv_fold_dice_mean_* is the
        spread of the folds' means.
    """
    mean, median = (bootstrap.interval(patients.dice, seed=SEED, statistic=name) for name in ("mean", "median"))
    return {
        "cv_folds": len(folds),
        "cv_patients": len(patients),
        "cv_dice_mean": mean.value,
        "cv_dice_mean_ci_low": mean.ci_low,
        "cv_dice_mean_ci_high": mean.ci_high,
        "cv_dice_median": median.value,
        "cv_dice_median_ci_low": median.ci_low,
        "cv_dice_median_ci_high": median.ci_high,
        "cv_dice_left_out": mean.left_out,
        "cv_flair_dice_mean": patients.flair_dice.mean(),
        "cv_sensitivity_mean": patients.sensitivity.mean(),
        "cv_precision_mean": patients.precision.mean(),
        "cv_hd95_px_median": patients.hd95_px.median(),
        "cv_fold_dice_mean_min": folds.dice_mean.min(),
        "cv_fold_dice_mean_max": folds.dice_mean.max(),
        "cv_fold_dice_mean_sd": folds.dice_mean.std(),
        "cv_validation_dice_mean": folds.validation_dice_mean.mean(),
    }


def patient_source(patients: pd.DataFrame, index_metrics: Path) -> PatientSource:
    """Whose scores these are, for a published figure is a yardstick for patients of the published set only.

    Args:
        patients: what `pool` gave.
        index_metrics: metrics/index.json, which counts the patients whose pixels are those of the published set.

    Raises:
        UserError: if the file is missing or unreadable.
    """
    if patients.patient_id.str.startswith(SYNTHETIC).any():
        return "synthetic"
    return "published" if _read_metrics(index_metrics, "published_patients") == [len(patients)] else "other"


def _read_fold(folder: Path, number: int) -> Fold:
    split = read_table(folder / "data/split.csv", SPLIT_COLUMNS)
    threshold, smallest_lesion, validation_dice = _read_metrics(
        folder / "metrics/evaluate.json", "threshold", "smallest_lesion", "validation_dice_mean"
    )
    return Fold(
        number=number,
        patients=read_table(folder / "metrics/patients.csv", PATIENT_COLUMNS),
        subsets=split[["patient_id", "subset"]].drop_duplicates(),
        threshold=float(threshold),
        smallest_lesion=int(smallest_lesion),
        validation_dice=float("nan") if validation_dice is None else float(validation_dice),
    )


def _read_metrics(path: Path, *names: str) -> list[float]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return [content[name] for name in names]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{path}: not readable ({type(error).__name__}: {error}). Run what writes it again: dvc repro index && "
            "dvc --cd cv repro"
        ) from None


def _refuse(patient_ids: set[str], what: str) -> None:
    """Raise if there are such patients."""
    if patient_ids:
        named = sorted(patient_ids)[:NAMED]
        more = ", ..." if len(patient_ids) > NAMED else ""
        raise UserError(
            f"cross-validation: {what}: {', '.join(named)}{more} ({len(patient_ids)} in all). The folds are of "
            "different splits. Make them anew: dvc repro index && dvc --cd cv repro, with --force where nothing changed"
        )
