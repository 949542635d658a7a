"""Splitting into training, validation and test (step 7): by patient, or by slice as in the notebook."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from brainseg.dataset.held_out import read_held_out
from brainseg.errors import UserError
from brainseg.files import SPLIT_COLUMNS, SUBSETS
from brainseg.params import SplitParams


def split_slices(index: pd.DataFrame, split: SplitParams, fold: int | None = None) -> pd.DataFrame:
    """Assign each slice to a subset.

    Args:
        index: data/index.csv.
        split: the parameters.
        fold: the fold that is the test subset; None: as given by test_share or test_patients.

    Returns:
        One row per slice in the order of `index`, with the columns `brainseg.files.SPLIT_COLUMNS`. If a fold is given,
        also the column fold, int64, the same for all slices of a patient.

    Raises:
        UserError: if there are too few patients, a list of test patients does not fit the data set, or a subset of a
            fold has no tumour.
    """
    table = index[["patient_id", "slice_number"]].assign(subset="train")
    if split.strategy == "slice":
        if fold is not None:
            raise UserError("split: --fold needs split.strategy: patient, because a fold consists of whole patients")
        try:
            rest, test = train_test_split(table.index, test_size=split.test_share, random_state=split.seed)
            table.loc[test, "subset"] = "test"
            if split.validation == "own":
                _, validation = train_test_split(rest, test_size=split.validation_share, random_state=split.seed)
                table.loc[validation, "subset"] = "validation"
        except ValueError:
            raise UserError(f"split: {len(table)} slice(s) are too few for three subsets. Add slices") from None
        return table.astype(SPLIT_COLUMNS)

    if fold is not None:  # otherwise split.folds has no effect, so that a change of it does not train again
        table["fold"] = _assign_folds(index, len(split.folds), split.seed)
    elif (count := index.patient_id.nunique()) < len(SUBSETS):
        raise UserError(f"split: expected at least 3 patients, one each to train, validate and test, found {count}")
    table.loc[_test_rows(index, table, split, fold), "subset"] = "test"
    rest = index[table.subset == "train"]
    parts = _part_count(split.validation_share, rest)
    seed = split.seed if fold is None else int(np.random.SeedSequence((split.seed, fold)).generate_state(1)[0])
    table.loc[rest.index[_assign_folds(rest, parts, seed) == 0], "subset"] = "validation"
    if fold is not None:
        _check_tumour_in_subsets(index, table, fold)
    return table.astype(SPLIT_COLUMNS)


def split_counts(index: pd.DataFrame, table: pd.DataFrame) -> dict[str, int]:
    """Count patients and slices per subset, and the patients that are in more than one subset.

    Args:
        index: data/index.csv.
        table: the result of `split_slices` for it.

    Returns:
        name -> count, the columns of metrics/split.csv, each after the name of its subset; patients_in_two_subsets is 0
        if the split has no leak.
    """
    counts = {}
    for subset in SUBSETS:
        rows = table.subset == subset
        counts[f"{subset}_patients"] = int(table.patient_id[rows].nunique())
        counts[f"{subset}_slices"] = int(rows.sum())
        counts[f"{subset}_slices_with_tumour"] = int((index.tumour_pixels[rows] > 0).sum())
    patient_subsets = table[["patient_id", "subset"]].drop_duplicates()
    counts["patients_in_two_subsets"] = int((patient_subsets.patient_id.value_counts() > 1).sum())
    return counts


def _test_rows(index: pd.DataFrame, table: pd.DataFrame, split: SplitParams, fold: int | None) -> "pd.Series[bool]":
    if fold is not None:
        if fold not in split.folds:
            raise UserError(f"split: there is no fold {fold}; split.folds has 0 to {split.folds[-1]}")
        return table.fold == fold
    if split.test_patients is not None:
        return index.patient_id.isin(read_held_out(Path(split.test_patients), set(index.patient_id)))
    return pd.Series(_assign_folds(index, _part_count(split.test_share, index), split.seed) == 0, index.index)


def _assign_folds(index: pd.DataFrame, folds: int, seed: int) -> np.ndarray:
    """Assign a fold, 0 to folds - 1, to each row, the same for all rows of a patient. Sites are spread evenly."""
    patients = index.groupby("patient_id").site.first()
    if len(patients) < folds:
        raise UserError(
            f"split: {len(patients)} patient(s) cannot be split into {folds} parts. Add patients, or shorten what asks "
            "for them in params.yaml: split.folds for cross-validation, or the list split.test_patients"
        )
    sizes = patients.value_counts()
    small = sizes.index[sizes < folds]  # too small for every fold, so they are spread together
    sites = index.site.where(~index.site.isin(small), "other")
    fold_of_row = np.empty(len(index), np.int64)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Small sites are spread over as many folds as they have patients.
        warnings.filterwarnings("ignore", "The least populated class")
        for fold, (_, rows) in enumerate(splitter.split(index, sites, groups=index.patient_id)):
            fold_of_row[rows] = fold
    return fold_of_row


def _check_tumour_in_subsets(index: pd.DataFrame, table: pd.DataFrame, fold: int) -> None:
    """Raise if a subset has no tumour: a fold that cannot be scored is found before the others train for hours."""
    with_tumour = set(table.subset[index.tumour_pixels > 0])
    if missing := [subset for subset in SUBSETS if subset not in with_tumour]:
        raise UserError(
            f"split: fold {fold} has no tumour in {' and '.join(missing)}, so a model cannot be trained, chosen or "
            "scored there. Shorten split.folds or change split.seed in params.yaml"
        )


def _part_count(fraction: float, index: pd.DataFrame) -> int:
    """Choose how many equal parts to make so that one is about `fraction`, with at least one patient per part."""
    return max(2, min(round(1 / fraction), len(set(index.patient_id))))
