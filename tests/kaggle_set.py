"""Helpers that write small synthetic data sets in the layout of the Kaggle set."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from brainseg.dataset import kaggle_lgg
from brainseg.dataset.index import index_folder
from brainseg.errors import UserError
from brainseg.imaging.volume import BoolArray, ByteArray
from brainseg.params import DataParams, PatternParams

KAGGLE = PatternParams(
    image="{patient_id}/{patient_id}_{slice_number}.tif",
    mask="{patient_id}/{patient_id}_{slice_number}_mask.tif",
    site="*_{site}_*",
)
PATIENTS = ("TCGA_CS_0001_20000101", "TCGA_DU_0002_20000202", "TCGA_HT_0003_20000303")


def write_image(path: Path, image: ByteArray) -> None:
    """Write an image, shape (H, W, 3), uint8, RGB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


def write_mask(path: Path, mask: BoolArray) -> None:
    """Write a mask, shape (H, W), bool, as 0 and 255."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), mask.astype(np.uint8) * 255)


def path_of(root: Path, patient_id: str, number: int, ending: str = "") -> Path:
    """Path of the image of a slice in such a data set, or with ending "_mask" of its mask."""
    return root / patient_id / f"{patient_id}_{number}{ending}.tif"


def message_of(data: DataParams) -> str:
    """Return the error message for a data set with faults."""
    with pytest.raises(UserError) as raised:
        index_folder(data)
    return str(raised.value)


def declare_published(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the data set at `root` the published one for this test, with digests computed independently."""
    rows = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        digest, tumour_slices = hashlib.sha256(), 0
        masks = sorted(folder.glob("*_mask.tif"), key=lambda path: int(path.stem.split("_")[-2]))
        for path in masks:
            image = cv2.imread(str(path.with_name(path.name.replace("_mask", ""))))[..., ::-1]
            mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            digest.update(image.tobytes() + mask.tobytes())
            tumour_slices += bool(mask.any())
        rows.append((folder.name, len(masks), tumour_slices, digest.hexdigest()))
    table = root.parent / "published.csv"
    pd.DataFrame(rows, columns=list(kaggle_lgg.DIGEST_COLUMNS)).to_csv(table, index=False)
    monkeypatch.setattr(kaggle_lgg, "DIGESTS", table)
