"""Reading a recognised case."""

from brainseg.errors import UserError
from brainseg.scans.case_source import CaseSource
from brainseg.scans.nifti_scan import read_nifti_scan
from brainseg.scans.pictures import read_slices, read_stack
from brainseg.scans.scan import Scan


def read_scan(case: CaseSource, *, with_masks: bool = False) -> Scan:
    """Read the files of a case.

    Args:
        case: from `brainseg.scans.recognise.find_cases`.
        with_masks: whether to read masks that lie beside the images, too.

    Returns:
        The scan in the network's orientation.

    Raises:
        UserError: if the files cannot be read, or do not make up one scan.
    """
    if case.fault is not None:
        raise UserError(case.fault)
    if case.kind == "nifti":
        return read_nifti_scan(case, with_masks=with_masks)
    if case.kind == "multipage_tiff":
        return read_stack(case, with_masks=with_masks)
    if case.kind == "dicom":
        from brainseg.scans.dicom import read_dicom_scan  # pydicom is imported for DICOM only

        return read_dicom_scan(case)
    return read_slices(case, with_masks=with_masks)
