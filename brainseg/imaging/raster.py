"""One picture or mask of one slice from a raster file: TIFF, PNG, BMP, and JPEG for images.

OpenCV's BGR order begins and ends in this module; everything outside is RGB, in the order of `volumes.SEQUENCES`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from brainseg.imaging.faults import Fault, FaultError, FaultKind
from brainseg.imaging.volume import BoolArray, ByteArray

MASK_SUFFIXES = (".tif", ".tiff", ".png", ".bmp")
IMAGE_SUFFIXES = (*MASK_SUFFIXES, ".jpg", ".jpeg")  # JPEG blurs edges: no mask survives it
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def read_image(path: Path) -> ByteArray:
    """Read one slice.

    Args:
        path: .tif, .tiff, .png, .bmp, .jpg or .jpeg, 8-bit. An opaque alpha channel is dropped.

    Returns:
        Shape (H, W, 3), uint8, RGB, C-contiguous. A grey picture is repeated: all three sequences are then equal, which
        `kaggle.missing_sequences` reports.

    Raises:
        FaultError: if the file is missing, unreadable, cut off, holds several pictures, or is not 8-bit grey or RGB.
    """
    pixels = _without_alpha(_decode(path, IMAGE_SUFFIXES), path)
    code = cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_BGR2RGB
    return np.ascontiguousarray(cv2.cvtColor(pixels, code), dtype=np.uint8)


def read_mask(path: Path) -> BoolArray:
    """Read one slice's outline.

    Args:
        path: .tif, .tiff, .png or .bmp, 8-bit or 1-bit; grey, or colour with equal channels. Its values are 0 and at
            most one other.

    Returns:
        Shape (H, W), bool, True = tumour.

    Raises:
        FaultError: as `read_image`, and if the mask is coloured, has more than two values, or no background at all.
    """
    pixels = _without_alpha(_decode(path, MASK_SUFFIXES), path)
    if pixels.ndim == 3:
        if not (pixels == pixels[..., :1]).all():
            raise FaultError(Fault(FaultKind.PIXELS, str(path), "colours"))
        pixels = np.ascontiguousarray(pixels[..., 0])
    mask = pixels != 0
    inside = pixels.max()
    if not np.array_equal(mask, pixels == inside) and inside:
        values = np.unique(pixels)
        some = ", ".join(str(value) for value in values[:5])
        raise FaultError(
            Fault(FaultKind.VALUES, str(path), f"{len(values)} values: {some}{', ...' * (len(values) > 5)}")
        )
    if mask.all():
        raise FaultError(Fault(FaultKind.VALUES, str(path), f"every pixel is {inside}, no background: inverted?"))
    return np.asarray(mask, dtype=np.bool_)


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Mute OpenCV's log inside the block: what it would print, this module raises.

    The level is one for the whole process: open the block around threads that read, not only within them.
    """
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)


def _decode(path: Path, suffixes: tuple[str, ...]) -> ByteArray:
    """The one 8-bit picture in a file, (H, W), (H, W, 3) BGR or (H, W, 4) BGRA, uint8."""
    if path.suffix.lower() not in suffixes:
        raise FaultError(Fault(FaultKind.PIXELS, str(path), f"a file that does not end in {', '.join(suffixes)}"))
    content = _read_bytes(path)
    cut = content.startswith(PNG_START) and PNG_END not in content  # libpng would print to stderr past OpenCV's log
    pictures: tuple[ByteArray, ...] = ()
    if content and not cut:
        with quiet_opencv():
            try:
                # The plural reads all pages of a TIFF: a stack is a fault, not its first slice. OpenCV 5 gives nothing
                # for a file that is cut off, in every format above.
                _, pages = cv2.imdecodemulti(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
                pictures = tuple(np.asarray(page) for page in pages)
            except cv2.error:
                pictures = ()
    if not pictures:
        raise FaultError(Fault(FaultKind.UNREADABLE, str(path), f"{len(content)} bytes that are not a whole picture"))
    if len(pictures) > 1:
        raise FaultError(Fault(FaultKind.PIXELS, str(path), f"{len(pictures)} pictures in one file"))
    if pictures[0].dtype != np.uint8:
        raise FaultError(Fault(FaultKind.PIXELS, str(path), f"{pictures[0].dtype} pixels where 8-bit are expected"))
    return pictures[0]


def _read_bytes(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():  # opening a named pipe would wait for ever
            raise FaultError(
                Fault(FaultKind.UNREADABLE, str(path), "a folder" if path.is_dir() else "not a regular file")
            )
        return path.read_bytes()
    except OSError as error:
        found = (error.strerror or str(error)).lower()
        raise FaultError(Fault(FaultKind.UNREADABLE, str(path), found)) from None


def _without_alpha(pixels: ByteArray, path: Path) -> ByteArray:
    """Drop a fourth channel that says opaque everywhere; any other is transparency or no RGB at all."""
    if pixels.ndim == 2 or pixels.shape[-1] == 3:
        return pixels
    if pixels.shape[-1] == 4 and (pixels[..., 3] == np.iinfo(np.uint8).max).all():
        return pixels[..., :3]
    raise FaultError(Fault(FaultKind.PIXELS, str(path), f"{pixels.shape[-1]} channels, transparent or not RGB"))
