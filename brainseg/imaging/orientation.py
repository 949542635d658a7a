"""Orientation tags, by which a picture is shown turned or mirrored: only pixels stored as they are shown are read.

One rule holds for all formats, because an image that is turned and a mask that is not do not fit together.
"""

import re

from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.faults import DecodingError
from brainseg.imaging.tiff_directory import ORIENTATION_TAG, first_directory

XMP_NAME = b"tiff:Orientation"
XMP_VALUE = re.compile(rb"\s*(?:=\s*[\"']|>)\s*([0-9])")
EXIF_HEADER = b"Exif\0\0"


def check_orientation(orientation: int) -> None:
    """Raise a DecodingError for an orientation other than 1, which is upright."""
    if orientation != 1:
        raise DecodingError(FaultKind.ORIENTATION, f"orientation {orientation} where 1 is expected")


def check_exif(block: bytes) -> None:
    """Check the orientation in an EXIF block, with or without its "Exif" header.

    Raises:
        DecodingError: if the orientation is not 1, or the block is damaged.
    """
    for value in first_directory(block.removeprefix(EXIF_HEADER)).tags.get(ORIENTATION_TAG, (1,)):
        check_orientation(value)


def check_xmp(content: bytes) -> None:
    """Check the orientation in the XMP metadata of a file, which are text; raise a DecodingError if it is not 1."""
    start = content.find(XMP_NAME)
    while start >= 0:
        match = XMP_VALUE.match(content, start + len(XMP_NAME))
        if match:
            check_orientation(int(match[1]))
        start = content.find(XMP_NAME, start + 1)
