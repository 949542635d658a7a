"""Patients as they are scored: the slices of a subset with their outlines and their probability maps."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brainseg.errors import UserError
from brainseg.imaging.head import head_mask
from brainseg.imaging.preprocessing import Normalisation, fit_preprocessing
from brainseg.imaging.stack import read_volume
from brainseg.imaging.volume import BoolArray, FloatArray, Volume
from brainseg.prediction.probability_maps import read_probabilities


@dataclass(frozen=True, kw_only=True)
class Case:
    """One patient, read.

    Attributes:
        site: the hospital's code.
        volume: the slices to score, on the patient's own grid; all of the patient's where the split is by patient.
        probability: shape (S, H, W), float32 in [0, 1], of these slices.
        head: shape (S, H, W), bool, pixels inside the head.
        normalisation: mean and deviation over the brain of the whole patient, also where only some slices are scored.
    """

    site: str
    volume: Volume
    probability: FloatArray
    head: BoolArray
    normalisation: Normalisation


def subset_rows(index: pd.DataFrame, split: pd.DataFrame, subset: str) -> pd.DataFrame:
    """The rows of data/index.csv that stand in a subset.

    Args:
        index: a row per slice, tables.INDEX_COLUMNS.
        split: a row per slice, tables.SPLIT_COLUMNS.
        subset: train, validation or test.

    Returns:
        Rows of `index`, all its columns, by patient and slice number; empty if the subset is.

    Raises:
        UserError: if the split names a slice twice, or one that the index does not have.
    """
    key = ["patient_id", "slice_number"]
    wanted = split.loc[split["subset"] == subset, key].sort_values(key)
    rows = wanted.merge(index, how="left", on=key, indicator=True)
    wrong = rows[rows.duplicated(key) | (rows["_merge"] == "left_only")]
    if len(wrong):
        first = wrong.iloc[0]
        raise UserError(
            f"data/split.csv does not go with data/index.csv: {len(wrong)} {subset} slice(s) stand there twice or not "
            f"at all, the first is {first['patient_id']} slice {first['slice_number']}. Write both again: "
            "dvc repro --force index split"
        )
    return rows[index.columns]


def read_cases(rows: pd.DataFrame, *, index: pd.DataFrame, root: Path, predictions: Path) -> Iterator[Case]:
    """Read the slices in `rows`, a patient at a time, so that one is in memory.

    Args:
        rows: rows of `index`; may be some of a patient's slices, may be none at all.
        index: data/index.csv, for the patients' other slices: means and deviations are of whole patients.
        root: folder that the paths are relative to.
        predictions: folder with <patient_id>.npz as predict writes them; may hold more slices than `rows`.

    Yields:
        Patients, in the order of their identifiers.

    Raises:
        UserError: if a picture or a prediction is missing or unreadable, or does not go with the other.
    """
    for patient_id, patient_rows in rows.groupby("patient_id"):
        whole = read_volume(index[index["patient_id"] == patient_id], root)
        scored = np.isin(whole.slice_numbers, patient_rows["slice_number"])
        volume = Volume(
            patient_id=whole.patient_id,
            image=whole.image[scored],
            mask_true=whole.mask_true[scored],
            slice_numbers=whole.slice_numbers[scored],
        )
        yield Case(
            site=str(patient_rows["site"].iloc[0]),
            volume=volume,
            probability=_maps_of(volume, predictions / f"{patient_id}.npz"),
            head=head_mask(whole.image)[scored],
            normalisation=fit_preprocessing(whole.image, "brain_zscore", "head").normalisation,
        )
        del whole, volume  # or they are held while the next patient is read


def _maps_of(volume: Volume, path: Path) -> FloatArray:
    """The probability maps of exactly the volume's slices, shape (S, H, W)."""
    again = "Write it again: dvc repro --force predict"
    maps, numbers = read_probabilities(path)
    if maps.ndim != 3 or len(maps) != len(numbers):
        raise UserError(f"{path}: {len(numbers)} slice number(s) for maps of shape {maps.shape}. {again}")
    place = {number: position for position, number in enumerate(numbers.tolist())}
    missing = [number for number in volume.slice_numbers.tolist() if number not in place]
    if missing:
        raise UserError(
            f"{path}: {len(missing)} of {len(volume.slice_numbers)} slices to score are not in it, the first is slice "
            f"{missing[0]}. {again}"
        )
    if maps.shape[1:] != volume.mask_true.shape[1:]:
        raise UserError(
            f"{path}: maps are {maps.shape[1]} x {maps.shape[2]} pixels, the patient's slices are "
            f"{volume.mask_true.shape[1]} x {volume.mask_true.shape[2]}. {again}"
        )
    return maps[[place[number] for number in volume.slice_numbers.tolist()]]
