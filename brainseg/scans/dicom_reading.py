"""Reading one DICOM file with pydicom: whatever is wrong with it becomes one exception, and nothing is printed.

Messages never quote a value of the header: it may be a name or a date.
"""

import io
import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from brainseg.reading import DamagedFileError
from brainseg.scans.dicom_listing import MAGIC, MAGIC_OFFSET, MAX_FILE_BYTES, DicomFile, Opener

GROUP_OF_PIXELS = 0x7FE0
PIXEL_TAGS = {(GROUP_OF_PIXELS, 0x0010)}  # not those of floating-point pixels, which MR images do not have
LAST_META_GROUP = 2


class NotDicomError(Exception):
    """The file does not start as DICOM files do."""


@contextmanager
def silent() -> Iterator[None]:
    """Silence the warnings and logs of pydicom and highdicom: they quote values of headers."""
    loggers = [logging.getLogger(name) for name in ("pydicom", "highdicom")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


@contextmanager
def quiet() -> Iterator[None]:
    """As `silent`, and turn every exception of pydicom and its decoders into DamagedFileError.

    Raises:
        DamagedFileError: for any exception but DamagedFileError and NotDicomError.
    """
    with silent():
        try:
            yield
        except (DamagedFileError, NotDicomError):
            raise
        # pydicom raises some thirty classes for damaged files, RecursionError and MemoryError among them.
        except Exception as error:
            raise DamagedFileError(f"damaged DICOM file ({type(error).__name__})") from None


def read_header(file: DicomFile, opener: Opener, tags: list[str] | None = None) -> tuple[Dataset, bool]:
    """Read the header of a file.

    Args:
        file: the file.
        opener: opens it.
        tags: the keywords to read; None: all.

    Returns:
        The header, and whether pixel data follow.

    Raises:
        DamagedFileError: if the file is damaged.
        NotDicomError: if it is not a DICOM file.
    """
    with opener.open(file) as stream, quiet():
        dataset, rest = _read(stream, specific_tags=tags, stop_before_pixels=True)
        tag = rest.read(4)
        little, big = (struct.unpack(f"{order}HH", tag) if len(tag) == 4 else () for order in "<>")
        return dataset, little in PIXEL_TAGS or big in PIXEL_TAGS


def read_with_pixels(file: DicomFile, opener: Opener) -> Dataset:
    """Read a whole file, without decoding its pixels.

    Raises:
        DamagedFileError: if the file is damaged, or is no longer a DICOM file.
    """
    with opener.open(file) as stream, quiet():
        try:
            return _read(stream)[0]
        except NotDicomError:
            raise DamagedFileError("not a DICOM file any more") from None


def _read(stream: BinaryIO, **options: Any) -> tuple[Dataset, BinaryIO]:
    """Read a file; returns its content, and the stream at the place where reading stopped."""
    start = stream.read(MAGIC_OFFSET + len(MAGIC))
    if start[MAGIC_OFFSET:] != MAGIC:
        raise NotDicomError
    meta = read_dataset(stream, False, True, stop_when=lambda tag, *_: tag.group > LAST_META_GROUP)
    if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        stream = _inflate(stream, meta)
    stream.seek(0)
    return pydicom.dcmread(stream, **options), stream


def _inflate(stream: BinaryIO, meta: Dataset) -> BinaryIO:
    """Inflate a deflated file, from behind its group 2, no further than `MAX_FILE_BYTES`; pydicom has no limit."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    content = inflater.decompress(stream.read(), MAX_FILE_BYTES)
    if inflater.unconsumed_tail:
        raise DamagedFileError(f"more than {MAX_FILE_BYTES:,} bytes when inflated")
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = meta.MediaStorageSOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    result = io.BytesIO()
    pydicom.dcmwrite(result, dataset, enforce_file_format=True)
    result.write(content)
    return result
