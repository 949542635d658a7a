"""Who trains, who validates, who tests (step 7): by patient, or by slice as the notebook has it."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from brainseg.errors import UserError
from brainseg.files import SPLIT_COLUMNS, SUBSETS
from brainseg.params import SplitParams

HELD_OUT = Path("held_out")  # a dependency of the stage, so that an edited list splits anew


def split_slices(index: pd.DataFrame, split: SplitParams, fold: int | None = None) -> pd.DataFrame:
    """Give each slice its subset.

    Args:
        index: data/index.csv.
        split: the parameters.
        fold: the fold that is the test subset; None: test_share or test_patients say.

    Returns:
        A row a slice in the order of `index`; columns as in `brainseg.files.SPLIT_COLUMNS`.

    Raises:
        UserError: if there are too few patients, a list of test patients does not fit, or a subset of a fold has no
            tumour.
    """
    table = index[["patient_id", "slice_number"]].assign(subset="train", fold=pd.NA)
    if split.strategy == "slice":
        if fold is not None:
            raise UserError("split: --fold K holds whole patients out; it goes with split.strategy: patient only")
        rest, test = train_test_split(table.index, test_size=split.test_share, random_state=split.seed)
        table.loc[test, "subset"] = "test"
        if split.validation == "own":
            _, own = train_test_split(rest, test_size=split.validation_share, random_state=split.seed)
            table.loc[own, "subset"] = "validation"
        return table.astype(SPLIT_COLUMNS)

    table["fold"] = _folds(index, len(split.folds), split.seed)
    table.loc[_test_rows(index, table, split, fold), "subset"] = "test"
    rest = index[table.subset == "train"]
    parts = _parts(split.validation_share, rest)
    seed = split.seed if fold is None else int(np.random.SeedSequence((split.seed, fold)).generate_state(1)[0])
    table.loc[rest.index[_folds(rest, parts, seed) == 0], "subset"] = "validation"
    if fold is not None:
        _refuse_without_tumour(index, table, fold)
    return table.astype(SPLIT_COLUMNS)


def split_counts(index: pd.DataFrame, table: pd.DataFrame) -> dict[str, int]:
    """Patients and slices by subset, and the patients that stand in two subsets.

    Args:
        index: data/index.csv.
        table: what `split_slices` gave for it.

    Returns:
        Flat counts for metrics/split.json; without a leak, patients_in_two_subsets is 0.
    """
    counts = {}
    for subset in ("train", "validation", "test"):
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
        return index.patient_id.isin(_read_held_out(Path(split.test_patients), set(index.patient_id)))
    return pd.Series(_folds(index, _parts(split.test_share, index), split.seed) == 0, index.index)


def _folds(index: pd.DataFrame, parts: int, seed: int) -> np.ndarray:
    """A number from 0 to parts - 1 for each row, the same for all rows of a patient; sites are spread evenly."""
    patients = index.groupby("patient_id").site.first()
    if len(patients) < parts:
        raise UserError(
            f"split: {parts} parts wanted from {len(patients)} patients. Shorten split.folds (or raise the shares) in "
            "params.yaml, or add patients"
        )
    sizes = patients.value_counts()
    small = sizes.index[sizes < parts]  # cannot be in every part, so they are spread together
    sites = index.site.where(~index.site.isin(small), "other")
    numbers = np.empty(len(index), np.int64)
    splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Rare sites are spread as far as they go.
        warnings.filterwarnings("ignore", "The least populated class")
        for number, (_, rows) in enumerate(splitter.split(index, sites, groups=index.patient_id)):
            numbers[rows] = number
    return numbers


def _refuse_without_tumour(index: pd.DataFrame, table: pd.DataFrame, fold: int) -> None:
    """A fold without tumour to learn, choose or test on is found here, before the others have trained for hours."""
    with_tumour = set(table.subset[index.tumour_pixels > 0])
    if missing := [subset for subset in SUBSETS if subset not in with_tumour]:
        raise UserError(
            f"split: fold {fold} has no tumour in {' and '.join(missing)}, so nothing can be learnt, chosen or scored "
            "there. Shorten split.folds or change split.seed in params.yaml"
        )


def _parts(share: float, index: pd.DataFrame) -> int:
    """The number of equal parts of which one is about `share`, at least one patient each."""
    return max(2, min(round(1 / share), len(set(index.patient_id))))


def _read_held_out(path: Path, known: set[str]) -> set[str]:
    if path.parent != HELD_OUT:
        raise UserError(
            f"split.test_patients: {path} is not in {HELD_OUT}/, where DVC sees a change of it. Move it there"
        )
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise UserError(f"split.test_patients: {path} not found. Write it, a patient_id a line, or set null") from None
    wanted = {name for line in lines if (name := line.partition("#")[0].strip())}
    if not wanted or wanted >= known:
        raise UserError(
            f"{path}: names {len(wanted)} patients, where some of the {len(known)} in data.root were expected"
        )
    if strangers := sorted(wanted - known):
        raise UserError(
            f"{path}: {len(strangers)} of {len(wanted)} ids are not among the patients in data.root: "
            f"{', '.join(strangers[:5])}{', ...' if len(strangers) > 5 else ''}. Mend the list or data.root"
        )
    return wanted
