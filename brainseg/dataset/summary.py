"""Counts of an indexed data set, and a random sample of its slices."""

import hashlib
from collections.abc import Mapping
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from brainseg.files import SUBSETS
from brainseg.params import IndexParams

# The counts that metrics/index.json and metrics/split.json have, for dvc metrics; the tables beside them have all.
INDEX_METRICS = ("patients", "slices", "published_patients", "digest")
SPLIT_METRICS = ("train_patients", "validation_patients", "test_patients", "patients_in_two_subsets")


def index_counts(table: pd.DataFrame) -> dict[str, object]:
    """Count patients, files, slices and tumour pixels of a data set.

    Args:
        table: data/index.csv, at least one row.

    Returns:
        The values of metrics/index.csv: counts; fractions in [0, 1] of slices and pixels with tumour; sizes in
        pixels; and the first 32 hex digits of a sha256 of the slices' names and digests, which changes with any pixel.
    """
    per_patient = table.groupby("patient_id")["missing_sequences"].first()
    pixels = table["height"] * table["width"]
    lines = [f"{row.patient_id}/{row.slice_number}/{row.digest}\n" for row in table.itertuples()]
    return {
        "patients": len(per_patient),
        "sites": table["site"].nunique(),
        "folders": len({PurePosixPath(path).parent for path in table["image_path"]}),
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


def count_table(counts: Mapping[str, object]) -> pd.DataFrame:
    """Make metrics/index.csv from the counts: columns name and value, floats to nine significant digits."""
    texts = [f"{value:.9g}" if isinstance(value, float) else str(value) for value in counts.values()]
    return pd.DataFrame({"name": list(counts), "value": texts})


def subset_table(counts: Mapping[str, int]) -> pd.DataFrame:
    """Make metrics/split.csv: one row per subset, columns subset, patients, slices, slices_with_tumour.

    Args:
        counts: the result of `brainseg.dataset.splitting.split_counts`.
    """
    names = ["patients", "slices", "slices_with_tumour"]
    rows = [[subset, *(counts[f"{subset}_{name}"] for name in names)] for subset in SUBSETS]
    return pd.DataFrame(rows, columns=["subset", *names])


def sample_slices(table: pd.DataFrame, params: IndexParams) -> pd.DataFrame:
    """Sample random slices, half of them (rounded up) with tumour.

    Args:
        table: data/index.csv.
        params: the number of slices, and the seed.

    Returns:
        The sampled rows, those with tumour first. If there are too few slices with or without tumour, the other kind
        fills up; if there are too few slices altogether, all rows.
    """
    order = table.iloc[np.random.default_rng(params.seed).permutation(len(table))]
    has_tumour = order["tumour_pixels"] > 0
    with_tumour, without_tumour = order[has_tumour], order[~has_tumour]
    half = (params.pictures + 1) // 2
    count = min(max(half, params.pictures - len(without_tumour)), len(with_tumour))
    return pd.concat([with_tumour.head(count), without_tumour.head(params.pictures - count)])
