"""The directory of a TIFF file: its tags, and where their values lie. EXIF blocks have the same structure."""

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.faults import DecodingError

ORIENTATION_TAG = 274
BYTE_ORDERS = {b"II": "<", b"MM": ">"}
# Size of a value by its type, bytes; and the format of the types that are whole numbers without a sign.
TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
BYTE = 1
INTEGERS = {BYTE: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
MAX_TAGS = 1000  # of a directory; usual are 10 to 60
MAX_VALUES = 2**17  # of one tag; the largest slice in tiles of 16 x 16 pixels has 2**16 offsets
MAX_ALL_VALUES = 2 * MAX_VALUES  # of all tags, which may refer to the same bytes; 10 MB


@dataclass(frozen=True)
class Directory:
    """One directory of a TIFF file.

    Attributes:
        tags: number of a tag -> its values; none if they are not whole numbers without a sign, or more than
            `MAX_VALUES`, or bytes that do not fit into the directory.
        spans: (first, last + 1) bytes of the directory and of each value outside it.
        following: offset of the next directory; 0 if there is none.
        ascending: whether each tag occurs once and in ascending order, as in every valid file.
    """

    tags: dict[int, tuple[int, ...]]
    spans: tuple[tuple[int, int], ...]
    following: int
    ascending: bool


def first_directory(content: bytes) -> Directory:
    """Read the first directory of a TIFF file or of an EXIF block without its "Exif" header."""
    return read_directory(content, *_header(content))


def count_directories(content: bytes, limit: int = 1000) -> int:
    """Count the directories of a TIFF file, each of which describes one image; stops at `limit`."""
    order, big, offset = _header(content)
    seen: set[int] = set()
    while offset and len(seen) < limit:
        if offset in seen:
            raise DecodingError(FaultKind.UNREADABLE, "TIFF directories that form a circle")
        seen.add(offset)
        offset = _find_entries(content, order, big, offset).following
    return len(seen)


def read_directory(content: bytes, order: str, big: bool, offset: int) -> Directory:
    """Read one directory.

    Args:
        content: the whole file or block.
        order: "<" or ">", the byte order as in `struct`.
        big: whether it is a BigTIFF.
        offset: of the directory.

    Raises:
        DecodingError: if the directory or a value is not inside the file, a value is of an unknown type, or there are
            more than `MAX_TAGS` tags or `MAX_ALL_VALUES` values.
    """
    entries = _find_entries(content, order, big, offset)
    entry_format, offset_format, inline = ("HHQ8s", "Q", 8) if big else ("HHI4s", "I", 4)
    tags: dict[int, tuple[int, ...]] = {}
    spans, numbers, left = [(offset, entries.end + inline)], [], MAX_ALL_VALUES
    for tag, kind, values, field in struct.iter_unpack(order + entry_format, content[entries.start : entries.end]):
        numbers.append(tag)
        if kind not in TYPE_SIZES:
            raise DecodingError(FaultKind.UNREADABLE, f"TIFF tag {tag} of the unknown type {kind}")
        size = TYPE_SIZES[kind] * values
        (start,) = struct.unpack(order + offset_format, field)
        if size > inline:
            if start + size > len(content):
                raise DecodingError(FaultKind.UNREADABLE, f"a value of tag {tag} that is not inside the file")
            spans.append((start, start + size))
        tags[tag] = ()
        if kind in INTEGERS and values <= MAX_VALUES and (kind != BYTE or size <= inline):
            left -= values
            if left < 0:
                raise DecodingError(FaultKind.UNREADABLE, f"a TIFF directory with more than {MAX_ALL_VALUES} values")
            where = (content, start) if size > inline else (field, 0)
            tags[tag] = struct.unpack_from(f"{order}{values}{INTEGERS[kind]}", *where)
    ascending = all(before < after for before, after in pairwise(numbers))
    return Directory(tags=tags, spans=tuple(spans), following=entries.following, ascending=ascending)


class _Entries(NamedTuple):
    """Where the entries of a directory start and end, and the offset of the next directory."""

    start: int
    end: int
    following: int


def _find_entries(content: bytes, order: str, big: bool, offset: int) -> _Entries:
    """Find the entries of a directory, without reading them."""
    count_format, entry_size, offset_format = ("Q", 20, "Q") if big else ("H", 12, "I")
    try:
        (count,) = struct.unpack_from(order + count_format, content, offset)
        start = offset + struct.calcsize(count_format)
        end = start + count * entry_size
        (following,) = struct.unpack_from(order + offset_format, content, end)
    except (struct.error, OverflowError, IndexError):
        raise DecodingError(FaultKind.UNREADABLE, "a TIFF directory that is not inside the file") from None
    if count > MAX_TAGS:
        raise DecodingError(FaultKind.UNREADABLE, f"a TIFF directory with {count} tags")
    return _Entries(start, end, following)


def _header(content: bytes) -> tuple[str, bool, int]:
    """Read the byte order, whether it is a BigTIFF, and the offset of the first directory."""
    order = BYTE_ORDERS.get(content[:2])
    try:
        if order is not None:
            magic, offset = struct.unpack_from(order + "HI", content, 2)
            if magic == 42:
                return order, False, offset
            offset_size, zero, offset = struct.unpack_from(order + "HHQ", content, 4)
            if (magic, offset_size, zero) == (43, 8, 0):
                return order, True, offset
    except struct.error:
        pass
    raise DecodingError(FaultKind.UNREADABLE, f"{len(content)} bytes without the header of a TIFF file")
