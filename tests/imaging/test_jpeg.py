"""Decoding JPEG: pixels as OpenCV decodes them, and nothing that the decoder complains about."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks.damaged_pictures import make_picture
from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.faults import DecodingError
from brainseg.imaging.jpeg import MAX_SCANS, MAX_SEGMENTS, decode_jpeg

PICTURE = make_picture()


def jpeg(picture: np.ndarray = PICTURE, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", **options)
    return file.getvalue()


@pytest.mark.parametrize("options", [{}, {"quality": 98, "subsampling": 0}, {"progressive": True}, {"quality": 5}])
def test_pixels_are_those_of_opencv(options: dict[str, object]) -> None:
    for picture in (PICTURE, PICTURE[..., 0]):
        content = jpeg(picture, **options)
        stored = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(decode_jpeg(content), stored[..., ::-1] if stored.ndim == 3 else stored)


def refused(content: bytes) -> tuple[FaultKind, str]:
    with pytest.raises(DecodingError) as raised:
        decode_jpeg(content)
    return raised.value.kind, raised.value.found


def test_second_half_that_is_missing_is_refused() -> None:
    content = jpeg()
    for end in (b"", b"\xff\xd9"):  # with and without an end mark
        assert refused(content[: len(content) // 2] + end)[0] is FaultKind.UNREADABLE


def test_hole_is_refused() -> None:
    content = jpeg(quality=95)
    middle = len(content) // 2
    assert refused(content[:middle] + bytes(300) + content[middle + 300 :])[0] is FaultKind.UNREADABLE


def test_other_colours_are_refused() -> None:
    file = io.BytesIO()
    Image.fromarray(PICTURE).convert("CMYK").save(file, "JPEG")
    assert refused(file.getvalue())[0] is FaultKind.CHANNELS


def test_scans_are_limited() -> None:
    """A small file with many scans, each of which goes over the whole image, would take hours."""
    content = jpeg(progressive=True)
    last = content.rindex(b"\xff\xda")
    assert refused(content[:-2] + content[last:-2] * MAX_SCANS + b"\xff\xd9") == (
        FaultKind.ENCODING,
        "a JPEG of more than 100 scans",
    )


def test_segments_are_limited() -> None:
    """Sixteen million empty segments took a gigabyte."""
    content = jpeg()
    decode_jpeg(content[:2] + b"\xff\x01" * (MAX_SEGMENTS - 10) + content[2:])
    found = f"a JPEG of more than {MAX_SEGMENTS} segments"
    assert refused(content[:2] + b"\xff\x01" * MAX_SEGMENTS + content[2:]) == (FaultKind.UNREADABLE, found)


@pytest.mark.parametrize("side", [0, 2049, 65_535])
def test_size_is_taken_from_the_header(side: int) -> None:
    content = jpeg()
    start = content.index(b"\xff\xc0") + 5
    kind, found = refused(content[:start] + side.to_bytes(2) * 2 + content[start + 4 :])
    assert kind is (FaultKind.TOO_LARGE if side else FaultKind.UNREADABLE)
    assert f"{side} x {side} pixels" in found


def test_several_pictures_are_refused() -> None:
    file = io.BytesIO()
    first = Image.fromarray(PICTURE)
    first.save(file, "MPO", save_all=True, append_images=[first])
    content = file.getvalue()
    assert refused(content) == (FaultKind.SEVERAL_IMAGES, "2 images in one file")
    for order in ("little", "big"):  # not a number, but a text
        content = content.replace(*((0xB001).to_bytes(2, order) + kind.to_bytes(2, order) for kind in (4, 2)))
    assert refused(content)[0] is FaultKind.SEVERAL_IMAGES


def test_bytes_between_segments_are_refused() -> None:
    content = jpeg()
    assert refused(content[:20] + b"\0\0" + content[20:])[0] is FaultKind.UNREADABLE
