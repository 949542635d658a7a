"""Reading the image or mask of one slice from a TIFF, PNG or BMP file; images also from JPEG.

OpenCV's BGR order is used only in this module. Elsewhere channels are RGB, in the order of
`brainseg.imaging.volume.SEQUENCES`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from brainseg.imaging.faults import Fault, FaultError, FaultKind
from brainseg.imaging.volume import BoolArray, ByteArray

MASK_SUFFIXES = (".tif", ".tiff", ".png", ".bmp")
IMAGE_SUFFIXES = (*MASK_SUFFIXES, ".jpg", ".jpeg")  # JPEG blurs the edges of a mask
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def read_image(path: Path) -> ByteArray:
    """Read the image of one slice.

    Args:
        path: .tif, .tiff, .png, .bmp, .jpg or .jpeg, 8-bit. An opaque alpha channel is dropped.

    Returns:
        Shape (H, W, 3), uint8, RGB, C-contiguous. A grey image is repeated in all three channels; the sequences are
        then equal, which `brainseg.dataset.index.missing_sequences` reports.

    Raises:
        FaultError: if the file is missing, unreadable or truncated, has several images, or is not 8-bit grey or RGB.
    """
    pixels = _without_alpha(_decode(path, IMAGE_SUFFIXES), path)
    code = cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_BGR2RGB
    return np.ascontiguousarray(cv2.cvtColor(pixels, code), dtype=np.uint8)


def read_mask(path: Path) -> BoolArray:
    """Read the mask of one slice.

    Args:
        path: .tif, .tiff, .png or .bmp, 8-bit or 1-bit; grey, or colour with equal channels. Its values are 0 and at
            most one other value.

    Returns:
        Shape (H, W), bool, True = tumour.

    Raises:
        FaultError: as for `read_image`, and if the mask has colours, more than two values or no background.
    """
    pixels = _without_alpha(_decode(path, MASK_SUFFIXES), path)
    if pixels.ndim == 3:
        if not (pixels == pixels[..., :1]).all():
            raise FaultError(Fault(FaultKind.PIXEL_FORMAT, str(path), "colours"))
        pixels = np.ascontiguousarray(pixels[..., 0])
    mask = pixels != 0
    inside = pixels.max()
    if not np.array_equal(mask, pixels == inside) and inside:
        values = np.unique(pixels)
        some = ", ".join(str(value) for value in values[:5])
        raise FaultError(
            Fault(FaultKind.NOT_BINARY, str(path), f"{len(values)} values: {some}{', ...' * (len(values) > 5)}")
        )
    if mask.all():
        raise FaultError(Fault(FaultKind.NOT_BINARY, str(path), f"every pixel is {inside}, no background; inverted?"))
    return np.asarray(mask, dtype=np.bool_)


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Silence OpenCV's log inside the block, because this module raises the errors that OpenCV would print.

    The log level belongs to the whole process, so this must be entered before threads that read are started.
    """
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)


def _decode(path: Path, suffixes: tuple[str, ...]) -> ByteArray:
    """Decode the only image of a file: shape (H, W), (H, W, 3) BGR or (H, W, 4) BGRA, uint8."""
    if path.suffix.lower() not in suffixes:
        raise FaultError(Fault(FaultKind.PIXEL_FORMAT, str(path), f"a file that does not end in {', '.join(suffixes)}"))
    content = _read_bytes(path)
    truncated_png = content.startswith(PNG_START) and PNG_END not in content  # libpng would print to stderr
    images: tuple[ByteArray, ...] = ()
    if content and not truncated_png:
        with quiet_opencv():
            try:
                # imdecodemulti reads all pages of a TIFF: a stack is a fault and must not be read as its first slice.
                # For a truncated file OpenCV 5 returns no image, in every format above.
                _, pages = cv2.imdecodemulti(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
                images = tuple(np.asarray(page) for page in pages)
            except cv2.error:
                images = ()
    if not images:
        raise FaultError(Fault(FaultKind.UNREADABLE, str(path), f"{len(content)} bytes that are not a complete image"))
    if len(images) > 1:
        raise FaultError(Fault(FaultKind.PIXEL_FORMAT, str(path), f"{len(images)} images in one file"))
    if images[0].dtype != np.uint8:
        raise FaultError(Fault(FaultKind.PIXEL_FORMAT, str(path), f"{images[0].dtype} pixels where 8-bit are expected"))
    return images[0]


def _read_bytes(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():  # opening a named pipe would block
            raise FaultError(
                Fault(FaultKind.UNREADABLE, str(path), "a folder" if path.is_dir() else "not a regular file")
            )
        return path.read_bytes()
    except OSError as error:
        found = (error.strerror or str(error)).lower()
        raise FaultError(Fault(FaultKind.UNREADABLE, str(path), found)) from None


def _without_alpha(pixels: ByteArray, path: Path) -> ByteArray:
    """Drop an alpha channel that is opaque everywhere; raise if there is any other fourth channel."""
    if pixels.ndim == 2 or pixels.shape[-1] == 3:
        return pixels
    if pixels.shape[-1] == 4 and (pixels[..., 3] == np.iinfo(np.uint8).max).all():
        return pixels[..., :3]
    raise FaultError(Fault(FaultKind.PIXEL_FORMAT, str(path), f"{pixels.shape[-1]} channels, transparent or not RGB"))
