"""One patient's slices, as data/index.csv lists them, stacked into a volume.

Apart from the check of the whole set (brainseg.dataset.index), so that a change there does not train anew.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from brainseg.errors import UserError
from brainseg.imaging.raster import quiet_opencv, read_image, read_mask
from brainseg.imaging.volume import Volume


def read_volume(rows: pd.DataFrame, root: Path) -> Volume:
    """Read slices of one patient.

    Args:
        rows: rows of data/index.csv, all of one patient, in any order, at least one.
        root: data.root.

    Returns:
        The slices in the order of their numbers.

    Raises:
        UserError: if a file is missing, unreadable, or of another size than the table says.
        ValueError: if the rows are not of exactly one patient.
    """
    patient_ids = set(rows["patient_id"])
    if len(patient_ids) != 1:
        raise ValueError(f"rows: expected those of one patient, found {len(patient_ids)} patients")
    rows = rows.sort_values("slice_number")
    images, masks = [], []
    with quiet_opencv():
        for row in rows.itertuples():
            image, mask = read_image(root / str(row.image_path)), read_mask(root / str(row.mask_path))
            if not image.shape[:2] == mask.shape == (row.height, row.width):
                raise UserError(
                    f"{root / str(row.image_path)}: {image.shape[:2]}, its mask {mask.shape}. Expected:"
                    f" {(row.height, row.width)} as data/index.csv has it. The pictures have changed since: dvc repro"
                )
            images.append(image)
            masks.append(mask)
    return Volume(
        patient_id=patient_ids.pop(),
        image=np.stack(images),
        mask_true=np.stack(masks),
        slice_numbers=rows["slice_number"].to_numpy(np.int64),
    )
