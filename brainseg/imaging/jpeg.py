"""Decoding a JPEG file strictly: whatever the decoder would only warn of is an error."""

from collections.abc import Iterator

import simplejpeg

from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.faults import DecodingError, check_size
from brainseg.imaging.orientation import EXIF_HEADER, check_exif
from brainseg.imaging.tiff_directory import first_directory
from brainseg.imaging.volume import ByteArray

MAX_SEGMENTS = 10_000  # before the first scan; the largest file with full ones has 512
MAX_SCANS = 100  # each goes over the whole image; usual are 1, or about 10 in a progressive JPEG
EXIF, MULTI_PICTURE, START_OF_SCAN = 0xE1, 0xE2, 0xDA
END_OF_IMAGE = b"\xff\xd9"
MULTI_PICTURE_HEADER, NUMBER_OF_IMAGES = b"MPF\0", 0xB001
START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # with the size of the image
WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}


def decode_jpeg(content: bytes) -> ByteArray:
    """Decode a JPEG file.

    Args:
        content: the whole file.

    Returns:
        Shape (H, W) or (H, W, 3), uint8: grey or RGB.

    Raises:
        DecodingError: if anything is damaged or missing, or the image has other colours or another orientation.
    """
    for marker, segment in _segments(content):
        if marker in START_OF_FRAME and len(segment) > 5:
            check_size(int.from_bytes(segment[1:3]), int.from_bytes(segment[3:5]))
        elif marker == EXIF and segment.startswith(EXIF_HEADER):
            check_exif(segment)
        elif marker == MULTI_PICTURE and segment.startswith(MULTI_PICTURE_HEADER):
            tags = first_directory(segment.removeprefix(MULTI_PICTURE_HEADER)).tags
            numbers = tags.get(NUMBER_OF_IMAGES, (1,))
            if numbers != (1,):
                raise DecodingError(FaultKind.SEVERAL_IMAGES, f"{', '.join(map(str, numbers))} images in one file")
    if content.count(b"\xff\xda") > MAX_SCANS:
        raise DecodingError(FaultKind.ENCODING, f"a JPEG of more than {MAX_SCANS} scans")
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(content, strict=True)
        check_size(height, width)
        if colours not in ("Gray", "YCbCr", "RGB"):
            raise DecodingError(FaultKind.CHANNELS, f"JPEG colours {colours}")
        pixels: ByteArray = simplejpeg.decode_jpeg(content, "GRAY" if colours == "Gray" else "RGB", strict=True)
    except ValueError as error:
        unusual = "subsampling" in str(error) and content.endswith(END_OF_IMAGE)
        kind = FaultKind.ENCODING if unusual else FaultKind.UNREADABLE
        raise DecodingError(kind, f"JPEG data that cannot be decoded: {error}") from None
    return pixels[..., 0] if colours == "Gray" else pixels


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers before the first scan, each with its segment."""
    offset, number = 2, 0
    while offset + 4 <= len(content):
        if content[offset] != 0xFF:
            raise DecodingError(FaultKind.UNREADABLE, "a JPEG with bytes between its segments")
        marker = content[offset + 1]
        if marker == 0xFF:  # padding
            offset += 1
            continue
        if marker == START_OF_SCAN:
            break
        length = 0 if marker in WITHOUT_LENGTH else int.from_bytes(content[offset + 2 : offset + 4])
        yield marker, content[offset + 4 : offset + 2 + length]
        offset += 2 + length
        number += 1
        if number > MAX_SEGMENTS:
            raise DecodingError(FaultKind.UNREADABLE, f"a JPEG of more than {MAX_SEGMENTS} segments")
