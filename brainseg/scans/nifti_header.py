"""The header of a NIfTI file: only what says how voxels are stored and how they lie in the patient."""

import math
from dataclasses import dataclass
from typing import Any

import nibabel
import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from brainseg.errors import UserError
from brainseg.scans.grid import Affine, Grid, Shape
from brainseg.terminal import printable

HEADER_SIZES = {348: nibabel.Nifti1Header, 540: nibabel.Nifti2Header}  # bytes
MAGIC = {348: (344, b"n+1\0"), 540: (4, b"n+2\0\r\n\x1a\n")}  # position and content; others have pixels elsewhere
DATA_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
OTHER_DATA_TYPES = {
    1: "1-bit",
    1536: "float128",
    128: "RGB",
    2304: "RGBA",
    **dict.fromkeys((32, 1792, 2048), "complex"),
}
UNITS_IN_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # unknown, metre, millimetre, micrometre
# Fields of the header that a result keeps as they are. No other field is kept, because they may name the patient.
GEOMETRY = (
    *("pixdim", "xyzt_units", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d"),
    *("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z"),
)
SAME_PLACE = 0.5  # of the shortest side of a voxel; sform and qform that differ by less are the same
MAX_OFFSET = 2**24  # bytes between the start of the file and its voxels


@dataclass(frozen=True, kw_only=True, eq=False)
class NiftiSpace:
    """How the voxels of a NIfTI file lie, kept for the results that are written in the same space.

    Attributes:
        version: 1 or 2.
        fields: the fields `GEOMETRY` of the header as they are.
    """

    version: int
    fields: dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class NiftiHeader:
    """What the header of a NIfTI file says.

    Attributes:
        shape: voxels along three axes.
        volumes: number of volumes; 1 for a 3-D file.
        dtype: of the stored voxels, with their byte order.
        offset: of the first voxel in the file, bytes.
        slope, intercept: grey level = slope * stored value + intercept.
        affine: from voxel indices to mm in RAS.
        space: for writing results.
        notes: messages for the user.
    """

    shape: Shape
    volumes: int
    dtype: np.dtype[Any]
    offset: int
    slope: float
    intercept: float
    affine: Affine
    space: NiftiSpace
    notes: tuple[str, ...]


def header_size(start: bytes) -> int | None:
    """Size of the header of a single-file NIfTI by its first 348 bytes or more; None if it is another file."""
    for size, (position, magic) in MAGIC.items():
        if size in (int.from_bytes(start[:4], "little"), int.from_bytes(start[:4], "big")):
            return size if start[position : position + len(magic)] == magic else None
    return None


def parse_header(where: str, block: bytes) -> NiftiHeader:
    """Parse a header.

    Args:
        where: the file, for messages.
        block: the first 348 or 540 bytes, as `header_size` says.

    Returns:
        Its content. The sform is used if its code is above 0, otherwise the qform; with neither, the voxel sizes and
        the orientation RAS, which is noted.

    Raises:
        UserError: if it is damaged, voxels are of a type that is not read, or sform and qform contradict each other.
    """
    where = printable(where)
    fields = HEADER_SIZES[len(block)](block, check=False)
    dims = [int(length) for length in fields["dim"]]
    if not 1 <= dims[0] <= 7 or min(dims[1 : dims[0] + 1]) < 1:
        raise UserError(f"{where}: damaged header (dim is {dims}). Copy or convert the file again.")
    shape = tuple(dims[1 : dims[0] + 1]) + (1,) * max(0, 3 - dims[0])
    code = int(fields["datatype"])
    if code not in DATA_TYPES:
        found = OTHER_DATA_TYPES.get(code, f"number {code}")
        raise UserError(
            f"{where}: voxels of type {found}. Expected: whole or real numbers, one per voxel. Convert the file, "
            "and save each sequence to a file of its own."
        )
    offset = float(fields["vox_offset"])
    if not len(block) <= offset <= MAX_OFFSET:
        raise UserError(f"{where}: damaged header (vox_offset is {offset:g}). Copy or convert the file again.")
    slope, intercept = float(fields["scl_slope"]), float(fields["scl_inter"])
    if not math.isfinite(slope) or slope == 0 or not math.isfinite(intercept):
        slope, intercept = 1.0, 0.0
    affine, notes = _choose_affine(where, fields, (shape[0], shape[1], shape[2]))
    return NiftiHeader(
        shape=(shape[0], shape[1], shape[2]),
        volumes=math.prod(shape[3:]),
        dtype=np.dtype(DATA_TYPES[code]).newbyteorder(fields.endianness),
        offset=int(offset),
        slope=slope,
        intercept=intercept,
        affine=affine,
        space=NiftiSpace(
            version=1 if len(block) == 348 else 2,
            fields={name: np.array(fields[name]).astype(fields[name].dtype.newbyteorder("=")) for name in GEOMETRY},
        ),
        notes=notes,
    )


@np.errstate(all="ignore")  # NaN and infinite numbers of a damaged header are refused below, not warned of
def _choose_affine(where: str, fields: Any, shape: Shape) -> tuple[Affine, tuple[str, ...]]:
    """The affine of a header by the rule of `parse_header`, in mm, and notes."""
    scale = np.diag([*(UNITS_IN_MM.get(int(fields["xyzt_units"]) & 7, 1.0),) * 3, 1.0])
    sform = scale @ np.asarray(fields.get_sform(), np.float64) if fields["sform_code"] > 0 else None
    qform = None
    if fields["qform_code"] > 0:
        try:
            qform = scale @ _qform(fields)
        except (ValueError, HeaderDataError) as error:  # of the quaternion, or of the voxel sizes
            if sform is None:
                raise UserError(f"{where}: damaged header (qform: {error}). Copy or convert the file again.") from None
    if sform is None and qform is None:
        sides = np.abs(np.asarray(fields["pixdim"][1:4], np.float64))
        note = (
            "The header does not say how the voxels lie (sform and qform code 0). Their axes are taken as right, "
            "anterior, superior (RAS)."
        )
        return scale @ np.diag([*np.where(sides > 0, sides, 1), 1]), (note,)
    if sform is None:
        assert qform is not None
        return qform, ()
    if qform is None:
        return sform, ()
    distance = corner_distance(sform, qform, shape)
    if not distance > SAME_PLACE * np.linalg.norm(sform[:3, :3], axis=0).min():
        return sform, ()
    grids = [Grid(shape=shape, affine=affine) for affine in (sform, qform)]
    if all(map(_is_regular, (sform, qform))) and ((grids[0].axes, grids[0].flips) != (grids[1].axes, grids[1].flips)):
        raise UserError(
            f"{where}: sform and qform contradict each other: they place corners of the scan up to {distance:.1f} mm "
            "apart and turn it in different ways. Expected: one orientation. Find out which one is right, and set the "
            "code of the other to 0."
        )
    return sform, (f"sform and qform place corners of the scan up to {distance:.1f} mm apart; the sform was used.",)


def _qform(fields: Any) -> Affine:
    """The affine of the qform; a handedness other than 1 and -1, often 0, counts as 1, as the standard says."""
    fields = fields.copy()
    if fields["pixdim"][0] not in (-1, 1):
        fields["pixdim"][0] = 1
    return np.asarray(fields.get_qform(), np.float64)


def corner_distance(one: Affine, other: Affine, shape: Shape) -> float:
    """Largest distance of a corner voxel of a scan under one affine and under another, mm."""
    corners = np.array(np.meshgrid(*((0, length - 1) for length in shape), [1])).reshape(4, -1)
    return float(np.linalg.norm(((one - other) @ corners)[:3], axis=0).max())


def _is_regular(affine: Affine) -> bool:
    return bool(np.isfinite(affine).all() and np.linalg.norm(affine[:3, :3], axis=0).all())
