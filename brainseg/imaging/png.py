"""Decoding a PNG file: every chunk and its checksum first, then the pixels with Pillow."""

import io
import struct
import zlib

import numpy as np
from PIL import PngImagePlugin

from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.faults import DecodingError, check_size
from brainseg.imaging.orientation import check_exif, check_xmp
from brainseg.imaging.volume import ByteArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# EXIF and XMP as ImageMagick writes them, in texts with these names; and XMP as others write it.
EXIF_PROFILES = (b"Raw profile type exif", b"Raw profile type APP1")
XMP_PROFILE, XMP_TEXT = b"Raw profile type xmp", b"XML:com.adobe.xmp"
PALETTE = 3  # the type of colours
MAX_PROFILE = 2**20  # bytes of such a text
MAX_CHUNKS = 50_000  # the pixels of the largest file in chunks of 8 KiB, as is usual, are 4,096


def decode_png(content: bytes) -> ByteArray:
    """Decode a PNG file.

    Args:
        content: the whole file.

    Returns:
        Shape (H, W) or (H, W, C), uint8: grey, RGB, or RGB and alpha. Fewer than 8 bits become 0 to 255, and palette
        colours are looked up.

    Raises:
        DecodingError: if a chunk is damaged or missing, or the image has 16 bits, frames or another orientation.
    """
    chunks = _read_chunks(content)
    width, height, depth, colours = struct.unpack_from(">IIBB", chunks[0][1])
    check_size(height, width)
    if depth > 8:
        raise DecodingError(FaultKind.IMAGE_DEPTH, f"{depth}-bit pixels where 8-bit are expected")
    if any(name == b"acTL" for name, _ in chunks):
        raise DecodingError(FaultKind.SEVERAL_IMAGES, "an animated PNG")
    _check_orientation(chunks)
    try:
        with PngImagePlugin.PngImageFile(io.BytesIO(content)) as image:
            if colours == PALETTE:
                _check_palette(chunks, int(np.asarray(image).max()))
            transparent = "transparency" in image.info or "A" in image.mode
            grey = image.mode in ("1", "L")
            mode = "RGBA" if transparent else "L" if grey else "RGB"
            pixels = np.array(image.convert(mode))
    except DecodingError:
        raise
    except Exception as error:  # of damaged data, Pillow raises many kinds
        raise DecodingError(FaultKind.UNREADABLE, f"PNG data that cannot be decoded: {error}") from None
    if pixels.shape[:2] != (height, width):
        raise DecodingError(FaultKind.UNREADABLE, "PNG data of another size than the header says")
    return pixels


def _read_chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    """Read names and contents of all chunks up to the end mark, and check their checksums."""
    chunks: list[tuple[bytes, bytes]] = []
    offset = len(SIGNATURE)
    while not chunks or chunks[-1][0] != b"IEND":
        length = int.from_bytes(content[offset : offset + 4])
        body = content[offset + 4 : offset + 8 + length]
        checksum = content[offset + 8 + length : offset + 12 + length]
        if len(checksum) < 4:
            raise DecodingError(FaultKind.UNREADABLE, f"{len(content)} bytes that are not a complete PNG")
        if zlib.crc32(body) != int.from_bytes(checksum):
            raise DecodingError(FaultKind.UNREADABLE, f"PNG chunk {body[:4]!r} with a wrong checksum")
        if len(chunks) == MAX_CHUNKS:
            raise DecodingError(FaultKind.UNREADABLE, f"a PNG of more than {MAX_CHUNKS} chunks")
        chunks.append((body[:4], body[4:]))
        offset += 12 + length
    headers = [body for name, body in chunks if name == b"IHDR"]
    if len(headers) != 1 or chunks[0][0] != b"IHDR" or len(headers[0]) != 13:
        raise DecodingError(FaultKind.UNREADABLE, "a PNG whose first and only header is not at its beginning")
    return chunks


def _check_palette(chunks: list[tuple[bytes, bytes]], largest_index: int) -> None:
    """Check that there is a palette before the pixels, with a colour for each of them."""
    sizes = [len(body) for name, body in chunks if name in (b"PLTE", b"IDAT")]
    first = next(name for name, _ in chunks if name in (b"PLTE", b"IDAT"))
    if first != b"PLTE" or sizes[0] % 3 or largest_index >= sizes[0] // 3:
        raise DecodingError(FaultKind.UNREADABLE, "a PNG with a pixel whose colour is not in its palette")


def _check_orientation(chunks: list[tuple[bytes, bytes]]) -> None:
    """Check the orientation in EXIF and XMP metadata, except XMP that is not compressed: `check_xmp` finds it."""
    for name, body in chunks:
        keyword, _, text = body.partition(b"\0")
        if name == b"eXIf":
            check_exif(body)
        elif name in (b"tEXt", b"zTXt") and keyword in EXIF_PROFILES:
            check_exif(_raw_profile(name, text))
        elif name in (b"tEXt", b"zTXt") and keyword == XMP_PROFILE:
            check_xmp(_raw_profile(name, text))
        elif name == b"iTXt" and keyword == XMP_TEXT and text[:1] == b"\1":  # two bytes, two names, compressed text
            check_xmp(_decompress(b"".join(text[2:].split(b"\0", 2)[2:])))


def _raw_profile(name: bytes, text: bytes) -> bytes:
    """Bytes of a raw profile, which is text: an empty line, its name, its length, and hexadecimal digits."""
    if name == b"zTXt":
        text = _decompress(text[1:])
    try:
        return bytes.fromhex(b"".join(text.split(b"\n")[3:]).decode("ascii"))
    except ValueError:
        raise DecodingError(FaultKind.UNREADABLE, "a damaged EXIF or XMP profile") from None


def _decompress(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, MAX_PROFILE)
    except zlib.error:
        raise DecodingError(FaultKind.UNREADABLE, "a damaged EXIF or XMP profile") from None
