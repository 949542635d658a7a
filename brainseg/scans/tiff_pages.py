"""The pages of a TIFF file with several images, each as a TIFF file with one image.

The strict decoder of `brainseg.imaging.tiff` then decodes them, and nothing is decoded that it would refuse.
"""

import re
import struct
from pathlib import Path

from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.faults import DecodingError
from brainseg.imaging.tiff_directory import BYTE_ORDERS, MAX_TAGS, TYPE_SIZES
from brainseg.scans.regular_file import open_regular

MAX_PAGES = 4096
SLACK = 2**20  # bytes that pages may share in any case, such as a colour profile of each page
OFFSETS_AND_SIZES = {273: 279, 324: 325}  # tags with the positions of strips and tiles: tags with their sizes
FORMATS = {3: "H", 4: "I", 13: "I"}
HEADER_BYTES, ENTRY_BYTES = 8, 12
DESCRIPTION = 270  # the tag with the axes, as ImageJ and OME-TIFF write them
AXES = {
    "ImageJ=": (r"^channels=(\d{1,6})", r"^slices=(\d{1,6})", r"^frames=(\d{1,6})"),
    "<OME": (r'\bSizeC="(\d{1,6})"', r'\bSizeZ="(\d{1,6})"', r'\bSizeT="(\d{1,6})"'),
}


def count_pages(path: Path, limit: int = 2) -> int:
    """Count the pages of a TIFF file up to a limit, without reading its pixels; 0 if it is no TIFF or damaged.

    BigTIFF files count as one page.
    """
    with open_regular(path) as file:
        header = file.read(HEADER_BYTES)
        order = BYTE_ORDERS.get(header[:2])
        if order is None or len(header) < HEADER_BYTES:
            return 0
        magic, offset = struct.unpack(order + "HI", header[2:])
        if magic != 42:
            return int(magic == 43)
        pages = 0
        while offset and pages < limit:
            file.seek(offset)
            count = file.read(2)
            if len(count) < 2:
                return 0
            pages += 1
            file.seek(struct.unpack(order + "H", count)[0] * ENTRY_BYTES, 1)
            following = file.read(4)
            offset = struct.unpack(order + "I", following)[0] if len(following) == 4 else 0
        return pages


def split_pages(content: bytes) -> list[bytes]:
    """Split a TIFF file into its pages.

    Args:
        content: the whole file.

    Returns:
        One TIFF file for each page, in their order.

    Raises:
        DecodingError: if it is a BigTIFF, damaged, or has more than `MAX_PAGES` pages, or if pages share so much that
            they would take more than twice the bytes of the file.
    """
    order = BYTE_ORDERS.get(content[:2])
    if order is None or len(content) < HEADER_BYTES:
        raise DecodingError(FaultKind.UNREADABLE, f"{len(content)} bytes without the header of a TIFF file")
    magic, offset = struct.unpack_from(order + "HI", content, 2)
    if magic != 42:
        raise DecodingError(FaultKind.ENCODING, "a BigTIFF")
    pages: list[bytes] = []
    left = 2 * len(content) + SLACK
    seen: set[int] = set()
    while offset:
        if offset in seen:
            raise DecodingError(FaultKind.UNREADABLE, "TIFF directories that form a circle")
        if len(pages) == MAX_PAGES:
            raise DecodingError(FaultKind.TOO_LARGE, f"more than {MAX_PAGES} pages")
        seen.add(offset)
        page, offset = _extract(content, order, offset)
        left -= len(page)
        if left < 0:
            raise DecodingError(FaultKind.UNREADABLE, "TIFF pages that overlap each other")
        pages.append(page)
    return pages


def stated_axes(page: bytes) -> tuple[int, ...] | None:
    """How many channels, slices and points in time the pages of a file are, if ImageJ or OME-TIFF wrote it.

    Args:
        page: the first one, from `split_pages`.
    """
    order = BYTE_ORDERS[page[:2]]
    (count,) = struct.unpack_from(order + "H", page, HEADER_BYTES)
    for number in range(count):
        tag, *entry = struct.unpack_from(order + "HHI4s", page, HEADER_BYTES + 2 + number * ENTRY_BYTES)
        if tag == DESCRIPTION:
            text = _value(page, order, *entry).decode(errors="replace")
            patterns = next((patterns for mark, patterns in AXES.items() if mark in text[:1000]), None)
            if patterns is not None:
                channels, slices, frames = (re.search(pattern, text, re.MULTILINE) for pattern in patterns)
                return tuple(int(found[1]) if found else 1 for found in (channels, slices, frames))
    return None


def _extract(content: bytes, order: str, offset: int) -> tuple[bytes, int]:
    """Copy the directory at an offset, the values outside it and its strips or tiles to a file of their own.

    Returns:
        The file, and the offset of the next directory in `content`.
    """
    try:
        (count,) = struct.unpack_from(order + "H", content, offset)
        if count > MAX_TAGS:
            raise struct.error("more tags than any image has")
        entries = [struct.unpack_from(order + "HHI4s", content, offset + 2 + n * ENTRY_BYTES) for n in range(count)]
        (following,) = struct.unpack_from(order + "I", content, offset + 2 + count * ENTRY_BYTES)
        if sum(TYPE_SIZES[kind] * length for _, kind, length, _ in entries) > len(content):
            raise struct.error("values that overlap")
        values = {tag: _value(content, order, kind, length, field) for tag, kind, length, field in entries}
        page = bytearray(content[:4] + struct.pack(order + "I", HEADER_BYTES))
        page += bytes(2 + count * ENTRY_BYTES + 4)  # the directory, and 0 for none that follows
        kinds = {tag: (kind, length) for tag, kind, length, _ in entries}
        for tag, sizes_tag in OFFSETS_AND_SIZES.items():
            if tag in values and sizes_tag in values:
                starts = _numbers(order, *kinds[tag], values[tag])
                sizes = _numbers(order, *kinds[sizes_tag], values[sizes_tag])
                moved = _copy_blocks(content, page, starts, sizes)
                kinds[tag] = (4, len(moved))
                values[tag] = struct.pack(f"{order}{len(moved)}I", *moved)
        struct.pack_into(order + "H", page, HEADER_BYTES, count)
        for number, (tag, *_) in enumerate(entries):
            kind, length = kinds[tag]
            field = values[tag].ljust(4, b"\0")
            if len(field) > 4:
                page += bytes(len(page) % 2)
                field = struct.pack(order + "I", len(page))
                page += values[tag]
            struct.pack_into(order + "HHI4s", page, HEADER_BYTES + 2 + number * ENTRY_BYTES, tag, kind, length, field)
    except (struct.error, KeyError, OverflowError, MemoryError):
        raise DecodingError(FaultKind.UNREADABLE, "a TIFF directory that is damaged or not inside the file") from None
    return bytes(page), following


def _value(content: bytes, order: str, kind: int, length: int, field: bytes) -> bytes:
    size = TYPE_SIZES[kind] * length
    if size <= 4:
        return field[:size]
    (start,) = struct.unpack(order + "I", field)
    if start + size > len(content):
        raise struct.error("not inside the file")
    return content[start : start + size]


def _numbers(order: str, kind: int, length: int, value: bytes) -> tuple[int, ...]:
    return struct.unpack(f"{order}{length}{FORMATS[kind]}", value)


def _copy_blocks(content: bytes, page: bytearray, starts: tuple[int, ...], sizes: tuple[int, ...]) -> list[int]:
    """Append strips or tiles to a page, and return their positions in it; overlapping ones are an error."""
    if len(starts) != len(sizes) or sum(sizes) > len(content):
        raise struct.error("sizes that do not fit")
    moved = []
    for start, size in zip(starts, sizes, strict=True):
        if start + size > len(content):
            raise struct.error("not inside the file")
        moved.append(len(page))
        page += content[start : start + size]
    return moved
