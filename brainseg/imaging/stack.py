"""Reading the slices of a patient, as listed in data/index.csv, one by one or as a volume.

This is not in brainseg.dataset, which checks whole data sets, because a change there must not train the model again.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from brainseg.errors import UserError
from brainseg.imaging.raster import read_image, read_mask
from brainseg.imaging.volume import BoolArray, ByteArray, Volume


def read_volume(rows: pd.DataFrame, root: Path) -> Volume:
    """Read slices of one patient and stack them.

    Args:
        rows: rows of data/index.csv of one patient, in any order, at least one.
        root: data.root.

    Returns:
        The slices in ascending order of their numbers.

    Raises:
        UserError: if a file is missing or unreadable, or its size differs from the table.
        ValueError: if the rows are not of exactly one patient.
    """
    patient_ids = set(rows["patient_id"])
    if len(patient_ids) != 1:
        raise ValueError(f"rows: expected rows of one patient, found {len(patient_ids)} patients")
    rows = rows.sort_values("slice_number")
    images, masks = zip(*read_slices(rows, root), strict=True)
    return Volume(
        patient_id=patient_ids.pop(),
        image=np.stack(images),
        mask_true=np.stack(masks),
        slice_numbers=rows["slice_number"].to_numpy(np.int64),
    )


def read_slices(rows: pd.DataFrame, root: Path) -> Iterator[tuple[ByteArray, BoolArray]]:
    """Read slices one by one.

    Args:
        rows: rows of data/index.csv.
        root: data.root.

    Yields:
        Image, shape (H, W, 3), uint8, and mask, shape (H, W), bool, in the order of the rows.

    Raises:
        UserError: if a file is missing or unreadable, or its size differs from the table.
    """
    for row in rows.itertuples():
        image, mask = read_image(root / str(row.image_path)), read_mask(root / str(row.mask_path))
        if not image.shape[:2] == mask.shape == (row.height, row.width):
            raise UserError(
                f"{root / str(row.image_path)}: its size is {image.shape[:2]}, the size of its mask {mask.shape}. "
                f"Expected: {(row.height, row.width)} as in data/index.csv. "
                "The files have changed since that table was written. Run again: dvc repro"
            )
        yield image, mask
