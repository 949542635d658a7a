"""Facts about the published Kaggle data set "LGG MRI Segmentation", and whether a data set is a copy of it.

Patients are recognised by their pixels: kaggle_3m_digests.csv, in the same folder, has one row for each of the 110
patients with the number of slices, the number of slices with tumour, and the sha256 of all pixels. It has no images.
"""

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brainseg.files import read_table
from brainseg.imaging.raster import MAX_READERS
from brainseg.imaging.stack import read_slices
from brainseg.imaging.volume import BoolArray, ByteArray
from brainseg.params import PatternParams

KAGGLE_PAGE = "https://www.kaggle.com/datasets/mateuszbuda/lgg-mri-segmentation"
KAGGLE_HANDLE = "mateuszbuda/lgg-mri-segmentation/versions/2"  # the version that the digests belong to
# Dice of all 110 patients in 22-fold cross-validation. Source: Buda, Saha, Mazurowski 2019, Computers in Biology and
# Medicine 109:218-225, doi:10.1016/j.compbiomed.2019.05.002.
PUBLISHED_DICE_MEAN = 0.836
PUBLISHED_DICE_MEDIAN = 0.873
# The file names of the data set, and the default of data.pattern.
PATTERN = PatternParams(
    image="{patient_id}/{patient_id}_{slice_number}.tif",
    mask="{patient_id}/{patient_id}_{slice_number}_mask.tif",
    site="*_{site}_*",
)
DIGESTS = Path(__file__).with_name("kaggle_3m_digests.csv")
DIGEST_COLUMNS = {"patient_id": "str", "slices": "int64", "tumour_slices": "int64", "sha256": "str"}
MAX_LISTED = 10  # altered patients that a message lists


@dataclass(frozen=True, kw_only=True)
class PublishedComparison:
    """The patients of a data set compared with those of the published one.

    Attributes:
        equal: patients whose pixels are exactly as published.
        altered: published patients whose slices or pixels differ: patient_id -> what differs.
        absent: published patients that the data set does not have.
        foreign: patients that the published data set does not have.
    """

    equal: tuple[str, ...]
    altered: Mapping[str, str]
    absent: tuple[str, ...]
    foreign: tuple[str, ...]

    def __str__(self) -> str:
        """Summarise the comparison, as the rest of a sentence that begins with "this is"."""
        published = len(self.equal) + len(self.altered) + len(self.absent)
        foreign = f"; and {len(self.foreign)} other patients" if self.foreign else ""
        if self.altered:
            altered = [f"{patient_id} ({what})" for patient_id, what in self.altered.items()]
            more = f", and {len(altered) - MAX_LISTED} more" if len(altered) > MAX_LISTED else ""
            return (
                f"an ALTERED copy of the published Kaggle set: {len(self.equal)} of its {published} patients are as"
                f" published, {len(altered)} are not: {', '.join(altered[:MAX_LISTED])}{more}{foreign}"
            )
        if not self.equal:
            return "not the published Kaggle set: no patient in common"
        if self.absent:
            return f"a subset of the published Kaggle set, {len(self.equal)} of its {published} patients{foreign}"
        return f"the published Kaggle set, all {published} patients{foreign}"


def read_published() -> pd.DataFrame:
    """Read the digests of the published data set.

    Returns:
        One row per patient with the columns `DIGEST_COLUMNS`.

    Raises:
        UserError: if the table, which is part of this package, is missing or damaged.
    """
    return read_table(DIGESTS, DIGEST_COLUMNS)


def patient_digest(slices: Iterable[tuple[ByteArray, BoolArray]]) -> str:
    """Compute a digest of a patient's pixels, which does not depend on file format or compression.

    Args:
        slices: image and mask of all slices of one patient, in order of their numbers.

    Returns:
        64 hex digits: the sha256 of the slices in order, of each the image, (H, W, 3) uint8 RGB, followed by the mask,
        (H, W) uint8, 0 or 255.
    """
    digest = hashlib.sha256()
    for image, mask in slices:
        digest.update(np.ascontiguousarray(image).data)
        digest.update((mask.astype(np.uint8) * 255).data)
    return digest.hexdigest()


def compare_with_published(table: pd.DataFrame, root: Path) -> PublishedComparison:
    """Compare a data set with the published one, patient by patient.

    Pixels are read only for patients whose patient_id and numbers of slices are as published.

    Args:
        table: data/index.csv.
        root: data.root.

    Returns:
        Which patients are as published and which are not.

    Raises:
        UserError: if a file has changed since the table was written.
    """
    published = read_published().set_index("patient_id")
    patients = {str(patient_id): rows for patient_id, rows in table.groupby("patient_id")}
    known = [patient_id for patient_id in published.index if patient_id in patients]
    with ThreadPoolExecutor(MAX_READERS) as pool:
        differences = pool.map(
            lambda patient_id: _describe_difference(patients[patient_id], published.loc[patient_id], root), known
        )
        found = dict(zip(known, differences, strict=True))
    return PublishedComparison(
        equal=tuple(patient_id for patient_id, what in found.items() if not what),
        altered={patient_id: what for patient_id, what in found.items() if what},
        absent=tuple(patient_id for patient_id in published.index if patient_id not in patients),
        foreign=tuple(patient_id for patient_id in patients if patient_id not in published.index),
    )


def _describe_difference(rows: pd.DataFrame, published: pd.Series, root: Path) -> str:
    """Describe how a patient differs from the published one; empty if there is no difference."""
    if len(rows) != published["slices"]:
        return f"slices: {len(rows)} instead of {published['slices']}"
    tumour_slices = int((rows["tumour_pixels"] > 0).sum())
    if tumour_slices != published["tumour_slices"]:
        return f"slices with tumour: {tumour_slices} instead of {published['tumour_slices']}"
    digest = patient_digest(read_slices(rows.sort_values("slice_number"), root))
    return "" if digest == published["sha256"] else "different pixels"
