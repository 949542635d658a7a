"""Probability maps and outlines in, counts out: everything that the scores of a subset are made from.

A patient is read, counted and let go before the next one: what stays is counts of pixels, a slice at a time, and one
histogram of probabilities.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainseg.errors import UserError
from brainseg.formats.stack import read_volume
from brainseg.metrics import overlap, probability
from brainseg.metrics.overlap import Confusion
from brainseg.tables import read_probabilities
from brainseg.volumes import FloatArray, Volume


@dataclass(frozen=True, kw_only=True)
class PatientCounts:
    """What is kept of a scored patient.

    Attributes:
        patient_id: the patient's identifier.
        site: the hospital's code.
        slices: slice number -> counts of its pixels, on the patient's own grid; scored slices only.
        binary_cross_entropy_loss: mean over the pixels of these slices.
        soft_dice_loss: of these slices stacked; NaN if undefined.
    """

    patient_id: str
    site: str
    slices: dict[int, Confusion]
    binary_cross_entropy_loss: float
    soft_dice_loss: float

    @property
    def total(self) -> Confusion:
        """Counts of the whole stacked volume."""
        return sum(self.slices.values(), Confusion())


@dataclass(frozen=True, kw_only=True)
class SubsetCounts:
    """What is kept of a scored subset.

    Attributes:
        patients: in the order of their identifiers.
        histogram: of all pixels, see `brainseg.metrics.probability.histogram`.
    """

    patients: tuple[PatientCounts, ...]
    histogram: NDArray[np.int64]

    @property
    def slices(self) -> tuple[Confusion, ...]:
        """Counts of every slice of every patient."""
        return tuple(counts for patient in self.patients for counts in patient.slices.values())

    @property
    def pooled(self) -> Confusion:
        """Counts of all pixels, as if there was one patient."""
        return sum(self.slices, Confusion())


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


def score_subset(rows: pd.DataFrame, *, root: Path, predictions: Path, threshold: float) -> SubsetCounts:
    """Score the slices in `rows`, one patient at a time.

    Args:
        rows: rows of data/index.csv; may be some of a patient's slices, may be none at all.
        root: folder that the paths in `rows` are relative to.
        predictions: folder with <patient_id>.npz as predict writes them; may hold more slices than `rows`.
        threshold: in (0, 1]; a pixel with at least this probability is tumour.

    Returns:
        The counts.

    Raises:
        UserError: if a picture or a prediction is missing or unreadable, or does not go with the other.
    """
    patients = []
    histogram = np.zeros((2, probability.BINS), np.int64)
    for patient_id, patient_rows in rows.groupby("patient_id"):
        volume = read_volume(patient_rows, root)
        maps = _maps_of(volume, predictions / f"{patient_id}.npz")
        histogram += probability.histogram(mask_true=volume.mask_true, probability=maps)
        patients.append(_count_patient(volume, maps, site=patient_rows["site"].iloc[0], threshold=threshold))
    return SubsetCounts(patients=tuple(patients), histogram=histogram)


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


def _count_patient(volume: Volume, maps: FloatArray, *, site: str, threshold: float) -> PatientCounts:
    mask_true, mask_pred = volume.mask_true, maps >= threshold
    return PatientCounts(
        patient_id=volume.patient_id,
        site=site,
        slices={
            number: overlap.count(mask_true=mask_true[position], mask_pred=mask_pred[position])
            for position, number in enumerate(volume.slice_numbers.tolist())
        },
        binary_cross_entropy_loss=probability.binary_cross_entropy(mask_true=mask_true, probability=maps),
        soft_dice_loss=probability.soft_dice_loss(mask_true=mask_true, probability=maps),
    )
