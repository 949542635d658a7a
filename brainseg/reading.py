"""Reading text, JSON, tables and arrays from files that may be damaged: every fault is one exception with a reason."""

import codecs
import csv
import hashlib
import io
import json
import math
import re
import zipfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_TEXT = 2**28  # bytes of a table or a JSON file; the index of the whole Kaggle set has 1.5 MB
MAX_HEADER = 10_000  # characters of the header of an array
CONTROL_BYTES = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")  # that text does not have


class DamagedFileError(Exception):
    """A file cannot be read. The message is the reason; the caller adds the name and the remedy."""


class ArrayHeader(NamedTuple):
    """What a stored array declares about itself."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]


Arrays = dict[str, NDArray[Any]]


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_text(path: Path, *, max_bytes: int = MAX_TEXT) -> str:
    """Read a text file: UTF-8, with or without a byte order mark.

    Raises:
        FileNotFoundError: if there is no such file.
        DamagedFileError: if it is not a regular file, larger than `max_bytes`, not readable, or not UTF-8 text.
    """
    try:
        if path.exists() and not path.is_file():  # opening a named pipe would block
            raise DamagedFileError("a folder" if path.is_dir() else "not a regular file")
        if (size := path.stat().st_size) > max_bytes:
            raise DamagedFileError(f"{size} bytes, where at most {max_bytes} are expected")
        content = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamagedFileError((error.strerror or str(error)).lower()) from None
    return decode_text(content)


def decode_text(content: bytes) -> str:
    """Decode the content of a text file as `read_text` does, with its DamagedFileError."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"byte {error.start + 1} is 0x{error.object[error.start]:02x}"
        raise DamagedFileError(f"{_guess_encoding(error.object)}, not UTF-8 text: {byte}") from None
    if "\0" in text:
        raise DamagedFileError("not UTF-8 text: it has bytes that are 0, as UTF-16 and binary files have")
    return text


def read_json(path: Path) -> Any:
    """Read a JSON file; NaN, infinity and a repeated key are faults, as the JSON standard has none of them.

    Raises:
        FileNotFoundError: if there is no such file.
        DamagedFileError: if the file is not readable, or not JSON.
    """
    text = read_text(path)
    try:
        return json.loads(text, object_pairs_hook=_without_repeated_keys, parse_constant=_refuse_constant)
    except RecursionError:
        raise DamagedFileError("nested too deeply") from None
    except ValueError as error:
        raise DamagedFileError(f"not JSON: {error}") from None


def parse_rows(text: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Split the text of a CSV file into values, which stay text.

    Returns:
        The names of the columns, and for each row the number of its (last) line and its values. Blank lines are left
        out. All rows have as many values as there are names.

    Raises:
        DamagedFileError: if the text is empty or not a table.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [(reader.line_num, values) for values in reader if values]
    except csv.Error as error:
        raise DamagedFileError(f"line {reader.line_num}: {error}") from None
    if not rows:
        raise DamagedFileError("empty")
    _, names = rows.pop(0)
    for line, values in rows:
        if len(values) != len(names):
            raise DamagedFileError(f"line {line}: {len(values)} value(s) where {len(names)} are expected")
    return names, rows


def read_arrays(
    path: Path, *, only: Collection[str] | None = None, check: Callable[[Mapping[str, ArrayHeader]], None]
) -> Arrays:
    """Read the arrays of an .npz file. Nothing is unpickled, and no memory is taken before the headers are checked.

    Args:
        path: a file that `numpy.savez` or `brainseg.prediction.probability_maps.write_probabilities` wrote.
        only: names of the arrays to read; None: all.
        check: called with the headers of these arrays before they are read; raises DamagedFileError to refuse them.

    Returns:
        The arrays by name.

    Raises:
        FileNotFoundError: if there is no such file.
        DamagedFileError: if the file is not readable, an array of `only` is missing, or `check` refuses.
    """
    try:
        if path.exists() and not path.is_file():
            raise DamagedFileError("a folder" if path.is_dir() else "not a regular file")
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if len(members) != len(archive.infolist()):
                raise DamagedFileError("two of its arrays have the same name")
            names = list(members) if only is None else list(only)
            headers = {}
            for name in names:
                with archive.open(members[name]) as file:
                    headers[name] = _read_header(name, file, members[name].file_size)
            check(headers)
            return {name: _read_array(archive.read(members[name]), headers[name]) for name in names}
    except (FileNotFoundError, DamagedFileError):
        raise
    except KeyError as error:
        raise DamagedFileError(f"it has no array {error}") from None
    # zipfile, zlib, lzma and NumPy raise some twenty classes for damaged archives, MemoryError among them.
    except Exception as error:
        raise DamagedFileError(str(error).partition("\n")[0] or type(error).__name__) from None


def _read_header(name: str, file: IO[bytes], size: int) -> ArrayHeader:
    """Read the header of an array, and check it against the size of its member in the archive, bytes."""
    if (version := np.lib.format.read_magic(file)) != (1, 0):
        raise DamagedFileError(f"{name} is stored in version {version[0]}.{version[1]} of the format, not 1.0")
    header = ArrayHeader(*np.lib.format.read_array_header_1_0(file, max_header_size=MAX_HEADER))
    if header.dtype.hasobject or min(header.shape, default=0) < 0:
        raise DamagedFileError(f"{name} declares {header.dtype} values of shape {header.shape}")
    if (declared := math.prod(header.shape) * header.dtype.itemsize) != size - file.tell():
        raise DamagedFileError(f"{name} declares {declared} bytes, but the file has {size - file.tell()} for it")
    return header


def _read_array(content: bytes, header: ArrayHeader) -> NDArray[Any]:
    """Decode an array whose header was read; `content` includes the header."""
    count = math.prod(header.shape)
    values = np.frombuffer(content, header.dtype, count, offset=len(content) - count * header.dtype.itemsize)
    return values.reshape(header.shape, order="F" if header.fortran_order else "C").copy()


def _guess_encoding(content: bytes) -> str:
    """Guess what a file is that is not UTF-8 text."""
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):  # the first starts with that of UTF-16
        return "UTF-32"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    is_text = not CONTROL_BYTES.search(content)
    return "perhaps Latin-1 or Windows-1252" if is_text else "binary"


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key is repeated")
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")
