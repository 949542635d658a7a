"""Reading the slices of a patient into a volume."""

from pathlib import Path

import numpy as np
import pytest

from brainseg.dataset.index import index_folder
from brainseg.errors import UserError
from brainseg.imaging.raster import read_image, read_mask
from brainseg.imaging.stack import read_volume
from brainseg.params import DataParams
from tests.kaggle_set import PATIENTS, path_of, write_mask

FIRST, SECOND, THIRD = PATIENTS


def test_volume_is_stacked_by_slice_number(tiny_set: Path, tiny_data: DataParams) -> None:
    table = index_folder(tiny_data)
    rows = table[(table.patient_id == SECOND) & (table.slice_number != 4)].sort_values("slice_number", ascending=False)
    volume = read_volume(rows, tiny_set)
    assert volume.patient_id == SECOND
    assert list(volume.slice_numbers) == [1, 2, 3, 5]
    np.testing.assert_array_equal(volume.image[3], read_image(path_of(tiny_set, SECOND, 5)))
    np.testing.assert_array_equal(volume.mask_true[2], read_mask(path_of(tiny_set, SECOND, 3, "_mask")))


def test_changed_files_are_refused(tiny_set: Path, tiny_data: DataParams) -> None:
    table = index_folder(tiny_data)
    write_mask(path_of(tiny_set, FIRST, 2, "_mask"), np.eye(16, dtype=np.bool_))
    with pytest.raises(UserError, match=r"mask \(16, 16\)\. Expected: \(32, 32\) as in data/index\.csv"):
        read_volume(table[table.patient_id == FIRST], tiny_set)
    path_of(tiny_set, SECOND, 1).unlink()
    with pytest.raises(UserError, match="no such file"):
        read_volume(table[table.patient_id == SECOND], tiny_set)
    with pytest.raises(ValueError, match="found 3 patients"):
        read_volume(table, tiny_set)
