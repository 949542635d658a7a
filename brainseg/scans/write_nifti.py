"""Writing masks and probabilities as NIfTI on the grid of the input, so that a viewer overlays them exactly."""

import gzip
import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from brainseg.imaging.volume import BoolArray, FloatArray
from brainseg.scans.names import parse_name, safe_name
from brainseg.scans.nifti_header import NiftiSpace
from brainseg.scans.scan import Scan
from brainseg.writing import atomic_write

HEADERS = {1: nibabel.Nifti1Header, 2: nibabel.Nifti2Header}
OFFSETS = {1: 352, 2: 544}  # of the first voxel, bytes: the header, and four bytes that say that no extensions follow
COMPRESSION = 6  # of gzip
BIDS_VERSION = "1.9.0"


def write_mask(scan: Scan, mask: BoolArray, folder: Path) -> Path:
    """Write a mask as `<case_id>_mask.nii.gz`: uint8, 1 = tumour.

    Args:
        scan: read from NIfTI, or with a known affine.
        mask: shape (S, H, W), bool, in the network's orientation.
        folder: created if it is missing.

    Returns:
        The file. sform, qform, their codes, voxel sizes and units are those of the input, bit for bit.
    """
    path = folder / f"{scan.case_id}_mask.nii.gz"
    _write(path, scan, scan.grid.from_network(mask).astype(np.uint8))
    return path


def write_probability(scan: Scan, probability: FloatArray, folder: Path) -> Path:
    """Write probabilities as `<case_id>_probability.nii.gz`, float32; as `write_mask` otherwise."""
    path = folder / f"{scan.case_id}_probability.nii.gz"
    _write(path, scan, scan.grid.from_network(probability).astype(np.float32))
    return path


def write_bids(
    scan: Scan, mask: BoolArray, folder: Path, *, generated_by: str, version: str, probability: FloatArray | None = None
) -> list[Path]:
    """Write a mask by the rules of BIDS derivatives, with what describes it.

    Args:
        scan: read from NIfTI, or with a known affine.
        mask: shape (S, H, W), bool, in the network's orientation.
        folder: the root of the derivative data set.
        generated_by: name of the program, for `GeneratedBy`.
        version: of the program.
        probability: shape (S, H, W), float32, in the network's orientation; None: not written.

    Returns:
        The files: `sub-X/[ses-Y/]anat/sub-X[_ses-Y]_space-orig_label-lesion_mask.nii.gz`, the same with `_probseg`,
        their JSON files, and `dataset_description.json`.
    """
    entities = bids_entities(scan)
    prefix = "_".join(f"{name}-{value}" for name, value in entities.items())
    place = folder.joinpath(*(f"{name}-{value}" for name, value in entities.items()), "anat")
    stem = f"{prefix}_space-orig_label-lesion"
    written = [place / f"{stem}_mask.nii.gz", place / f"{stem}_mask.json", folder / "dataset_description.json"]
    _write(written[0], scan, scan.grid.from_network(mask).astype(np.uint8))
    _write_json(written[1], {"Type": "Lesion", "RawSources": [path.name for path in scan.source.paths[:1]]})
    if probability is not None:
        written += [place / f"{stem}_probseg.nii.gz", place / f"{stem}_probseg.json"]
        _write(written[3], scan, scan.grid.from_network(probability).astype(np.float32))
        _write_json(written[4], {"RawSources": [path.name for path in scan.source.paths[:1]]})
    description = {
        "Name": f"Outlines of {generated_by}",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": generated_by, "Version": version}],
    }
    _write_json(written[2], description)
    return written


def bids_entities(scan: Scan) -> dict[str, str]:
    """The subject and, if there is one, the session of a scan; letters and digits only, as BIDS demands."""
    named = parse_name(scan.source.paths[0]).entities
    if "sub" in named and scan.case_id.startswith(f"sub-{named['sub']}"):
        return {name: named[name] for name in ("sub", "ses") if name in named}
    letters = "".join(character for character in safe_name(scan.case_id) if character.isascii() and character.isalnum())
    return {"sub": letters or "case"}


def _write(path: Path, scan: Scan, array: NDArray[Any]) -> None:
    with atomic_write(path) as temporary:
        temporary.write_bytes(gzip.compress(_to_bytes(scan, array), COMPRESSION, mtime=0))


def _to_bytes(scan: Scan, array: NDArray[Any]) -> bytes:
    """The file before compression: a header with the geometry of the input and no other field of it."""
    space = scan.source.detail if isinstance(scan.source.detail, NiftiSpace) else None
    version = space.version if space is not None else 1
    header = HEADERS[version](endianness="<")
    header.set_data_dtype(array.dtype)
    header.set_data_shape(array.shape)
    if space is not None:
        for name, value in space.fields.items():
            header[name] = value
        header["pixdim"][4:] = 1  # of axes that the result does not have
    elif scan.grid.affine is not None:
        header.set_sform(scan.grid.affine, "scanner")
        header.set_qform(scan.grid.affine, "scanner")
        header.set_xyzt_units("mm")
    header["vox_offset"] = OFFSETS[version]
    header["scl_slope"], header["scl_inter"] = 1, 0
    header["magic"] = b"n+1" if version == 1 else b"n+2\0\r\n\x1a\n"
    voxels = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes(order="F")
    return bytes(header.binaryblock) + bytes(4) + voxels


def _write_json(path: Path, content: object) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
