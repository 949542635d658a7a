"""The published Kaggle set "LGG MRI Segmentation", known by the pixels of its patients: is a data set that one?

kaggle_3m_digests.csv, beside this module, has a row for each of its 110 patients: slices, tumour_slices and the sha256
of all pixels. It holds facts about the pictures, none of them.
"""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brainseg.files import read_table
from brainseg.imaging.raster import quiet_opencv
from brainseg.imaging.stack import read_volume
from brainseg.imaging.volume import Volume
from brainseg.params import PatternParams

# How the set's files are named; the default of data.pattern.
PATTERN = PatternParams(
    image="{patient_id}/{patient_id}_{slice_number}.tif",
    mask="{patient_id}/{patient_id}_{slice_number}_mask.tif",
    site="*_{site}_*",
)
DIGESTS = Path(__file__).with_name("kaggle_3m_digests.csv")
COLUMNS = {"patient_id": "str", "slices": "int64", "tumour_slices": "int64", "sha256": "str"}
NAMED = 10  # patients that a sentence names


@dataclass(frozen=True, kw_only=True)
class PublishedComparison:
    """A data set against the published one, by patient_id.

    Attributes:
        equal: patients with exactly the published pixels.
        altered: patients of the published set whose slices or pixels are others: patient_id -> what differs.
        absent: patients of the published set that are not there.
        foreign: patients that the published set does not have.
    """

    equal: tuple[str, ...]
    altered: Mapping[str, str]
    absent: tuple[str, ...]
    foreign: tuple[str, ...]

    def __str__(self) -> str:
        """One sentence, for a terminal."""
        published = len(self.equal) + len(self.altered) + len(self.absent)
        others = f"; patients that it does not have: {len(self.foreign)}" if self.foreign else ""
        if self.altered:
            altered = [f"{patient_id} ({what})" for patient_id, what in self.altered.items()]
            more = f", and {len(altered) - NAMED} more" if len(altered) > NAMED else ""
            return (
                f"an ALTERED copy of the published Kaggle set: {len(self.equal)} of its {published} patients are as"
                f" published, {len(altered)} are not: {', '.join(altered[:NAMED])}{more}{others}"
            )
        if not self.equal:
            return "not the published Kaggle set: none of its patients is here"
        if self.absent:
            return f"a subset of the published Kaggle set, {len(self.equal)} of its {published} patients{others}"
        return f"the published Kaggle set, all {published} patients{others}"


def read_published() -> pd.DataFrame:
    """Read the table of the published set.

    Returns:
        A row per patient with the columns of `COLUMNS`.

    Raises:
        UserError: if the table, which comes with this package, is missing or damaged.
    """
    return read_table(DIGESTS, COLUMNS)


def patient_digest(volume: Volume) -> str:
    """The digest that identifies a patient's pixels, whatever the files' format and compression.

    Args:
        volume: all slices of one patient.

    Returns:
        64 hex digits: the sha256 over the slices in order, of each its image, (H, W, 3) uint8 RGB, and then its mask,
        (H, W) uint8, 0 or 255.
    """
    digest = hashlib.sha256()
    for image, mask in zip(volume.image, volume.mask_true, strict=True):
        digest.update(np.ascontiguousarray(image).data)
        digest.update((mask.astype(np.uint8) * 255).data)
    return digest.hexdigest()


def compare_with_published(table: pd.DataFrame, root: Path) -> PublishedComparison:
    """Tell the published set, a subset of it and an altered copy apart.

    Pixels are read only of patients whose identifier and counts of slices are those of the published set.

    Args:
        table: data/index.csv, of a set that was found faultless.
        root: data.root.

    Returns:
        Who is as published and who is not.

    Raises:
        UserError: if a file has changed since the table was made.
    """
    published = read_published().set_index("patient_id")
    patients = {str(patient_id): rows for patient_id, rows in table.groupby("patient_id")}
    known = [patient_id for patient_id in published.index if patient_id in patients]
    with quiet_opencv(), ThreadPoolExecutor() as pool:
        differences = pool.map(lambda known_id: _difference(patients[known_id], published.loc[known_id], root), known)
        found = dict(zip(known, differences, strict=True))
    return PublishedComparison(
        equal=tuple(patient_id for patient_id, what in found.items() if not what),
        altered={patient_id: what for patient_id, what in found.items() if what},
        absent=tuple(patient_id for patient_id in published.index if patient_id not in patients),
        foreign=tuple(patient_id for patient_id in patients if patient_id not in published.index),
    )


def _difference(rows: pd.DataFrame, published: pd.Series, root: Path) -> str:
    """What differs between one patient and the published one, in words; empty if nothing does."""
    if len(rows) != published["slices"]:
        return f"slices: {len(rows)} instead of {published['slices']}"
    tumour_slices = int((rows["tumour_pixels"] > 0).sum())
    if tumour_slices != published["tumour_slices"]:
        return f"slices with tumour: {tumour_slices} instead of {published['tumour_slices']}"
    return "" if patient_digest(read_volume(rows, root)) == published["sha256"] else "other pixels"
