"""What a DICOM segmentation takes over from its source, and what must not leave it."""

import pydicom
import pytest

from brainseg.errors import UserError
from brainseg.scans.write_seg import write_seg
from tests.scans.dicom_files import make_enhanced, make_slices, save, write_series
from tests.scans.dicom_marker import MARKER, plant_marker
from tests.scans.segmented import ALGORITHM, IDENTIFIERS, VOLUME, draw_mask, read


def test_anonymised_segmentation_names_nobody(tmp_path):
    write_series(
        tmp_path / "in", VOLUME, header={"PatientName": MARKER, "PatientID": MARKER, "AccessionNumber": MARKER}
    )
    scan = read(tmp_path / "in")
    write_seg(scan, draw_mask(scan), tmp_path / "seg.dcm", algorithm=ALGORITHM, key=b"secret")
    dataset = pydicom.dcmread(tmp_path / "seg.dcm")
    source = make_slices(VOLUME)[0]
    content = (tmp_path / "seg.dcm").read_bytes()
    assert MARKER.encode() not in content
    for keyword in IDENTIFIERS:
        assert getattr(source, keyword).encode() + b"\0" not in content
        assert getattr(dataset, keyword).startswith("2.25.")
    assert not any((dataset.PatientBirthDate, dataset.PatientSex, dataset.StudyDate))
    assert dataset.PatientIdentityRemoved == "YES"
    assert b"19500101" not in content
    assert b"20200101" not in content
    write_seg(scan, draw_mask(scan), tmp_path / "other.dcm", algorithm=ALGORITHM, key=b"another")
    assert pydicom.dcmread(tmp_path / "other.dcm").PatientID != dataset.PatientID


@pytest.mark.parametrize("enhanced", [False, True], ids=["single-frame", "enhanced"])
@pytest.mark.filterwarnings("ignore")
def test_no_text_of_the_header_reaches_any_output(tmp_path, capfd, enhanced):
    """Only what an archive needs to file the segmentation is taken over, and nothing of it if it is anonymised."""
    slices = make_slices(VOLUME)
    files = [make_enhanced(slices)] if enhanced else slices
    for index, each in enumerate(files):
        save(plant_marker(each, keep=("SeriesDescription",)), tmp_path / "in" / str(index))
    planted = pydicom.dcmread(tmp_path / "in" / "0")
    assert sum(MARKER.lower() in str(element.value).lower() for element in planted) > 500
    scan = read(tmp_path / "in")
    write_seg(scan, draw_mask(scan), tmp_path / "seg.dcm", algorithm=ALGORITHM)
    write_seg(scan, draw_mask(scan), tmp_path / "anonymous.dcm", algorithm=ALGORITHM, key=b"secret")
    texts = [repr(scan), str(scan.notes), scan.case_id, *capfd.readouterr()]
    assert MARKER.lower() not in " ".join(texts).lower()
    assert MARKER.lower().encode() not in (tmp_path / "anonymous.dcm").read_bytes().lower()
    filed = pydicom.dcmread(tmp_path / "seg.dcm")
    found = {each.keyword for each in filed.iterall() if MARKER.lower() in str(each.value).lower() and each.VR != "SQ"}
    assert found == {"PatientID", "PatientName", "AccessionNumber", "StudyID"}


@pytest.mark.filterwarnings("ignore")
def test_no_text_of_the_header_is_in_messages(tmp_path):
    """As above, for series that are refused: the list of what was found, and duplicates that differ in some fields."""
    for number in (1, 2):
        for index, each in enumerate(make_slices(VOLUME, number=number)):
            save(plant_marker(each, keep=("SeriesDescription",)), tmp_path / "two" / f"{number}{index}")
    for index in range(2):
        for each in make_slices(VOLUME, header={"ImageType": ["ORIGINAL", "PRIMARY", f"{MARKER}{index}"]}):
            save(each, tmp_path / "twice" / f"{index}{each.InstanceNumber}")
    for folder in ("two", "twice"):
        with pytest.raises(UserError) as error:
            read(tmp_path / folder)
        assert MARKER.lower() not in str(error.value).lower()


def test_identifiers_that_are_not_digits_and_dots_are_refused(tmp_path):
    paths = write_series(tmp_path / "in", VOLUME)
    paths[2].write_bytes(paths[2].read_bytes().replace(b"1.2.826.1.1.1.3", b"1.2.826.1.1.A.3"))
    scan = read(tmp_path / "in")
    with pytest.raises(UserError, match="SOPInstanceUID is not digits and dots") as error:
        write_seg(scan, draw_mask(scan), tmp_path / "seg.dcm", algorithm=ALGORITHM)
    assert "A.3" not in str(error.value)
