"""Reading NIfTI files, .nii and .nii.gz, without trusting them.

Sizes are taken from the header and checked before memory is taken; not more is decompressed than they say. Extensions
of the header, which may name the patient, are skipped unread.
"""

import gzip
import math
import zlib
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from brainseg.errors import UserError
from brainseg.scans.checks import check_grey_levels, check_grid, check_shape
from brainseg.scans.grid import Grid
from brainseg.scans.nifti_header import HEADER_SIZES, NiftiHeader, header_size, parse_header
from brainseg.scans.regular_file import open_regular
from brainseg.terminal import printable

GZIP_START = b"\x1f\x8b"
LFS_START = b"version https://git-lfs"  # of the text that stands for a large file in a clone
MAX_RATIO = 1032  # that Deflate can reach, by its format
MAX_VOLUMES = 8
MAX_REST = 2**16  # bytes behind the voxels
CHUNK = 2**20  # bytes that are read at a time
DAMAGED = "Copy or download the file again."


def is_nifti(path: Path) -> bool:
    """Whether a file is a NIfTI file with header and voxels in one, compressed or not, by its first bytes."""
    with open_regular(path) as raw:
        start = raw.read(4096)
        if start.startswith(GZIP_START):
            try:
                start = zlib.decompressobj(wbits=31).decompress(start, max(HEADER_SIZES))
            except zlib.error:
                return False
    return header_size(start) is not None


def read_header(path: Path) -> NiftiHeader:
    """Read and check the header of a NIfTI file.

    Raises:
        UserError: as for `read_nifti`, as far as the header shows it.
    """
    with open_regular(path) as raw:
        return _read_header(path, raw)[0]


def read_nifti(path: Path, *, volume: int | None = None) -> tuple[NDArray[Any], NiftiHeader]:
    """Read one volume of a NIfTI file.

    Args:
        path: .nii or .nii.gz.
        volume: its number in a 4-D file, from 0; None: the file is 3-D.

    Returns:
        Shape `header.shape`, in the stored orientation; dtype as stored in native byte order, or float32 if the header
        scales grey levels or the voxels have 64 bits. And the header.

    Raises:
        UserError: if the file is missing, damaged, cut off or too large, has more dimensions than `volume` says, or its
            affine is not plausible.
    """
    with open_regular(path) as raw:
        header, stream = _read_header(path, raw)
        if volume is None and header.volumes > 1:
            raise UserError(
                f"{printable(str(path))}: 4-D, {header.volumes} volumes. Expected: one 3-D volume. "
                "If the volumes are sequences, state their order, such as --channels flair,t1,t1ce; otherwise save "
                "the one that is wanted to a file of its own."
            )
        size = math.prod(header.shape) * header.dtype.itemsize
        try:
            _skip(stream, header.offset + (volume or 0) * size - len_read(header))
            content = _read_exactly(stream, size)
            rest = (header.volumes - 1 - (volume or 0)) * size
            _skip(stream, rest)
            if len(stream.read(MAX_REST + 1)) > MAX_REST:  # reaches the checksum of gzip, which is at the end
                raise EOFError(f"more than {MAX_REST} bytes follow the voxels")
        except (EOFError, OSError, zlib.error) as error:
            raise UserError(f"{printable(str(path))}: damaged or cut off ({error}). {DAMAGED}") from None
    stored = np.frombuffer(content, header.dtype).reshape(header.shape, order="F")
    return _grey_levels(stored, header), header


def read_sequence(path: Path, *, volume: int | None = None) -> tuple[NDArray[Any], NiftiHeader]:
    """Read one volume as `read_nifti` does, and check that it can be an MR image.

    Raises:
        UserError: as for `read_nifti` and `brainseg.scans.checks.check_grey_levels`.
    """
    array, header = read_nifti(path, volume=volume)
    check_grey_levels(str(path), array)
    return array, header


def len_read(header: NiftiHeader) -> int:
    """Bytes of the header that were read before its voxels."""
    return 348 if header.space.version == 1 else 540


def _read_header(path: Path, raw: IO[bytes]) -> tuple[NiftiHeader, IO[bytes]]:
    """Read the header, and return the stream behind it, decompressed."""
    where = str(path)
    compressed = raw.read(2) == GZIP_START
    raw.seek(0, 2)
    length = raw.tell()
    raw.seek(0)
    stream = cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if compressed else raw
    try:
        block = stream.read(348)
        size = header_size(block)
        if block.startswith(LFS_START):
            raise UserError(f"{printable(where)}: a pointer of Git LFS, not the file itself. Fetch it: git lfs pull")
        if size is None:
            raise UserError(
                f"{printable(where)}: not a NIfTI file with header and voxels in one. Expected: .nii or .nii.gz. "
                "Convert it, e.g. with dcm2niix or 3D Slicer."
            )
        block += stream.read(size - len(block))
    except (EOFError, OSError, zlib.error) as error:
        raise UserError(f"{printable(where)}: damaged or cut off ({error}). {DAMAGED}") from None
    if len(block) < size:
        raise UserError(f"{printable(where)}: cut off within the header. {DAMAGED}")
    header = parse_header(where, block)
    check_shape(where, header.shape)
    check_grid(where, Grid(shape=header.shape, affine=header.affine))
    if header.volumes > MAX_VOLUMES:
        raise UserError(
            f"{printable(where)}: 4-D, {header.volumes} volumes, as in a time series. Expected: one 3-D volume, or at "
            f"most {MAX_VOLUMES} sequences. Save the FLAIR volume to a file of its own."
        )
    declared = header.offset + header.volumes * math.prod(header.shape) * header.dtype.itemsize
    if declared > length * (MAX_RATIO if compressed else 1):
        raise UserError(
            f"{printable(where)}: cut off, {length:,} bytes where its header declares {declared:,}. {DAMAGED}"
        )
    return header, stream


def _skip(stream: IO[bytes], count: int) -> None:
    while count > 0:
        read = len(stream.read(min(count, CHUNK)))
        if read == 0:
            raise EOFError("the file ends too early")
        count -= read


def _read_exactly(stream: IO[bytes], count: int) -> bytearray:
    content = bytearray()
    while len(content) < count:
        chunk = stream.read(min(count - len(content), CHUNK))
        if not chunk:
            raise EOFError(f"{len(content):,} of {count:,} bytes of voxels are there")
        content += chunk
    return content


def _grey_levels(stored: NDArray[Any], header: NiftiHeader) -> NDArray[Any]:
    """Apply the scale of the header; what overflows float32 becomes infinite."""
    native = stored.dtype.newbyteorder("=")
    with np.errstate(over="ignore", invalid="ignore"):
        if (header.slope, header.intercept) != (1, 0):
            return stored.astype(np.float32) * np.float32(header.slope) + np.float32(header.intercept)
        return stored.astype(np.float32 if native.itemsize == 8 else native, copy=False)
