"""Small fixtures for all tests: a hand-made data set in the Kaggle layout, without any real picture."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg.errors import UserError
from brainseg.formats.kaggle import index_folder
from brainseg.params import DataParams, PatternParams
from brainseg.volumes import BoolArray, ByteArray

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


@pytest.fixture
def make_set() -> Callable[..., Path]:
    """A function that makes a data set in the Kaggle layout and returns its root.

    Its arguments: root; patients, their ids; slices, how many each has, numbered from 1; size, height and width in
    pixels. Every image is noise of its own; slices 2 and 3 of a patient have a brighter rectangle of tumour.
    """

    def make(root: Path, *, patients: tuple[str, ...] = PATIENTS, slices: int = 5, size: int = 32) -> Path:
        rng = np.random.default_rng(1)
        for patient_id in patients:
            for number in range(1, slices + 1):
                image = rng.integers(20, 120, (size, size, 3), dtype=np.uint8)
                mask = np.zeros((size, size), dtype=np.bool_)
                if number in (2, 3):
                    mask[size // 4 : size // 2, size // 4 : size * 3 // 4] = True
                    image[mask] += 100
                write_image(root / patient_id / f"{patient_id}_{number}.tif", image)
                write_mask(root / patient_id / f"{patient_id}_{number}_mask.tif", mask)
        return root

    return make


@pytest.fixture
def tiny_set(tmp_path: Path, make_set: Callable[..., Path]) -> Path:
    """Root of a faultless set: 3 patients of 5 slices, 32 x 32 pixels."""
    return make_set(tmp_path / "tiny")


@pytest.fixture
def tiny_data(tiny_set: Path) -> DataParams:
    """The section data of params.yaml for `tiny_set`."""
    return DataParams(root=str(tiny_set), pattern=KAGGLE)
