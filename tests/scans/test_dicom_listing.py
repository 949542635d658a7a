"""Which files are looked into: folders, archives and DICOMDIR, and what else lies there."""

import os
import zipfile
from pathlib import Path

import pydicom
import pytest
from pydicom import uid
from pydicom.dataset import Dataset

from brainseg.errors import UserError
from brainseg.scans import dicom_listing
from brainseg.scans.cases import read_scan
from brainseg.scans.dicom_studies import find_dicom_cases
from tests.scans.dicom_files import drawn_volume, make_slices, write_series
from tests.scans.dicom_refusal import refusal

VOLUME = drawn_volume((8, 16, 18))


def test_only_files_that_are_no_dicom(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    assert find_dicom_cases([tmp_path]) == []


def write_directory(folder: Path, names: list[str]) -> None:
    """A DICOMDIR with one study."""
    directory = Dataset()
    directory.file_meta = pydicom.dataset.FileMetaDataset()
    directory.file_meta.MediaStorageSOPClassUID = uid.MediaStorageDirectoryStorage
    directory.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    directory.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    study = Dataset()
    study.DirectoryRecordType, study.StudyInstanceUID = "STUDY", make_slices(VOLUME[:2])[0].StudyInstanceUID
    records = [study]
    for name in names:
        record = Dataset()
        record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", ["DATA", name]
        records.append(record)
    directory.DirectoryRecordSequence = records
    directory.save_as(folder / "DICOMDIR", enforce_file_format=True)


def test_directory_that_names_missing_files(tmp_path):
    paths = write_series(tmp_path / "data", VOLUME)  # in small letters, as CDs are shown on Linux
    write_directory(tmp_path, [path.name for path in paths])
    (case,) = find_dicom_cases([tmp_path])
    assert case.fault is None
    write_directory(tmp_path, [*(path.name for path in paths), "A1", "A2"])
    assert "2 image(s) that DICOMDIR names are missing" in refusal(tmp_path)


@pytest.mark.parametrize("limit", ["MAX_MEMBERS", "MAX_FILE_BYTES"])
def test_archive_beyond_the_limits(tmp_path, monkeypatch, limit):
    write_series(tmp_path / "a", VOLUME)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((tmp_path / "a").iterdir()):
            archive.write(path, path.name)
    monkeypatch.setattr(dicom_listing, limit, 3)
    with pytest.raises(UserError, match=r"members|bytes"):
        [read_scan(case) for case in find_dicom_cases([tmp_path / "a.zip"])]


def test_archive_that_lies_about_sizes_and_is_cut_off(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04" + bytes(100) + b"PK\x05\x06" + bytes(18))
    assert find_dicom_cases([tmp_path / "a.zip"]) == []
    with pytest.raises(UserError, match="no such file"):
        find_dicom_cases([tmp_path / "none"])


def test_named_pipes_are_not_opened(tmp_path):
    write_series(tmp_path, VOLUME)
    os.mkfifo(tmp_path / "pipe")
    (case,) = find_dicom_cases([tmp_path])
    assert read_scan(case).image.shape[0] == len(VOLUME)
