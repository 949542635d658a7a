"""Decoding an uncompressed BMP file."""

import struct

import numpy as np

from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.faults import DecodingError, check_size
from brainseg.imaging.volume import ByteArray

FILE_HEADER = 14  # bytes
OLD_HEADER, USUAL_HEADERS = 12, (40, 52, 56, 108, 124)  # bytes of the second header, which is where versions differ
UNCOMPRESSED, BIT_FIELDS = 0, 3
COMPRESSIONS = {0: "none", 1: "run lengths", 2: "run lengths", 3: "bit fields", 4: "JPEG", 5: "PNG"}
BGRA_MASKS = (0xFF0000, 0xFF00, 0xFF)  # of red, green and blue in a pixel of 32 bits


def decode_bmp(content: bytes) -> ByteArray:
    """Decode a BMP file of 1, 4, 8, 24 or 32 bits.

    Args:
        content: the whole file.

    Returns:
        Shape (H, W, C), uint8: RGB, or RGB and alpha. Palette colours are looked up. A fourth byte that is 0
        everywhere is unused and left out.

    Raises:
        DecodingError: if the file is not complete, is compressed, or has other bits.
    """
    try:
        start, header = struct.unpack_from("<II", content, 10)
        if header == OLD_HEADER:
            width, height, bits = struct.unpack_from("<HH2xH", content, 18)
            compression, colours = UNCOMPRESSED, 0
        elif header in USUAL_HEADERS:
            width, height, bits, compression = struct.unpack_from("<ii2xHI", content, 18)
            (colours,) = struct.unpack_from("<I", content, 46)
        else:
            raise DecodingError(FaultKind.UNREADABLE, f"a BMP with a header of {header} bytes")
        masks = struct.unpack_from("<III", content, 54) if compression == BIT_FIELDS else BGRA_MASKS
    except struct.error:
        raise DecodingError(FaultKind.UNREADABLE, f"{len(content)} bytes that are not a complete BMP") from None
    check_size(abs(height), width)
    is_read = compression == UNCOMPRESSED or (compression == BIT_FIELDS and bits == 32 and masks == BGRA_MASKS)
    if not is_read or bits not in (1, 4, 8, 24, 32):
        name = COMPRESSIONS.get(compression, f"number {compression}")
        raise DecodingError(FaultKind.ENCODING, f"a BMP of {bits} bits per pixel with compression: {name}")
    entry = 3 if header == OLD_HEADER else 4
    colours = (colours or 2**bits) if bits <= 8 else 0
    after_header = FILE_HEADER + header + (12 if compression == BIT_FIELDS and header == 40 else 0)
    row_bytes = (width * bits + 31) // 32 * 4
    end = start + abs(height) * row_bytes
    if start < after_header + colours * entry or end > len(content) or colours > 2**bits:
        raise DecodingError(FaultKind.UNREADABLE, f"{len(content)} bytes that are not a complete BMP")
    rows = np.frombuffer(content, np.uint8, count=end - start, offset=start).reshape(abs(height), row_bytes)
    rows = rows[::-1] if height > 0 else rows  # a positive height means that the last row comes first
    if bits > 8:
        return _colours(rows[:, : width * bits // 8].reshape(abs(height), width, bits // 8))
    palette = np.frombuffer(content, np.uint8, count=colours * entry, offset=after_header).reshape(colours, entry)
    indices = _indices(rows, bits)[:, :width]
    if indices.max() >= colours:
        raise DecodingError(FaultKind.UNREADABLE, "a BMP with a pixel whose colour is not in its palette")
    return np.ascontiguousarray(palette[indices][..., 2::-1])


def _colours(pixels: ByteArray) -> ByteArray:
    """RGB from BGR, or from BGR and a fourth byte, which is alpha if it is not 0 everywhere."""
    rgb = pixels[..., 2::-1]
    if pixels.shape[-1] == 4 and pixels[..., 3].any():
        return np.dstack([rgb, pixels[..., 3]])
    return np.ascontiguousarray(rgb)


def _indices(rows: ByteArray, bits: int) -> ByteArray:
    """Palette indices of rows of bytes, the highest bits of a byte first."""
    if bits == 1:
        return np.unpackbits(rows, axis=1)
    if bits == 4:
        return np.stack([rows >> 4, rows & 15], axis=-1).reshape(len(rows), -1)
    return rows
