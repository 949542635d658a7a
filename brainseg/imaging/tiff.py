"""Decoding a TIFF file with one image: every strip or tile must be there and give exactly the bytes it should.

Other decoders fill what they cannot decode with black, and cut off what is too much.
"""

import zlib

import imagecodecs
import numpy as np

from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.faults import DecodingError
from brainseg.imaging.orientation import check_orientation
from brainseg.imaging.tiff_directory import ORIENTATION_TAG, count_directories, first_directory
from brainseg.imaging.tiff_layout import Layout, read_layout
from brainseg.imaging.tiff_tags import (
    DEFLATE,
    LZW,
    MIN_IS_WHITE,
    PACKBITS,
    PALETTE,
    READ_COMPRESSIONS,
    check_meaning,
    single,
)
from brainseg.imaging.volume import ByteArray

COLOUR_MAP = 320


def decode_tiff(content: bytes) -> ByteArray:
    """Decode the only image of a TIFF file.

    Args:
        content: the whole file.

    Returns:
        Shape (H, W) or (H, W, C), uint8: grey, grey and alpha, RGB, or RGB and alpha. 1 bit becomes 0 and 255. Grey
        that is stored with 0 as white is inverted, and palette colours are looked up.

    Raises:
        DecodingError: for all that cannot be decoded exactly, or whose meaning is not certain.
    """
    directory = first_directory(content)
    if directory.following:
        raise DecodingError(FaultKind.SEVERAL_IMAGES, f"{count_directories(content)} images in one file")
    if not directory.ascending:
        raise DecodingError(FaultKind.UNREADABLE, "TIFF tags that are not in ascending order")
    check_orientation(single(directory, ORIENTATION_TAG, 1))
    photometric = check_meaning(directory)
    layout = read_layout(directory, len(content))
    pixels = _assemble(layout, content)
    if photometric == PALETTE:
        return _look_up(pixels[..., 0], directory.tags.get(COLOUR_MAP, ()), 2**layout.bits)
    if layout.bits == 1:
        pixels *= 255
    if photometric == MIN_IS_WHITE:
        pixels[..., 0] = 255 - pixels[..., 0]
    return pixels if layout.samples > 1 else pixels[..., 0]


def _assemble(layout: Layout, content: bytes) -> ByteArray:
    """Decode all blocks into an array of shape (H, W, samples), uint8; 1-bit samples as 0 and 1."""
    pixels = np.empty((layout.height, layout.width, layout.samples), np.uint8)
    across = -(-layout.width // layout.block_width)
    per_plane = len(layout.blocks) // layout.planes
    for number, (start, end) in enumerate(layout.blocks):
        plane, position = divmod(number, per_plane)
        top, left = (position // across) * layout.block_height, (position % across) * layout.block_width
        rows = min(layout.block_height, layout.height - top)
        block = _decode_block(layout, content[start:end], rows)
        if block is None:
            name = READ_COMPRESSIONS[layout.compression]
            found = f"strip or tile {number + 1} of {len(layout.blocks)} does not give its {rows} rows ({name})"
            raise DecodingError(FaultKind.UNREADABLE, found)
        channels = slice(None) if layout.planes == 1 else slice(plane, plane + 1)
        target = pixels[top : top + rows, left : left + layout.block_width, channels]
        target[...] = block[:, : target.shape[1]]
    return pixels


def _decode_block(layout: Layout, data: bytes, rows: int) -> ByteArray | None:
    """Decode one block to shape (rows, block_width, channels), uint8; None if it gives more or fewer bytes."""
    channels = layout.samples // layout.planes
    row_bytes = -(-layout.block_width * channels * layout.bits // 8)
    whole = layout.block_height * row_bytes
    data = _decompress(data, layout.compression, whole)
    if len(data) != whole and (layout.tiled or len(data) != rows * row_bytes):  # the last strip may be cut or whole
        return None
    block: ByteArray = np.frombuffer(data, np.uint8, count=rows * row_bytes).reshape(rows, row_bytes)
    if layout.bits == 1:
        block = np.unpackbits(block, axis=1, count=layout.block_width)
    pixels: ByteArray = block.reshape(rows, layout.block_width, channels)
    return np.cumsum(pixels, axis=1, dtype=np.uint8) if layout.predictor else pixels


def _decompress(data: bytes, compression: int, size: int) -> bytes:
    """Decompress a block; nothing if it is damaged, and at most one byte more than `size`."""
    try:
        if compression == LZW:
            return bytes(imagecodecs.lzw_decode(data, out=size + 1))
        if compression == PACKBITS:
            return bytes(imagecodecs.packbits_decode(data, out=size + 1))
        if compression in DEFLATE:
            stream = zlib.decompressobj()
            result = stream.decompress(data, size + 1)
            return result if stream.eof else b""  # the checksum is at the end
    except (RuntimeError, ValueError, zlib.error):  # imagecodecs raises RuntimeErrors of its own
        return b""
    return data


def _look_up(indices: ByteArray, colour_map: tuple[int, ...], colours: int) -> ByteArray:
    """Look up palette colours, which are stored with 16 bits: all red values first, then green, then blue."""
    if len(colour_map) != 3 * colours:
        found = f"a palette of {len(colour_map)} values where {3 * colours} are needed"
        raise DecodingError(FaultKind.UNREADABLE, found)
    shift = 8 if max(colour_map) > 255 else 0  # some programs write 8 bits
    palette = (np.array(colour_map).reshape(3, colours) >> shift).astype(np.uint8)
    return np.ascontiguousarray(palette.T[indices])
