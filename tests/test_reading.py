"""Files that may be damaged: what is read is right, and every fault is one exception with a reason."""

import io
import json
import os
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainseg.reading import MAX_TEXT, ArrayHeader, DamagedFileError, read_arrays, read_json, read_text, sha256_of

ARRAYS = {
    "maps": np.arange(24, dtype=np.float16).reshape(2, 3, 4),
    "numbers": np.array([4, 9]),
    "text": np.array("words"),
    "by_column": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "empty": np.empty((0, 3)),
}


def accept(headers: Mapping[str, ArrayHeader]) -> None:
    """Accept any arrays."""


def make_text(path: Path, content: bytes | None) -> None:
    """Write a file; without content, make a named pipe."""
    if content is None:
        os.mkfifo(path)
    else:
        path.write_bytes(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"caf\xe9", "byte 4 is 0xe9"),
        ("text".encode("utf-16"), "0xff"),
        ("text".encode("utf-16-le"), "bytes that are 0"),
        (b"a\0b", "bytes that are 0"),
        (None, "not a regular file"),
    ],
)
def test_file_that_is_not_text_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    make_text(tmp_path / "file", content)
    with pytest.raises(DamagedFileError, match=message):
        read_text(tmp_path / "file")


def test_folder_and_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError, match="a folder"):
        read_text(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_text(tmp_path / "none")


def test_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.truncate(MAX_TEXT + 1)  # takes no space on the disk
    tracemalloc.start()
    try:
        with pytest.raises(DamagedFileError, match=f"at most {MAX_TEXT}"):
            read_text(tmp_path / "file")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xef\xbb\xbf{}")
    assert read_text(tmp_path / "file") == "{}"
    assert read_json(tmp_path / "file") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' * 100_000, "nested too deeply"),
        ('{"a": NaN}', "NaN is not a number in JSON"),
        ("-Infinity", "-Infinity is not a number"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "a key is repeated"),
        ("9" * 5000, "not JSON"),
    ],
)
def test_invalid_json_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "file").write_text(text)
    with pytest.raises(DamagedFileError, match=message):
        read_json(tmp_path / "file")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, content: object) -> None:
    path = tmp_path_factory.mktemp("json") / "file"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert read_json(path) == content


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_read_as_numpy_wrote_them(tmp_path: Path, save: Callable) -> None:
    save(tmp_path / "a.npz", **ARRAYS)
    read = read_arrays(tmp_path / "a.npz", check=accept)
    assert list(read) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)
    assert list(read_arrays(tmp_path / "a.npz", only=("numbers",), check=accept)) == ["numbers"]
    with pytest.raises(DamagedFileError, match="no array 'none'"):
        read_arrays(tmp_path / "a.npz", only=("none",), check=accept)
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "none.npz", check=accept)
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(DamagedFileError, match="not a regular file"):
        read_arrays(tmp_path / "pipe.npz", check=accept)


def test_nothing_is_read_if_the_headers_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **ARRAYS)
    seen: dict[str, ArrayHeader] = {}

    def refuse(headers: Mapping[str, ArrayHeader]) -> None:
        seen.update(headers)
        raise DamagedFileError("not these")

    with pytest.raises(DamagedFileError, match="not these"):
        read_arrays(tmp_path / "a.npz", check=refuse)
    assert seen["maps"] == ArrayHeader((2, 3, 4), False, np.dtype(np.float16))
    assert seen["by_column"] == ArrayHeader((2, 3), True, np.dtype(np.float64))


def member(shape: str = "(2,)", dtype: str = "'<f8'", data: bytes = bytes(16), version: bytes = b"\x01\x00") -> bytes:
    """An array as NumPy stores it, with any declaration."""
    header = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    length = len(header).to_bytes(2 if version == b"\x01\x00" else 4, "little")
    return b"\x93NUMPY" + version + length + header + data


class Executed:
    """An object whose unpickling creates a file."""

    def __reduce__(self) -> tuple:
        """What to call when it is unpickled."""
        return (os.mkdir, ("executed",))


def pickled() -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, np.array([Executed()]), allow_pickle=True)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (member(shape="(2000000000000,)"), "declares 16000000000000 bytes, but the file has 16"),
        (member(shape="(99999999999, 99999999999)"), "declares"),
        (member(shape="(-2,)"), "declares"),
        (member(shape="(3,)"), "declares 24 bytes"),
        (member(shape="('a',)"), "shape"),
        (member(shape="(" * 3000), "."),
        (member(shape="[" * 400 + "]" * 400), "."),
        (member(dtype="'<f9'"), "."),
        (member(dtype="'|O'"), "declares object"),
        (member(dtype="__import__('os').mkdir('executed')"), "."),
        (member(version=b"\x02\x00"), r"version 2\.0"),
        (member(version=b"\x09\x00"), "."),
        (pickled(), "declares object"),
        (b"junk", "."),
        (b"", "."),
    ],
)
def test_array_that_is_not_what_its_file_holds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("a.npz", "w") as archive:
        archive.writestr("values.npy", content)
    tracemalloc.start()
    try:
        with pytest.raises(DamagedFileError, match=message):
            read_arrays(Path("a.npz"), check=accept)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"], "nothing in the file is executed"


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (6, 0x01),  # flags: encrypted
        (8, 0x63),  # method of compression: AES
        (8, 0x0E),  # LZMA, which it is not
        (4, 0xFF),  # version needed
    ],
)
def test_archive_of_another_kind_is_refused(tmp_path: Path, offset: int, value: int) -> None:
    """The bytes of the header are changed where a member starts and in the directory at the end."""
    np.savez_compressed(tmp_path / "a.npz", **ARRAYS)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[offset] = value
    directory = content.index(b"PK\x01\x02")
    content[directory + offset + 2] = value
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DamagedFileError):
        read_arrays(tmp_path / "a.npz", check=accept)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("values.npy", member())
        archive.writestr("values.npy", member())
    with pytest.raises(DamagedFileError, match="same name"):
        read_arrays(tmp_path / "a.npz", check=accept)


@given(data=st.data())
def test_damaged_archive_is_refused_or_read_right(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Any few bytes are changed, or the file is cut."""
    path = tmp_path_factory.mktemp("archive") / "a.npz"
    data.draw(st.sampled_from([np.savez, np.savez_compressed]))(path, **ARRAYS)
    content = bytearray(path.read_bytes())
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[position] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
    try:
        read = read_arrays(path, only=tuple(ARRAYS), check=accept)
    except DamagedFileError:
        return
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(read[name], array)


def test_digest_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
