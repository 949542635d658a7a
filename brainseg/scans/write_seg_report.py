"""Writing the volume of a DICOM segmentation as a structured report (SR).

Source: DICOM PS3.16 TID 1500 (measurement report) and TID 1411 (volumetric region of interest).
"""

from pathlib import Path

import highdicom
import pydicom
from highdicom import sr
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.valuerep import DA, TM

from brainseg.errors import UserError
from brainseg.scans.dicom import DicomDetail
from brainseg.scans.dicom_reading import silent
from brainseg.scans.scan import Scan
from brainseg.scans.seg_source import Identity, digest_of, read_sources
from brainseg.scans.write_seg import (
    BRAIN,
    CATEGORY,
    LABEL,
    LESION,
    MANUFACTURER,
    SERIES_NUMBER,
    Algorithm,
    write_object,
)
from brainseg.terminal import printable

REPORT_SERIES_NUMBER = SERIES_NUMBER + 1
MILLILITRE = Code("mL", "UCUM", "Milliliter")
DECIMALS = 3  # of a volume in ml


def write_volume_report(
    scan: Scan, segmentation: Path, path: Path, *, volume_ml: float, algorithm: Algorithm, key: bytes | None = None
) -> None:
    """Write a structured report with the volume of a segmentation.

    Args:
        scan: as for `brainseg.scans.write_seg.write_seg`.
        segmentation: the file which that function wrote.
        path: the file, ending in .dcm.
        volume_ml: millilitres.
        algorithm: as for the segmentation.
        key: as for the segmentation.

    Raises:
        UserError: if a file of FLAIR has changed or is gone.
        OSError: if the file cannot be written.
        ValueError: if the scan is not DICOM.
    """
    detail = scan.source.detail
    if not isinstance(detail, DicomDetail):
        raise ValueError("scan: expected one that was read from DICOM")
    sources = read_sources(detail.files, detail.stack.spacing[0], key)
    segmented = pydicom.dcmread(segmentation)
    identity = Identity(digest=digest_of(str(segmented.SOPInstanceUID).encode(), f"{volume_ml!r}".encode()), key=key)
    try:
        with silent():
            report = sr.Comprehensive3DSR(
                evidence=[segmented, *sources],
                content=_content(segmented, volume_ml, algorithm, identity),
                series_instance_uid=identity.new_uid("report series"),
                series_number=REPORT_SERIES_NUMBER,
                sop_instance_uid=identity.new_uid("report"),
                instance_number=1,
                manufacturer=MANUFACTURER,
                is_complete=True,
                series_description=f"Volume of {LABEL} (automatic)",
            )
            _set_dates(report, segmented)
    except (ValueError, RuntimeError) as error:  # of highdicom, for headers that break DICOM's rules
        raise UserError(
            f"{printable(str(path))}: no DICOM report could be made for these images ({type(error).__name__})."
        ) from error
    write_object(report, path)


def _content(
    segmented: pydicom.Dataset, volume_ml: float, algorithm: Algorithm, identity: Identity
) -> sr.MeasurementReport:
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=identity.new_uid("device"), name="brainseg", manufacturer_name=MANUFACTURER, model_name=algorithm.version
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
            name="brainseg", version=algorithm.version, parameters=[f"model={algorithm.model_digest}"]
        ),
        measurements=[sr.Measurement(name=codes.SCT.Volume, value=round(volume_ml, DECIMALS), unit=MILLILITRE)],
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


def _set_dates(report: highdicom.SOPClass, segmented: pydicom.Dataset) -> None:
    """The dates of the segmentation in place of the time of day."""
    date, time = segmented.ContentDate, segmented.ContentTime
    report.InstanceCreationDate = report.ContentDate = DA(date)
    report.InstanceCreationTime = report.ContentTime = TM(time)
    for item in report.get("ContributingEquipmentSequence", ()):
        item.ContributionDateTime = f"{date}{time}"
