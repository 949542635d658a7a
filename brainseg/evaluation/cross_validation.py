"""Join the folds of a cross-validation: every patient once, scored by a network that was not trained on them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from brainseg.dataset.synthetic import has_synthetic
from brainseg.errors import UserError
from brainseg.evaluation.patient_scores import PATIENT_COLUMNS
from brainseg.files import SPLIT_COLUMNS, read_table
from brainseg.metrics import bootstrap
from brainseg.prediction.operating_point import read_operating_point
from brainseg.prediction.withheld import WITHHELD
from brainseg.reading import DamagedFileError, read_json

MAX_NAMED = 3  # patients named in a message
LARGEST = 1e9  # no metric that is read here is negative or as large

PatientSource = Literal["published", "synthetic", "other"]


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Results of one fold.

    Attributes:
        number: as in split.folds.
        patients: its metrics/patients.csv, one row per test patient.
        subsets: columns patient_id and subset, one row per patient and subset.
        threshold: chosen on the fold's validation patients.
        smallest_lesion: chosen on the fold's validation patients, voxels.
        validation_dice: mean Dice of the fold's validation patients.
    """

    number: int
    patients: pd.DataFrame
    subsets: pd.DataFrame
    threshold: float
    smallest_lesion: int
    validation_dice: float


def read_folds(folder: Path, numbers: Sequence[int]) -> list[Fold]:
    """Read the results of all folds.

    Args:
        folder: contains one folder per fold, named by its number.
        numbers: split.folds.

    Returns:
        The folds, in the order of `numbers`.

    Raises:
        UserError: if a fold is missing, or one of its files is unreadable.
    """
    missing = [number for number in numbers if not (folder / f"{number}/metrics/patients.csv").is_file()]
    if missing:
        raise UserError(
            f"{folder}: {len(missing)} of {len(numbers)} folds have no scores yet: {', '.join(map(str, missing))}. "
            "Run them: dvc --cd cv repro --keep-going"
        )
    return [_read_fold(folder / str(number), number) for number in numbers]


def join_folds(folds: Sequence[Fold], patient_ids: set[str]) -> pd.DataFrame:
    """Join the scores of the test patients of all folds.

    Args:
        folds: at least one.
        patient_ids: all patients of data/index.csv.

    Returns:
        One row per patient, sorted by patient_id: column fold, then `PATIENT_COLUMNS`.

    Raises:
        UserError: if a patient is scored twice, not at all, or by a network that was trained on them.
    """
    for fold in folds:
        tested = set(fold.subsets.patient_id[fold.subsets.subset == "test"])
        seen = set(fold.subsets.patient_id[fold.subsets.subset != "test"])
        _require_none(tested & seen, f"fold {fold.number} tests patients that it trains or validates on")
        _require_none(tested ^ set(fold.patients.patient_id), f"the scores of fold {fold.number} are of other patients")
    joined = pd.concat([fold.patients.assign(fold=fold.number) for fold in folds], ignore_index=True)
    repeated = set(joined.patient_id[joined.patient_id.duplicated()])
    _require_none(repeated, "more than one fold has scores of these patients")
    _require_none(patient_ids ^ set(joined.patient_id), "the folds together are not the patients of data/index.csv")
    return joined[["fold", *PATIENT_COLUMNS]].sort_values("patient_id", ignore_index=True)


def fold_table(folds: Sequence[Fold]) -> pd.DataFrame:
    """Make cv/metrics/folds.csv.

    Args:
        folds: at least one.

    Returns:
        One row per fold. Columns fold, test_patients, dice_mean, dice_median, threshold, smallest_lesion,
        validation_dice_mean.
    """
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
    """Compute the metrics of cv/metrics/cross_validation.json.

    Their names differ from those in the other metrics files.

    Args:
        patients: the result of `join_folds`.
        folds: the result of `fold_table`.

    Returns:
        name -> value, NaN where undefined. Intervals are 95 % intervals over patients. cv_fold_dice_mean_min, _max and
        _sd describe the variation of the folds' means.
    """
    mean, median = (bootstrap.interval(patients.dice, statistic=name) for name in ("mean", "median"))
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
        **{f"cv_dice_{name}_mean": patients[f"dice_{name}"].mean() for name in WITHHELD},
        "cv_sensitivity_mean": patients.sensitivity.mean(),
        "cv_precision_mean": patients.precision.mean(),
        "cv_hd95_px_median": patients.hd95_px.median(),
        "cv_fold_dice_mean_min": folds.dice_mean.min(),
        "cv_fold_dice_mean_max": folds.dice_mean.max(),
        "cv_fold_dice_mean_sd": folds.dice_mean.std(),
        "cv_validation_dice_mean": folds.validation_dice_mean.mean(),
    }


def patient_source(patients: pd.DataFrame, index_metrics: Path) -> PatientSource:
    """Determine where the patients come from; published scores are comparable for the published data set only.

    Args:
        patients: the result of `join_folds`.
        index_metrics: metrics/index.json, which counts the patients whose pixels equal those of the published set.

    Returns:
        "published", "synthetic" or "other".

    Raises:
        UserError: if the file is missing or unreadable.
    """
    if has_synthetic(patients.patient_id):
        return "synthetic"
    return "published" if _read_metric(index_metrics, "published_patients") == len(patients) else "other"


def _read_fold(folder: Path, number: int) -> Fold:
    split = read_table(folder / "data/split.csv", SPLIT_COLUMNS)
    point = read_operating_point(folder / "models/operating_point.json")
    return Fold(
        number=number,
        patients=read_table(folder / "metrics/patients.csv", PATIENT_COLUMNS),
        subsets=split[["patient_id", "subset"]].drop_duplicates(),
        threshold=point.threshold,
        smallest_lesion=point.smallest_lesion,
        validation_dice=_read_metric(folder / "metrics/evaluate.json", "validation_dice_mean"),
    )


def _read_metric(path: Path, name: str) -> float:
    """Read one number of a metrics file; null is NaN."""
    try:
        content = read_json(path)
        if not isinstance(content, dict) or name not in content:
            raise DamagedFileError(f"it has no {name}")
        value = content[name]
        if value is None:
            return math.nan
        if not isinstance(value, int | float) or not 0 <= value < LARGEST:
            raise DamagedFileError(f"{name} is {str(value)[:80]!r}, expected a number")
        return value
    except (FileNotFoundError, DamagedFileError) as error:
        reason = "not found" if isinstance(error, FileNotFoundError) else f"not readable ({error})"
        raise UserError(
            f"{path}: {reason}. Run the stage that writes it again: dvc repro index && dvc --cd cv repro"
        ) from None


def _require_none(patient_ids: set[str], fault: str) -> None:
    """Raise UserError if there are patients with a fault."""
    if patient_ids:
        named = sorted(patient_ids)[:MAX_NAMED]
        more = ", ..." if len(patient_ids) > MAX_NAMED else ""
        raise UserError(
            f"cross-validation: {fault}: {', '.join(named)}{more} ({len(patient_ids)} in all). The folds come from "
            "different splits. Run them again: dvc repro index && dvc --cd cv repro, with --force if nothing changed"
        )
