"""Probability maps as files: they repeat byte for byte, and invalid files are refused."""

import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from brainseg.errors import UserError
from brainseg.prediction.probability_maps import map_path, read_probabilities, write_probabilities


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


MAPS = np.full((2, 3, 4), 0.5, np.float16)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"probability": MAPS}, "no array 'slice_numbers'"),
        ({"probability": MAPS, "slice_numbers": np.array([1, 1])}, "do not ascend"),
        ({"probability": MAPS, "slice_numbers": np.array([2, 1])}, "do not ascend"),
        ({"probability": MAPS, "slice_numbers": np.array([1.0, 2.5])}, "float16 and float64, not float16 and int64"),
        ({"probability": MAPS.astype(np.complex64), "slice_numbers": np.array([1, 2])}, "complex64 and int64"),
        ({"probability": MAPS, "slice_numbers": np.array([1, 2, 3])}, r"maps of shape \(2, 3, 4\) for slice numbers"),
        ({"probability": MAPS[0], "slice_numbers": np.array([1, 2, 3])}, r"maps of shape \(3, 4\)"),
        ({"probability": MAPS, "slice_numbers": np.array([[1, 2]])}, r"of shape \(1, 2\)"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    path = tmp_path / "p.npz"
    np.savez(path, **arrays)
    with pytest.raises(
        UserError, match=rf"p\.npz: not readable \(.*{message}.*dvc repro --force --single-item predict"
    ):
        read_probabilities(path)


def test_maps_that_would_fill_the_memory_are_refused_before_it_is_taken(tmp_path: Path) -> None:
    """Half a megabyte that holds 2 GB of zeros, which the header declares."""
    path, shape = tmp_path / "p.npz", (1, 2**15, 2**15 + 1)
    header = f"{{'descr': '<f2', 'fortran_order': False, 'shape': {shape}, }}".encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("probability.npy", "w", force_zip64=True) as member:
            member.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
            for _ in range(shape[2]):
                member.write(bytes(2 * shape[1]))
        with archive.open("slice_numbers.npy", "w") as member:
            np.lib.format.write_array(member, np.array([1]))
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=r"maps of shape \(1, 32768, 32769\), more than 1073741824 values"):
            read_probabilities(path)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


@given(data=st.data())
def test_changed_bytes_are_refused_or_have_no_effect(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("maps") / "p.npz"
    write_probabilities(path, MAPS.astype(np.float32), np.array([4, 9]))
    content = bytearray(path.read_bytes())
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[position] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        probability, slice_numbers = read_probabilities(path)
    except UserError:
        return
    np.testing.assert_array_equal(probability, MAPS)
    np.testing.assert_array_equal(slice_numbers, [4, 9])


@pytest.mark.parametrize("patient_id", ["../../../x", "/x", "..", "", "a/b"])
def test_maps_of_an_identifier_with_a_path_have_no_file(patient_id: str) -> None:
    assert map_path(Path("data/predictions"), "TCGA_1") == Path("data/predictions/TCGA_1.npz")
    with pytest.raises(ValueError, match="part of a file's name"):
        map_path(Path("data/predictions"), patient_id)
