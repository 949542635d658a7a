"""Grey levels of a DICOM series: decoding, unused bits, padding, inversion and rescaling."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels import get_decoder
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from brainseg.reading import DamagedFileError
from brainseg.scans.dicom_codestream import check_codestream
from brainseg.scans.dicom_header import Frame
from brainseg.scans.dicom_listing import DicomFile, Opener
from brainseg.scans.dicom_lossless import SYNTAXES as LOSSLESS_JPEG
from brainseg.scans.dicom_lossless import LosslessDecoder
from brainseg.scans.dicom_reading import quiet, read_with_pixels

BITS_ALLOCATED = (8, 16, 32)
CODESTREAMS = {*JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes, *JPEG2000TransferSyntaxes}
# One decoder for each syntax, so that a result does not depend on which one fails. GDCM would read all of them, but a
# damaged frame can abort the process.
PLUGINS = {
    RLELossless: "pydicom",
    JPEGBaseline8Bit: "pillow",
    JPEGExtended12Bit: "pillow",  # 8 bits only
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    JPEG2000Lossless: "pillow",
    JPEG2000: "pillow",
}
UNCOMPRESSED = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)


def can_decode(transfer_syntax: str) -> bool:
    """Whether pixels that are stored in this way can be decoded here."""
    return transfer_syntax in PLUGINS or transfer_syntax in UNCOMPRESSED or transfer_syntax in LOSSLESS_JPEG


def read_frames(frames: Sequence[Frame], rows: int, columns: int, opener: Opener) -> NDArray[Any]:
    """Read the grey levels of slices.

    Args:
        frames: in the order of the result.
        rows: of each slice, checked before.
        columns: likewise.
        opener: opens the files.

    Returns:
        Shape (S, H, W); an integer dtype as stored, or float32 if the header rescales. Padding has the lowest grey
        level of the other pixels.

    Raises:
        DamagedFileError: if a file is damaged or stored in a way that is not read; the message names it.
    """
    places: dict[DicomFile, list[int]] = {}
    for place, frame in enumerate(frames):
        places.setdefault(frame.file, []).append(place)
    slices: list[NDArray[Any] | None] = [None] * len(frames)
    padded: list[NDArray[np.bool_] | None] = [None] * len(frames)
    with LosslessDecoder() as lossless:
        for file, at in places.items():
            try:
                dataset = read_with_pixels(file, opener)
                with quiet():
                    _check_pixels(dataset, rows, columns)
                    decoded = _decode(dataset, [frames[place].index for place in at], lossless)
                    for place, stored in zip(at, decoded, strict=True):
                        slices[place], padded[place] = _grey_levels(dataset, stored, frames[place])
            except DamagedFileError as error:
                raise DamagedFileError(f"{file}: {error}") from None
    return _join([each for each in slices if each is not None], [each for each in padded if each is not None])


def _check_pixels(dataset: Dataset, rows: int, columns: int) -> None:
    """Check what the header declares, before memory is taken for the pixels."""
    syntax = dataset.file_meta.TransferSyntaxUID
    bits, stored = int(dataset.BitsAllocated), int(dataset.BitsStored)
    if bits not in BITS_ALLOCATED or not 1 <= stored <= bits:
        raise DamagedFileError(f"{stored} bits stored in {bits}. Expected: at most as many, in 8, 16 or 32")
    if (dataset.Rows, dataset.Columns) != (rows, columns) or int(dataset.get("SamplesPerPixel") or 1) != 1:
        raise DamagedFileError("the file has changed since its header was read")
    if not dataset.get("PixelData"):
        raise DamagedFileError("no pixel data")
    expected = rows * columns * _frame_count(dataset) * bits // 8
    if syntax in UNCOMPRESSED and len(dataset.PixelData) < expected:
        raise DamagedFileError(f"truncated: {len(dataset.PixelData):,} bytes of pixels where {expected:,} are expected")


def _decode(dataset: Dataset, indices: Sequence[int], lossless: LosslessDecoder) -> Iterator[NDArray[Any]]:
    """Decode frames one by one, each of shape (H, W)."""
    syntax = dataset.file_meta.TransferSyntaxUID
    contents = []
    if syntax in CODESTREAMS:
        contents = list(generate_frames(dataset.PixelData, number_of_frames=_frame_count(dataset)))
        for content in contents:
            check_codestream(content, dataset.Rows, dataset.Columns)
    decoder = get_decoder(syntax)
    for index in indices:
        try:
            if syntax in LOSSLESS_JPEG:
                yield lossless.decode(dataset, contents[index])
            else:
                plugin = PLUGINS.get(syntax, "")
                yield decoder.as_array(dataset, index=index, raw=True, decoding_plugin=plugin)[0]
        except Exception:  # of pydicom and its decoders
            raise DamagedFileError(f"the pixels of frame {index + 1} cannot be decoded: truncated or damaged") from None


def _frame_count(dataset: Dataset) -> int:
    return int(dataset.get("NumberOfFrames") or 1)


def _grey_levels(dataset: Dataset, stored: NDArray[Any], frame: Frame) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Grey levels of one frame, and where it is padded, each of shape (H, W)."""
    bits, high = int(dataset.BitsStored), int(dataset.get("HighBit", int(dataset.BitsStored) - 1))
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in CODESTREAMS:
        high = bits - 1  # decoders return the value itself
    values = _used_bits(stored, bits, high)
    padded = _padding(dataset, values)
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        values = (-1 if values.dtype.kind == "i" else (1 << bits) - 1) - values.astype(np.int64)
        values = values.astype(stored.dtype)
    if (frame.slope, frame.intercept) != (1, 0):
        with np.errstate(all="ignore"):
            values = (values * np.float64(frame.slope) + frame.intercept).astype(np.float32)
        if not np.isfinite(values).all():
            raise DamagedFileError("a rescale slope or intercept that leads to infinite grey levels")
    return values, padded


def _used_bits(stored: NDArray[Any], bits: int, high: int) -> NDArray[Any]:
    """Take the bits that belong to the value: others may hold overlays of older scanners."""
    allocated = stored.dtype.itemsize * 8
    if not bits - 1 <= high < allocated:
        raise DamagedFileError(f"high bit {high} of {bits} bits stored in {allocated}. Expected: {bits - 1}")
    if bits == allocated:
        return stored
    left = stored << stored.dtype.type(allocated - 1 - high)
    return np.asarray(left >> stored.dtype.type(allocated - bits))  # of signed integers: keeps the sign


def _padding(dataset: Dataset, values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where pixels are padding and not image."""
    if (first := dataset.get("PixelPaddingValue")) is None:
        return np.zeros(values.shape, np.bool_)
    last = dataset.get("PixelPaddingRangeLimit")
    # A US that pydicom could not tell from SS is compared in the signedness of the pixels.
    low, high = sorted(
        int(np.asarray(int(value)).astype(values.dtype)) for value in (first, first if last is None else last)
    )
    return np.asarray((values >= low) & (values <= high))


def _join(slices: list[NDArray[Any]], padded: list[NDArray[np.bool_]]) -> NDArray[Any]:
    """Stack slices; padding gets the lowest grey level of the other pixels."""
    image = np.stack(slices)
    if image.dtype.kind == "f":
        image = image.astype(np.float32, copy=False)
    outside = np.stack(padded)
    if outside.any() and not outside.all():
        image[outside] = image[~outside].min()
    return image
