"""Writing a mask as DICOM segmentation (SEG), on the grid of the images it belongs to.

Source: DICOM PS3.3 A.51 and C.8.20.
"""

from pathlib import Path

import highdicom
import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from brainseg.imaging.volume import BoolArray
from brainseg.scans.dicom import DicomDetail
from brainseg.scans.dicom_objects import (
    BRAIN,
    CATEGORY,
    LABEL,
    LESION,
    MANUFACTURER,
    MODEL_DIGITS,
    MODEL_NAME,
    Algorithm,
    finish,
    making,
    write_object,
)
from brainseg.scans.digests import digest_of
from brainseg.scans.scan import Scan
from brainseg.scans.seg_source import Identity, content_date, dicom_detail, read_sources

SERIES_NUMBER = 9000  # scanners number from 1
EMPTY = "No tumour was outlined; the DICOM segmentation is empty."


def write_seg(
    scan: Scan, mask: BoolArray, path: Path, *, algorithm: Algorithm, key: bytes | None = None
) -> tuple[str, ...]:
    """Write a mask as DICOM SEG (BINARY) that an archive files with the study and a viewer overlays on FLAIR.

    Args:
        scan: read from DICOM, whose files are still there.
        mask: shape (S, H, W), bool, in the network's orientation.
        path: the file, ending in .dcm.
        algorithm: what outlined the tumour.
        key: anonymises: name, dates and sex are left out, and identifiers replaced by keyed hashes; None: they are
            those of the images.

    Returns:
        Messages for the user: one if the mask is empty.

    Raises:
        UserError: if a file of FLAIR has changed or is gone.
        OSError: if the file cannot be written.
        ValueError: if the scan is not DICOM.
    """
    detail = dicom_detail(scan)
    stored = scan.grid.from_network(mask)
    sources = read_sources(detail, key)
    identity = Identity(digest=_digest(scan, stored, sources, algorithm), key=key)
    with making(path, "segmentation"):
        segmentation = _make(sources, _volume(stored, detail, sources[0]), algorithm, identity)
    write_object(segmentation, path)
    return () if stored.any() else (EMPTY,)


def _digest(scan: Scan, stored: BoolArray, sources: list[Dataset], algorithm: Algorithm) -> bytes:
    """Of what makes this segmentation: images, mask, model and parameters."""
    parameters = "\n".join(f"{name}={value}" for name, value in algorithm.parameters)
    instances = "\n".join(str(source.SOPInstanceUID) for source in sources)
    texts = (instances, algorithm.version, algorithm.model_digest, parameters)
    return digest_of(scan.image.tobytes(), np.packbits(stored).tobytes(), *(text.encode() for text in texts))


def _volume(stored: BoolArray, detail: DicomDetail, source: Dataset) -> highdicom.Volume:
    """The mask as highdicom's volume, matched to the geometry of the images."""
    stack = detail.stack
    volume = highdicom.Volume(
        array=stored.astype(np.uint8),
        affine=stack.affine_lps,
        coordinate_system="PATIENT",
        frame_of_reference_uid=source.FrameOfReferenceUID,
    )
    last = stack.affine_lps @ [stored.shape[0] - 1, 0, 0, 1]
    geometry = highdicom.VolumeGeometry.from_attributes(
        image_position=last[:3].tolist(),  # highdicom stacks slices against the normal
        image_orientation=[*stack.row.tolist(), *stack.column.tolist()],
        rows=stored.shape[1],
        columns=stored.shape[2],
        pixel_spacing=stack.spacing[1:],
        spacing_between_slices=stack.spacing[0],
        number_of_frames=stored.shape[0],
        coordinate_system="PATIENT",
        frame_of_reference_uid=source.FrameOfReferenceUID,
    )
    return volume.match_geometry(geometry)


def _make(
    sources: list[Dataset], volume: highdicom.Volume, algorithm: Algorithm, identity: Identity
) -> highdicom.seg.Segmentation:
    date, time = content_date(sources[0], identity)
    segmentation = highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=volume,
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_describe(algorithm, identity)],
        series_instance_uid=identity.new_uid("series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=identity.new_uid("instance"),
        instance_number=1,
        **algorithm.device_fields,
        omit_empty_frames=bool(volume.array.any()),
        content_label="TUMOUR",
        content_description=f"{LABEL}, outlined automatically",
        series_description=f"{LABEL} (automatic)",
        content_date=date,
        content_time=time,
        series_date=date,
        series_time=time,
    )
    finish(segmentation, date, time, identity)
    organisation = identity.new_uid("dimensions")  # highdicom draws this one at random
    segmentation.DimensionOrganizationSequence[0].DimensionOrganizationUID = organisation
    for item in segmentation.DimensionIndexSequence:
        item.DimensionOrganizationUID = organisation
    return segmentation


def _describe(algorithm: Algorithm, identity: Identity) -> highdicom.seg.SegmentDescription:
    return highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label=LABEL,
        segmented_property_category=CATEGORY,
        segmented_property_type=LESION,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=MODEL_NAME,
            family=codes.DCM.ArtificialIntelligence,
            version=f"{algorithm.version}+model.{algorithm.model_digest[:MODEL_DIGITS]}",
            source=MANUFACTURER,
            parameters={"model": algorithm.model_digest, **dict(algorithm.parameters)},
        ),
        tracking_uid=identity.new_uid("tracking"),
        tracking_id=LABEL,
        anatomic_regions=[BRAIN],
    )
