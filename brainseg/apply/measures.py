"""Measures of an outline, a row of predictions.csv for each case."""

from typing import Any

import numpy as np

from brainseg.imaging.volume import SEQUENCES, BoolArray, FloatArray
from brainseg.metrics.overlap import count
from brainseg.prediction.doubt import doubt, doubt_reasons
from brainseg.prediction.postprocessing import label_lesions
from brainseg.scans.scan import Scan

# Positions are indices of the stored array, from 0, in the order of its axes. Undefined values are empty.
COLUMNS = (
    "case",
    "volume_ml",
    "voxels",
    "lesions",
    "largest_lesion_voxels",
    "slices_with_tumour",
    "centroid",
    "bounding_box",
    "touches_border",
    "mean_probability_inside",
    "sequences",
    "doubt",
    "doubt_reasons",
    "dice",
)


def measure(scan: Scan, mask: BoolArray, probability: FloatArray) -> dict[str, Any]:
    """Measure an outline.

    Args:
        scan: the scan.
        mask: shape (S, H, W), bool, in the network's orientation.
        probability: same shape, float32.

    Returns:
        A value for each of `COLUMNS`; None if undefined, such as the volume if the spacing is unknown.
    """
    stored = scan.grid.from_network(mask)
    voxels = int(np.count_nonzero(stored))
    box, labels = label_lesions(stored)
    sizes = np.bincount(labels[labels > 0])[1:]  # without the background, because bincount copies to int64
    voxel_ml = scan.grid.voxel_ml
    edges = (mask[0], mask[-1], mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1])
    found = [name for name in SEQUENCES if name not in scan.missing]
    value = doubt(probability=probability, mask=mask)
    return {
        "case": scan.case_id,
        "volume_ml": None if voxel_ml is None else round(voxels * voxel_ml, 3),
        "voxels": voxels,
        "lesions": len(sizes),
        "largest_lesion_voxels": int(sizes.max(initial=0)),
        "slices_with_tumour": int(mask.any(axis=(1, 2)).sum()),
        "centroid": " ".join(f"{axis.mean():.1f}" for axis in np.nonzero(stored)) if voxels else None,
        "bounding_box": " ".join(f"{side.start}:{side.stop}" for side in box) if voxels else None,
        "touches_border": bool(any(edge.any() for edge in edges)),
        "mean_probability_inside": round(float(probability[mask].mean()), 4) if mask.any() else None,
        "sequences": " ".join(found),
        "doubt": round(value, 4),
        "doubt_reasons": "; ".join(doubt_reasons(value, mask)),
        "dice": _dice(scan, mask),
    }


def _dice(scan: Scan, mask: BoolArray) -> float | None:
    """Dice with the reference mask beside the images; None without one, or if both masks are empty."""
    if scan.mask_true is None:
        return None
    dice = count(mask_true=scan.mask_true, mask_pred=mask).dice
    return None if np.isnan(dice) else round(dice, 6)
