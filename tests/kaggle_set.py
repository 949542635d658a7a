"""Helpers that write small data sets in the Kaggle layout, without any real picture."""

from pathlib import Path

import cv2
import numpy as np
import pytest

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
    """Where a slice of the hand-made set is."""
    return root / patient_id / f"{patient_id}_{number}{ending}.tif"


def message_of(data: DataParams) -> str:
    """What the user is told of a faulty set."""
    with pytest.raises(UserError) as raised:
        index_folder(data)
    return str(raised.value)
