"""How the pixels of a TIFF file are stored, read from its tags and checked against the file."""

from dataclasses import dataclass

from brainseg.imaging.fault_kinds import MAX_SIDE, FaultKind
from brainseg.imaging.faults import DecodingError, check_size
from brainseg.imaging.tiff_directory import Directory
from brainseg.imaging.tiff_tags import (
    BITS,
    COMPRESSION,
    DEFAULTS,
    DEFLATE,
    DEPTH,
    FILL_ORDER,
    HEIGHT,
    LZW,
    PLANAR,
    PREDICTOR,
    ROWS_PER_STRIP,
    SAMPLES,
    STRIP_OFFSETS,
    STRIP_SIZES,
    TILE_HEIGHT,
    TILE_OFFSETS,
    TILE_SIZES,
    TILE_WIDTH,
    UNCOMPRESSED,
    WIDTH,
    single,
)

SLACK = 1000  # bytes that no tag refers to, at most, in a file of one image


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How pixels are stored: in blocks, which are strips or tiles, from left to right and from top to bottom.

    Attributes:
        height, width: of the image, pixels.
        bits: per sample, 1 or 8.
        samples: per pixel.
        planes: 1 if a block has all samples of its pixels, otherwise `samples`: blocks of the first sample come first.
        tiled: whether the blocks are tiles, which are whole at the edges of the image too.
        block_height, block_width: pixels.
        compression: one of `READ_COMPRESSIONS`.
        predictor: whether a row has the differences between neighbouring pixels.
        blocks: (first, last + 1) bytes of each block in the file.
    """

    height: int
    width: int
    bits: int
    samples: int
    planes: int
    tiled: bool
    block_height: int
    block_width: int
    compression: int
    predictor: bool
    blocks: tuple[tuple[int, int], ...]


def read_layout(directory: Directory, length: int) -> Layout:
    """Read how the pixels are stored.

    Args:
        directory: of the image, checked by `brainseg.imaging.tiff_tags.check_meaning`.
        length: of the file, bytes.

    Raises:
        DecodingError: if the size is not allowed, or blocks are missing, too many, not inside the file or overlapping.
    """
    height, width = single(directory, HEIGHT), single(directory, WIDTH)
    check_size(height, width)
    bits, samples, planar, compression, predictor, fill_order = (
        single(directory, tag, DEFAULTS[tag]) for tag in (BITS, SAMPLES, PLANAR, COMPRESSION, PREDICTOR, FILL_ORDER)
    )
    if compression not in (LZW, *DEFLATE):
        predictor = 1  # it belongs to these methods; elsewhere the tag has no meaning
    if predictor not in (1, 2) or planar not in (1, 2) or (bits == 1 and (predictor, fill_order) != (1, 1)):
        found = f"TIFF predictor {predictor}, planar configuration {planar}, fill order {fill_order}, {bits} bit(s)"
        raise DecodingError(FaultKind.ENCODING, found)
    tiled = TILE_OFFSETS in directory.tags
    block_height, block_width = _block_size(directory, height, width, tiled)
    planes = samples if planar == 2 else 1
    blocks = _blocks(directory, tiled, planes * -(-height // block_height) * -(-width // block_width))
    _check_spans(blocks, directory.spans, length)
    _check_single(directory, blocks, compression, length)
    if compression == UNCOMPRESSED and not tiled and planes == 1:
        blocks, block_height = _merge_strips(blocks, block_height, height, -(-width * samples * bits // 8))
    return Layout(
        height=height,
        width=width,
        bits=bits,
        samples=samples,
        planes=planes,
        tiled=tiled,
        block_height=block_height,
        block_width=block_width,
        compression=compression,
        predictor=predictor == 2,
        blocks=blocks,
    )


def _block_size(directory: Directory, height: int, width: int, tiled: bool) -> tuple[int, int]:
    if not tiled:
        rows = min(single(directory, ROWS_PER_STRIP, height), height)
        if rows == 0:
            raise DecodingError(FaultKind.UNREADABLE, "TIFF strips without rows")
        return rows, width
    size = single(directory, TILE_HEIGHT), single(directory, TILE_WIDTH)
    if not all(0 < side <= MAX_SIDE and side % 16 == 0 for side in size):
        raise DecodingError(FaultKind.UNREADABLE, f"TIFF tiles of {size[0]} x {size[1]} pixels")
    return size


def _blocks(directory: Directory, tiled: bool, expected: int) -> tuple[tuple[int, int], ...]:
    starts = directory.tags.get(TILE_OFFSETS if tiled else STRIP_OFFSETS, ())
    sizes = directory.tags.get(TILE_SIZES if tiled else STRIP_SIZES, ())
    if not len(starts) == len(sizes) == expected:
        found = f"{len(starts)} offsets and {len(sizes)} sizes of TIFF strips or tiles where {expected} are needed"
        raise DecodingError(FaultKind.UNREADABLE, found)
    return tuple((start, start + size) for start, size in zip(starts, sizes, strict=True))


def _check_single(directory: Directory, blocks: tuple[tuple[int, int], ...], compression: int, length: int) -> None:
    """Check that there is one image only: some programs write a stack with the directory of its first slice."""
    depth = single(directory, DEPTH, 1)
    pixels = sum(end - start for start, end in blocks)
    rest = length - pixels - sum(end - start for start, end in directory.spans)
    if depth != 1 or (compression == UNCOMPRESSED and rest >= max(pixels, SLACK)):
        found = f"{depth} slices in one image" if depth != 1 else "a TIFF with pixels of more images than it declares"
        raise DecodingError(FaultKind.SEVERAL_IMAGES, found)


def _merge_strips(
    blocks: tuple[tuple[int, int], ...], block_height: int, height: int, row_bytes: int
) -> tuple[tuple[tuple[int, int], ...], int]:
    """Take uncompressed strips as one if each follows the one before, which saves time."""
    start = blocks[0][0]
    step = block_height * row_bytes
    end = start + height * row_bytes
    expected = tuple((first, min(first + step, end)) for first in range(start, end, step))
    return (((start, end),), height) if blocks == expected else (blocks, block_height)


def _check_spans(blocks: tuple[tuple[int, int], ...], others: tuple[tuple[int, int], ...], length: int) -> None:
    """Check that blocks are inside the file and overlap neither each other nor the header and the directory."""
    for number, (start, end) in enumerate(blocks, 1):
        if start == end or end > length:
            found = f"strip or tile {number} of {len(blocks)} is {'empty' if start == end else 'not inside the file'}"
            raise DecodingError(FaultKind.UNREADABLE, found)
    reached, reached_by_block = 0, False
    spans = [(0, 8, False), *((*span, False) for span in others), *((*span, True) for span in blocks)]
    for start, end, is_block in sorted(spans):  # values of tags may overlap: writers share equal ones
        if start < reached and (is_block or reached_by_block):
            raise DecodingError(FaultKind.UNREADABLE, "TIFF strips or tiles that overlap each other or the directory")
        if end >= reached:
            reached, reached_by_block = end, is_block
