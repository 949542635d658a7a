"""Reading the image or mask of one slice from a TIFF, PNG or BMP file; images also from JPEG.

Channels are RGB, in the order of `brainseg.imaging.volume.SEQUENCES`.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np

from brainseg.imaging import png
from brainseg.imaging.bmp import decode_bmp
from brainseg.imaging.fault_kinds import MAX_FILE_BYTES, MAX_TUMOUR_FRACTION, FaultKind
from brainseg.imaging.faults import DecodingError, Fault, FaultError
from brainseg.imaging.jpeg import decode_jpeg
from brainseg.imaging.orientation import check_xmp
from brainseg.imaging.tiff import decode_tiff
from brainseg.imaging.volume import BoolArray, ByteArray

MASK_SUFFIXES = (".tif", ".tiff", ".png", ".bmp")
IMAGE_SUFFIXES = (*MASK_SUFFIXES, ".jpg", ".jpeg")  # JPEG blurs the edges of a mask
JPEG_START = b"\xff\xd8"
# The first bytes of a file tell its format; its suffix may be wrong.
DECODERS: dict[bytes, Callable[[bytes], ByteArray]] = {
    b"II": decode_tiff,
    b"MM": decode_tiff,
    png.SIGNATURE: png.decode_png,
    b"BM": decode_bmp,
    JPEG_START: decode_jpeg,
}
MAX_READERS = min(8, os.cpu_count() or 1)  # threads that read at the same time; 70 MB each for the largest slices
FEW_LABELS = 15  # a mask with a larger value was smoothed or scaled, rather than labelled
MAX_LISTED = 5  # values or colours of a faulty mask that are listed


def read_image(path: Path) -> ByteArray:
    """Read the image of one slice.

    Args:
        path: .tif, .tiff, .png, .bmp, .jpg or .jpeg, 8-bit. An opaque alpha channel is dropped.

    Returns:
        Shape (H, W, 3), uint8, RGB, C-contiguous. A grey image is repeated in all three channels; the sequences are
        then equal, which `brainseg.dataset.index.missing_sequences` reports.

    Raises:
        FaultError: if the file is missing, damaged or too large, has several images or an orientation tag, is stored
            in a way that is not read, or is not 8-bit grey or RGB.
    """
    pixels = _decode(path, IMAGE_SUFFIXES)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., np.newaxis], 3, axis=-1)
    return np.ascontiguousarray(pixels)


def read_mask(path: Path) -> BoolArray:
    """Read the mask of one slice.

    Args:
        path: .tif, .tiff, .png or .bmp, 8-bit or 1-bit; grey, or colour with equal channels. Its values are 0 and at
            most one other value.

    Returns:
        Shape (H, W), bool, True = tumour.

    Raises:
        FaultError: as for `read_image`, and if the mask has colours, more than two values, or tumour in more than
            half of its pixels.
    """
    return read_mask_and_value(path)[0]


def read_mask_and_value(path: Path) -> tuple[BoolArray, int]:
    """Read the mask of one slice as `read_mask` does, and its value inside the tumour, 0 if it has none."""
    try:
        pixels = _decode(path, MASK_SUFFIXES)
    except FaultError as error:
        if error.fault.kind is FaultKind.IMAGE_DEPTH:
            raise FaultError(Fault(FaultKind.MASK_DEPTH, str(path), error.fault.found)) from None
        raise
    if pixels.ndim == 3:
        if not (pixels == pixels[..., :1]).all():
            raise FaultError(Fault(FaultKind.COLOURED_MASK, str(path), _describe_colours(pixels)))
        pixels = pixels[..., 0]
    mask = np.asarray(pixels != 0, dtype=np.bool_)
    inside = int(pixels.max())
    if inside and not np.array_equal(mask, pixels == inside):
        kind = FaultKind.SEVERAL_LABELS if inside <= FEW_LABELS else FaultKind.NOT_BINARY
        raise FaultError(Fault(kind, str(path), _list_values(np.unique(pixels).tolist(), "values")))
    fraction = np.count_nonzero(mask) / mask.size
    if fraction > MAX_TUMOUR_FRACTION:
        raise FaultError(Fault(FaultKind.INVERTED_MASK, str(path), f"{fraction:.0%} of the pixels are {inside}"))
    return np.ascontiguousarray(mask), inside


def _decode(path: Path, suffixes: tuple[str, ...]) -> ByteArray:
    """Decode the only image of a file, without its alpha channel: shape (H, W) or (H, W, 3), uint8."""
    if path.suffix.lower() not in suffixes:
        raise FaultError(Fault(FaultKind.FORMAT, str(path), f"a file that does not end in {', '.join(suffixes)}"))
    content = _read_bytes(path)
    start = next((start for start in DECODERS if content.startswith(start)), None)
    if start is None:
        raise FaultError(Fault(FaultKind.UNREADABLE, str(path), f"{len(content)} bytes that are not an image"))
    if start == JPEG_START and ".jpg" not in suffixes:
        raise FaultError(Fault(FaultKind.FORMAT, str(path), f"a JPEG whose name ends in {path.suffix}"))
    try:
        check_xmp(content)
        return _without_alpha(DECODERS[start](content))
    except DecodingError as error:
        raise FaultError(Fault(error.kind, str(path), error.found)) from None


def _read_bytes(path: Path) -> bytes:
    """Read a regular file that is not too large; neither a named pipe nor a file of terabytes is opened."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            found = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise FaultError(Fault(FaultKind.UNREADABLE, str(path), found))
        if status.st_size > MAX_FILE_BYTES:
            raise FaultError(Fault(FaultKind.TOO_LARGE, str(path), f"{status.st_size / 2**20:.0f} MiB"))
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES)
    except OSError as error:
        found = (error.strerror or str(error)).lower()
        raise FaultError(Fault(FaultKind.UNREADABLE, str(path), found)) from None


def _without_alpha(pixels: ByteArray) -> ByteArray:
    """Drop an alpha channel, the second or fourth, if it is opaque everywhere."""
    if pixels.ndim == 2 or pixels.shape[-1] == 3:
        return pixels
    if not (pixels[..., -1] == np.iinfo(np.uint8).max).all():
        raise DecodingError(FaultKind.CHANNELS, f"{pixels.shape[-1]} channels, transparent or not RGB")
    return pixels[..., :3] if pixels.shape[-1] == 4 else pixels[..., 0]


def _describe_colours(pixels: ByteArray) -> str:
    colours = np.unique(pixels.reshape(-1, 3), axis=0).tolist()
    return _list_values([tuple(colour) for colour in colours], "colours")


def _list_values(values: list[object], name: str) -> str:
    more = ", ..." if len(values) > MAX_LISTED else ""
    return f"{len(values)} {name}: {', '.join(str(value) for value in values[:MAX_LISTED])}{more}"
