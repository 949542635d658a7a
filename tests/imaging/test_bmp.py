"""Decoding BMP: bits and palettes as OpenCV reads them, and all that is refused."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from brainseg.imaging.bmp import decode_bmp
from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.faults import DecodingError
from tests.imaging.pictures import GREY, RGB


def bmp(bits: int, rows: bytes, *, width: int = 3, height: int = 2, compression: int = 0, colours: int = 0) -> bytes:
    """A BMP by hand; `rows` begins with the palette."""
    start = 54 + colours * 4
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 0, 0, colours, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, start) + header + rows


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P"])
def test_pixels_are_those_of_opencv(tmp_path: Path, mode: str) -> None:
    pictures = {"RGB": Image.fromarray(RGB), "L": Image.fromarray(GREY), "1": Image.fromarray(GREY).convert("1")}
    picture = pictures.get(mode, Image.fromarray(RGB).quantize(9))
    picture.save(tmp_path / "a.bmp")
    pixels = decode_bmp((tmp_path / "a.bmp").read_bytes())
    np.testing.assert_array_equal(pixels, cv2.imread(str(tmp_path / "a.bmp"))[..., ::-1])
    np.testing.assert_array_equal(pixels, np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("height", [2, -2])
def test_rows_are_from_the_bottom_unless_the_height_is_negative(height: int) -> None:
    first, second = b"\x01\x02\x03" * 3 + bytes(3), b"\x04\x05\x06" * 3 + bytes(3)
    pixels = decode_bmp(bmp(24, first + second, height=height))
    assert pixels[0, 0].tolist() == ([6, 5, 4] if height > 0 else [3, 2, 1])


def test_4_bits_are_looked_up() -> None:
    palette = b"".join(bytes([n, n, n + 1, 0]) for n in range(3))
    pixels = decode_bmp(bmp(4, palette + b"\x01\x20\0\0" + b"\x22\x10\0\0", colours=3))
    assert pixels[..., 0].tolist() == [[3, 3, 2], [1, 2, 3]]


def test_fourth_byte_is_alpha_unless_it_is_0() -> None:
    assert decode_bmp(bmp(32, bytes(24))).shape == (2, 3, 3)
    assert decode_bmp(bmp(32, bytes(23) + b"\xff")).shape == (2, 3, 4)


@pytest.mark.parametrize(
    ("content", "kind", "found"),
    [
        (bmp(24, bytes(24))[:-1], FaultKind.UNREADABLE, "77 bytes that are not a complete BMP"),
        (b"BM", FaultKind.UNREADABLE, "2 bytes that are not a complete BMP"),
        (bmp(8, bytes(24), compression=1), FaultKind.ENCODING, "a BMP of 8 bits per pixel with compression: run lengt"),
        (bmp(16, bytes(24)), FaultKind.ENCODING, "a BMP of 16 bits per pixel with compression: none"),
        (bmp(24, bytes(24), compression=3), FaultKind.ENCODING, "a BMP of 24 bits per pixel with compression: bit fie"),
        (bmp(32, bytes(40), compression=3), FaultKind.ENCODING, "a BMP of 32 bits per pixel with compression: bit fie"),
        (bmp(8, bytes(4) + b"\1" * 8, colours=1), FaultKind.UNREADABLE, "a BMP with a pixel whose colour is not in"),
        (bmp(24, bytes(24), width=-3), FaultKind.UNREADABLE, "a header that declares 2 x -3 pixels"),
        (bmp(24, bytes(24), height=-(2**31)), FaultKind.TOO_LARGE, "2147483648 x 3 pixels"),
        (bmp(24, bytes(24))[:14] + b"\x29" + bytes(63), FaultKind.UNREADABLE, "a BMP with a header of 41 bytes"),
        (bmp(24, bytes(24))[:10] + b"\x30" + bmp(24, bytes(24))[11:], FaultKind.UNREADABLE, "78 bytes that are not"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_refused(content: bytes, kind: FaultKind, found: str) -> None:
    with pytest.raises(DecodingError) as raised:
        decode_bmp(content)
    assert raised.value.kind is kind
    assert raised.value.found.startswith(found)
