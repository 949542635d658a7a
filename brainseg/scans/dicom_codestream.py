"""The size that compressed pixels declare about themselves, read before a decoder takes memory for it.

Sources: ITU-T T.81 (JPEG) B.2.2, ITU-T T.87 (JPEG-LS) C.2.2, ITU-T T.800 (JPEG 2000) A.5.1.
"""

import struct

from brainseg.reading import DamagedFileError

JPEG_START = b"\xff\xd8"
JPEG_2000_START = b"\xff\x4f\xff\x51"
JP2_START = b"\x00\x00\x00\x0cjP  "
# Start of frame: all of JPEG but DHT (c4), JPG (c8) and DAC (cc), and JPEG-LS (f7).
FRAME_MARKERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
MAX_TILES = 1024  # a decoder takes memory for each
LONE_MARKERS = {0x01, *range(0xD0, 0xD8)}  # without a length


def check_codestream(content: bytes, rows: int, columns: int) -> None:
    """Check that a compressed frame has the size that the DICOM header declares, and one sample a pixel.

    Args:
        content: a frame in JPEG, JPEG-LS or JPEG 2000.
        rows: of the header.
        columns: of the header.

    Raises:
        DamagedFileError: if it has not, or is none of these.
    """
    if content.startswith(JPEG_START):
        size = _jpeg_size(content)
    else:
        start = content.find(JPEG_2000_START) if content.startswith(JP2_START) else 0
        size = _jpeg_2000_size(content[max(start, 0) :])
    if size is None:
        raise DamagedFileError("compressed pixels without a header that can be read")
    if size != (rows, columns, 1):
        raise DamagedFileError(
            f"compressed pixels of {size[0]} x {size[1]} with {size[2]} sample(s), where the header declares "
            f"{rows} x {columns} with 1"
        )


def _jpeg_size(content: bytes) -> tuple[int, int, int] | None:
    """Rows, columns and samples of JPEG and JPEG-LS."""
    position = 2
    while position + 4 <= len(content):
        if content[position] != 0xFF:
            return None
        marker = content[position + 1]
        if marker == 0xFF:  # padding
            position += 1
        elif marker in LONE_MARKERS:
            position += 2
        elif marker in FRAME_MARKERS:
            if position + 10 > len(content):
                return None
            rows, columns, samples = struct.unpack_from(">HHB", content, position + 5)
            return rows, columns, samples
        else:
            position += 2 + struct.unpack_from(">H", content, position + 2)[0]
    return None


def _jpeg_2000_size(content: bytes) -> tuple[int, int, int] | None:
    """Rows, columns and samples of JPEG 2000; None also if it is cut into very many tiles."""
    if not content.startswith(JPEG_2000_START) or len(content) < 42:
        return None
    right, bottom, left, top, tile_width, tile_height = struct.unpack_from(">6I", content, 8)
    samples = struct.unpack_from(">H", content, 40)[0]
    if min(tile_width, tile_height) < 1 or right < left or bottom < top:
        return None
    tiles = -(-(bottom - top) // tile_height) * -(-(right - left) // tile_width)
    return (bottom - top, right - left, samples) if tiles <= MAX_TILES else None
