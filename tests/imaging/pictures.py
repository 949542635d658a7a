"""Helpers that write pictures, and say how they are refused."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.faults import FaultError
from brainseg.imaging.raster import read_image, read_mask

GREY = np.arange(80, dtype=np.uint8).reshape(8, 10) * 3
RGB = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)
BLOCK = np.zeros((8, 10), np.uint8)
BLOCK[2:5, 3:7] = 255


def write(path: Path, pixels: np.ndarray) -> Path:
    """Write pixels in OpenCV's order (BGR)."""
    assert cv2.imwrite(str(path), pixels)
    return path


def fault_of(path: Path, *, mask: bool = False) -> tuple[FaultKind, str]:
    """How an image, or a mask, is refused: the kind of fault, and what was found."""
    with pytest.raises(FaultError) as raised:
        read_mask(path) if mask else read_image(path)
    assert raised.value.fault.location == str(path)
    return raised.value.fault.kind, raised.value.fault.found


def tiff(tags: dict[int, int | tuple[int, ...]], *blocks: bytes, following: int = 0) -> bytes:
    """A TIFF file by hand: header, blocks, and a directory whose values are 32-bit numbers.

    Offsets in `tags` may be given as the number of a block, from 0, with a minus sign: -1 is the first.
    """
    starts, content = [], bytearray(8)
    for block in blocks:
        starts.append(len(content))
        content += block
    entries, values = b"", b""
    directory = len(content)
    after = directory + 2 + 12 * len(tags) + 4
    for tag, value in sorted(tags.items()):
        numbers = [starts[-n - 1] if n < 0 else n for n in (value if isinstance(value, tuple) else (value,))]
        packed = struct.pack(f"<{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            entries += struct.pack("<HHII", tag, 4, len(numbers), after + len(values))
            values += packed
        else:
            entries += struct.pack("<HHI", tag, 4, 1) + packed
    content[:8] = b"II*\0" + struct.pack("<I", directory)
    return bytes(content) + struct.pack("<H", len(tags)) + entries + struct.pack("<I", following) + values


def grey_tiff(**changes: int | tuple[int, ...]) -> dict[int, int | tuple[int, ...]]:
    """Tags of an uncompressed grey TIFF of 8 x 8 pixels in two strips of 32 bytes; names are t256, t257, ..."""
    tags: dict[int, int | tuple[int, ...]] = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: (-1, -2), 277: 1}
    return tags | {278: 4, 279: (32, 32)} | {int(name[1:]): value for name, value in changes.items()}
