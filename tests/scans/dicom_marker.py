"""Puts a word into every text of a DICOM header that no output may tell."""

import copy

import pydicom
from pydicom.dataset import Dataset

MARKER = "Qz7Marker"  # in every text field of a header; must appear in no output
TEXT_VRS = {
    "LO": MARKER,
    "SH": MARKER,
    "PN": f"{MARKER}^{MARKER}",
    "LT": MARKER,
    "ST": MARKER,
    "UT": MARKER,
    "UC": MARKER,
    "CS": MARKER.upper(),
    "AE": MARKER,
    "UR": f"http://{MARKER}",
}
KEEP = {  # fields that decide whether the file is an MR image
    "ImageType",
    "Modality",
    "PhotometricInterpretation",
    "SpecificCharacterSet",
    "AcquisitionContrast",
    "PatientSex",
    "DirectoryRecordType",
}


def plant_marker(dataset: Dataset, keep: tuple[str, ...] = ()) -> Dataset:
    """Put `MARKER` into every text field that may identify, describe or comment, and into a private one.

    Args:
        dataset: left as it is.
        keep: further fields that are left as they are.
    """
    dataset = copy.deepcopy(dataset)
    for vr, multiplicity, _, retired, keyword in pydicom.datadict.DicomDictionary.values():
        if vr in TEXT_VRS and not retired and keyword not in (*KEEP, *keep) and multiplicity.startswith("1"):
            if not pydicom.datadict.tag_for_keyword(keyword) or pydicom.datadict.tag_for_keyword(keyword) < 0x00080000:
                continue  # of commands, media and file sets
            setattr(dataset, keyword, TEXT_VRS[vr])
    dataset.private_block(0x0011, MARKER, create=True).add_new(0x01, "LO", MARKER)
    return dataset
