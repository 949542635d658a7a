"""Probability maps as files: they repeat byte for byte, and invalid files are refused."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from brainseg.errors import UserError
from brainseg.prediction.probability_maps import read_probabilities, write_probabilities


@given(probability=npst.arrays(np.float32, (2, 3, 4), elements=st.floats(0, 1, width=32)))
def test_probabilities_are_read_to_half_precision_and_bytes_repeat(
    tmp_path_factory: pytest.TempPathFactory, probability: np.ndarray
) -> None:
    path = tmp_path_factory.mktemp("maps") / "p.npz"
    write_probabilities(path, probability, np.array([4, 9]))
    read, slice_numbers = read_probabilities(path)
    np.testing.assert_array_equal(slice_numbers, [4, 9])
    np.testing.assert_allclose(read, probability, atol=2.5e-4)
    first = path.read_bytes()
    write_probabilities(path, probability, np.array([4, 9]))
    assert path.read_bytes() == first


def test_files_contain_no_date_and_nothing_that_depends_on_the_version_of_python(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    write_probabilities(path, np.full((1, 2, 2), 0.5, np.float32), np.array([1]))
    with zipfile.ZipFile(path) as archive:
        assert {member.extract_version for member in archive.infolist()} == {zipfile.DEFAULT_VERSION}
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    with np.load(path, allow_pickle=False) as arrays:
        assert {name: (array.shape, array.dtype) for name, array in arrays.items()} == {
            "probability": ((1, 2, 2), np.float16),
            "slice_numbers": ((1,), np.int64),
        }


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.1])
def test_values_that_are_not_probabilities_are_refused(tmp_path: Path, value: float) -> None:
    path = tmp_path / "p.npz"
    write_probabilities(path, np.full((1, 2, 2), value, np.float32), np.array([1]))
    with pytest.raises(UserError, match=r"contains NaN or a value outside \[0, 1\]"):
        read_probabilities(path)


@pytest.mark.parametrize("part", [slice(0), slice(2), slice(-40), slice(40, None)])
def test_damaged_file_is_one_message(tmp_path: Path, part: slice) -> None:
    path = tmp_path / "p.npz"
    write_probabilities(path, np.full((1, 2, 2), 0.5, np.float32), np.array([1]))
    path.write_bytes(path.read_bytes()[part])
    with pytest.raises(UserError, match="dvc repro --force --single-item predict"):
        read_probabilities(path)
