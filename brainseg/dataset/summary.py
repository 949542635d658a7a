"""What the index of a data set says of it, and which slices are shown first."""

import hashlib
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from brainseg.params import IndexParams


def index_counts(table: pd.DataFrame) -> dict[str, object]:
    """Count what a data set holds.

    Args:
        table: data/index.csv, at least one row.

    Returns:
        The numbers of metrics/index.json: counts, shares in [0, 1] of slices and of pixels, sizes in pixels, and the
        first 32 hex digits of a sha256 over the slices' names and digests, which changes with any pixel of the set.
    """
    per_patient = table.groupby("patient_id")["missing_sequences"].first()
    pixels = table["height"] * table["width"]
    lines = [f"{row.patient_id}/{row.slice_number}/{row.digest}\n" for row in table.itertuples()]
    return {
        "patients": len(per_patient),
        "sites": table["site"].nunique(),
        "folders": len({PurePosixPath(name).parent for name in table["image_path"]}),
        "images": table["image_path"].nunique(),
        "masks": table["mask_path"].nunique(),
        "slices": len(table),
        "slices_with_tumour": int((table["tumour_pixels"] > 0).sum()),
        "tumour_slice_share": float((table["tumour_pixels"] > 0).mean()),
        "tumour_pixel_share": float(table["tumour_pixels"].sum() / pixels.sum()),
        "height_min": table["height"].min(),
        "height_max": table["height"].max(),
        "width_min": table["width"].min(),
        "width_max": table["width"].max(),
        "missing_pre_contrast_patients": int(per_patient.str.contains("pre-contrast").sum()),
        "missing_post_contrast_patients": int(per_patient.str.contains("post-contrast").sum()),
        "digest": hashlib.sha256("".join(lines).encode()).hexdigest()[:32],
    }


def choose_slices(table: pd.DataFrame, params: IndexParams) -> pd.DataFrame:
    """Draw random slices, half of them (rounded up) with tumour.

    Args:
        table: data/index.csv.
        params: how many, and the seed.

    Returns:
        That many rows, or all there are; if one half is too small the other fills up. Those with tumour come first.
    """
    order = table.iloc[np.random.default_rng(params.seed).permutation(len(table))]
    tumour = order["tumour_pixels"] > 0
    with_tumour, without = order[tumour], order[~tumour]
    wanted = min(max((params.pictures + 1) // 2, params.pictures - len(without)), len(with_tumour))
    return pd.concat([with_tumour.head(wanted), without.head(params.pictures - wanted)])
