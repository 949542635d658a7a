"""Decoding PNG: bit depths, palettes and transparency as OpenCV reads them, and every damage."""

import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.faults import DecodingError
from brainseg.imaging.png import MAX_CHUNKS, decode_png
from tests.imaging.pictures import GREY, RGB


def chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)


def png(depth: int, colour: int, rows: list[bytes], *chunks: bytes, width: int = 8) -> bytes:
    """A PNG by hand: each row without its filter; `chunks` stand before the pixels."""
    header = chunk(b"IHDR", width.to_bytes(4) + len(rows).to_bytes(4) + bytes([depth, colour, 0, 0, 0]))
    pixels = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + chunk(b"IEND", b"")


PALETTE = chunk(b"PLTE", bytes([0, 0, 0, 9, 8, 7]))


@pytest.mark.parametrize(
    ("depth", "row", "expected"),
    [
        (1, b"\xb1", [255, 0, 255, 255, 0, 0, 0, 255]),
        (2, b"\x1b\x1b", [0, 85, 170, 255, 0, 85, 170, 255]),
        (4, b"\x01\x23\xcd\xef", [0, 17, 34, 51, 204, 221, 238, 255]),
        (8, bytes(range(8)), list(range(8))),
    ],
)
def test_few_bits_become_0_to_255(depth: int, row: bytes, expected: list[int]) -> None:
    content = png(depth, 0, [row])
    assert decode_png(content).tolist() == [expected]
    assert cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED).tolist() == [expected]


def test_transparency_becomes_alpha() -> None:
    pixels = decode_png(png(8, 0, [bytes(range(8))], chunk(b"tRNS", b"\0\x03")))
    assert pixels[0, :, 3].tolist() == [255, 255, 255, 0, 255, 255, 255, 255]
    assert decode_png(png(1, 3, [b"\x0f"], PALETTE)).tolist() == [[[0, 0, 0]] * 4 + [[9, 8, 7]] * 4]
    assert decode_png(png(1, 3, [b"\x0f"], PALETTE, chunk(b"tRNS", b"\xff\x80")))[0, 4].tolist() == [9, 8, 7, 128]


@pytest.mark.parametrize(
    ("content", "kind", "found"),
    [
        (png(16, 0, [bytes(16)]), FaultKind.IMAGE_DEPTH, "16-bit pixels where 8-bit are expected"),
        (png(8, 0, [bytes(8)], chunk(b"acTL", bytes(8))), FaultKind.SEVERAL_IMAGES, "an animated PNG"),
        (png(8, 0, [bytes(8)] * 2)[:40], FaultKind.UNREADABLE, "40 bytes that are not a complete PNG"),
        (png(8, 0, [bytes(7)]), FaultKind.UNREADABLE, "PNG data that cannot be decoded: "),
        (png(8, 0, [bytes(8)], chunk(b"IHDR", bytes(13))), FaultKind.UNREADABLE, "a PNG whose first and only header"),
        (png(8, 7, [bytes(8)]), FaultKind.UNREADABLE, "PNG data that cannot be decoded: "),
        (png(8, 3, [bytes(8)]), FaultKind.UNREADABLE, "a PNG with a pixel whose colour is not in its palette"),
        (
            png(8, 3, [bytes(7) + b"\x02"], PALETTE),
            FaultKind.UNREADABLE,
            "a PNG with a pixel whose colour is not in its",
        ),
        (png(8, 0, [], width=0), FaultKind.UNREADABLE, "a header that declares 0 x 0 pixels"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_damage_is_refused(content: bytes, kind: FaultKind, found: str) -> None:
    with pytest.raises(DecodingError) as raised:
        decode_png(content)
    assert raised.value.kind is kind
    assert raised.value.found.startswith(found)


def test_every_changed_byte_is_noticed() -> None:
    content = png(8, 2, [bytes(range(24))] * 3, chunk(b"tEXt", b"a\0b"))
    for position in range(8, len(content)):
        with pytest.raises(DecodingError):
            decode_png(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])


def test_chunks_are_limited() -> None:
    with pytest.raises(DecodingError, match=f"a PNG of more than {MAX_CHUNKS} chunks"):
        decode_png(png(8, 0, [bytes(8)], chunk(b"teXt", b"") * MAX_CHUNKS))


@pytest.mark.parametrize("optimise", [False, True])
def test_pixels_are_those_of_opencv(tmp_path: Path, optimise: bool) -> None:
    for number, picture in enumerate((Image.fromarray(RGB), Image.fromarray(GREY), Image.fromarray(RGB).quantize(9))):
        picture.save(tmp_path / f"{number}.png", optimize=optimise)
        stored = cv2.imread(str(tmp_path / f"{number}.png"), cv2.IMREAD_UNCHANGED)
        pixels = decode_png((tmp_path / f"{number}.png").read_bytes())
        np.testing.assert_array_equal(pixels, stored[..., ::-1] if stored.ndim == 3 else stored)
