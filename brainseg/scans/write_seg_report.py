"""Writing the volume of a DICOM segmentation as a structured report (SR).

Source: DICOM PS3.16 TID 1500 (measurement report) and TID 1411 (volumetric region of interest).
"""

from pathlib import Path

import numpy as np
import pydicom
from highdicom import sr
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from brainseg.imaging.volume import BoolArray
from brainseg.scans.dicom_objects import (
    BRAIN,
    CATEGORY,
    LABEL,
    LESION,
    MANUFACTURER,
    MODEL_NAME,
    Algorithm,
    finish,
    making,
    write_object,
)
from brainseg.scans.digests import digest_of
from brainseg.scans.scan import Scan
from brainseg.scans.seg_source import Identity, dicom_detail, read_sources
from brainseg.scans.write_seg import SERIES_NUMBER

REPORT_SERIES_NUMBER = SERIES_NUMBER + 1
MILLILITRE = Code("mL", "UCUM", "Milliliter")
DECIMALS = 3  # of a volume in ml


def write_volume_report(
    scan: Scan, mask: BoolArray, segmentation: Path, path: Path, *, algorithm: Algorithm, key: bytes | None = None
) -> None:
    """Write a structured report with the volume of a segmentation.

    Args:
        scan: as for `brainseg.scans.write_seg.write_seg`.
        mask: as for that function.
        segmentation: the file which that function wrote.
        path: the file, ending in .dcm.
        algorithm: as for the segmentation.
        key: as for the segmentation.

    Raises:
        UserError: if a file of FLAIR has changed or is gone.
        OSError: if the file cannot be written.
        ValueError: if the scan is not DICOM.
    """
    sources = read_sources(dicom_detail(scan), key)
    volume_ml = round(int(np.count_nonzero(scan.grid.from_network(mask))) * (scan.grid.voxel_ml or 0.0), DECIMALS)
    segmented = pydicom.dcmread(segmentation)
    identity = Identity(digest=digest_of(str(segmented.SOPInstanceUID).encode(), f"{volume_ml!r}".encode()), key=key)
    with making(path, "report"):
        report = sr.Comprehensive3DSR(
            evidence=[segmented, *sources],
            content=_content(segmented, volume_ml, algorithm, identity),
            series_instance_uid=identity.new_uid("report series"),
            series_number=REPORT_SERIES_NUMBER,
            sop_instance_uid=identity.new_uid("report"),
            instance_number=1,
            **algorithm.device_fields,
            is_complete=True,
            series_description=f"Volume of {LABEL} (automatic)",
        )
        finish(report, segmented.ContentDate, segmented.ContentTime, identity)
    write_object(report, path)


def _content(
    segmented: pydicom.Dataset, volume_ml: float, algorithm: Algorithm, identity: Identity
) -> sr.MeasurementReport:
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=identity.new_uid("device"), name=MODEL_NAME, manufacturer_name=MANUFACTURER, model_name=algorithm.version
    )
    group = sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=segmented.SegmentSequence[0].TrackingUID, identifier=segmented.SegmentSequence[0].TrackingID
        ),
        referenced_segment=sr.ReferencedSegment(
            sop_class_uid=segmented.SOPClassUID,
            sop_instance_uid=segmented.SOPInstanceUID,
            segment_number=1,
            source_series=sr.SourceSeriesForSegmentation(segmented.ReferencedSeriesSequence[0].SeriesInstanceUID),
        ),
        finding_type=LESION,
        finding_category=CATEGORY,
        finding_sites=[sr.FindingSite(anatomic_location=BRAIN)],
        algorithm_id=sr.AlgorithmIdentification(
            name=MODEL_NAME, version=algorithm.version, parameters=[f"model={algorithm.model_digest}"]
        ),
        measurements=[sr.Measurement(name=codes.SCT.Volume, value=volume_ml, unit=MILLILITRE)],
    )
    return sr.MeasurementReport(
        observation_context=sr.ObservationContext(
            observer_device_context=sr.ObserverContext(
                observer_type=codes.DCM.Device, observer_identifying_attributes=device
            )
        ),
        procedure_reported=codes.LN.MRIUnspecifiedBodyRegion,
        imaging_measurements=[group],
        title=codes.DCM.ImagingMeasurementReport,
    )
