"""Requests that are refused: one message for every fault, which tells nothing of the scan."""

import errno
from pathlib import Path

import numpy as np
import pytest

from tests.scans.dicom_files import make_slices, save
from tests.scans.dicom_marker import MARKER, plant_marker
from tests.scans.scan_files import write_slices
from tests.serve.requests import FORM, HEAD, START, archive_of, error_of, nifti_bytes, pack
from tests.serve.running_service import LIMITS, Service

TEXT_FIELD = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\na\r\n--x--\r\n'


@pytest.mark.parametrize(
    ("status", "message", "sent"),
    [
        (415, "expected multipart/form-data", {}),
        (415, "expected multipart/form-data", {"content": b"a scan", "headers": {"content-type": "text/plain"}}),
        (400, "boundary", {"content": b"", "headers": {"content-type": "multipart/form-data"}}),
        (422, "found none", {"content": b"", "headers": FORM}),
        (422, "found none", {"content": b'--x\r\nContent-Disposition: form-data; name="file"\r\n', "headers": FORM}),
        (400, "Invalid multipart", {"content": b"nonsense", "headers": FORM}),
        (422, "found scan, expected file", {"files": {"scan": b"a"}}),
        (422, "expected file; or flair", {"files": [("flair", b"a"), ("flair", b"b")]}),
        (422, "expected file; or flair", {"files": {"t1": b"a"}}),
        (422, "file: expected a file, found an empty one", {"files": {"file": ("a.nii", b"")}}),
        (422, "expected a file, found text", {"content": TEXT_FIELD, "headers": FORM}),
        (422, "not a scan", {"files": {"file": ("notes.txt", b"This is not a scan.")}}),
        (422, "a.nii", {"files": {"file": ("a.nii", b"nonsense")}}),
        (422, "a.nii.gz", {"files": {"file": ("../../a.nii.gz", b"\x1f\x8b\x08\x00 nonsense")}}),
        (400, "Too many files", {"files": [("file", b"a")] * 4}),
        (422, "cannot be unpacked", {"files": {"file": ("a.zip", b"PK\x03\x04 nonsense")}}),
        (422, "outside it: ../../evil.nii", {"files": {"file": archive_of({"../../evil.nii": b"a"})}}),
        (422, "outside it: ..", {"files": {"file": archive_of({"..\\evil.nii": b"a"})}}),
        (422, "outside it: /evil", {"files": {"file": archive_of({"/evil.nii": b"a"})}}),
        (422, "outside it: C:", {"files": {"file": archive_of({"C:\\evil.nii": b"a"})}}),
        (422, "cannot be unpacked", {"files": {"file": archive_of({"a": b"a", "a/b": b"b"})}}),
        (422, "cannot be unpacked", {"files": {"file": archive_of({"n" * 300: b"a"})}}),
        (422, "unpacks to 9 MB", {"files": {"file": archive_of({"a.nii": bytes(9_000_000)})}}),
        (422, "20,001 files", {"files": {"file": archive_of({str(number): b"" for number in range(20_001)})}}),
        (422, "not a scan", {"files": {"file": archive_of({})}}),
        (422, "the archive: no scan", {"files": {"file": archive_of({"readme.txt": b"no scan"})}}),
        (413, "larger than 2 MB", {"files": {"file": ("a.nii", bytes(2_000_001))}}),
    ],
)
def test_a_fault_is_one_message(service: Service, status: int, message: str, sent: dict) -> None:
    response = service.client.post("/predict", **sent)
    assert response.status_code == status
    error = error_of(response)
    assert message in error
    assert str(service.folder) not in error
    assert service.segmenter.calls == 0


def test_a_request_of_unknown_length_is_received_no_further_than_the_limit(service: Service) -> None:
    parts = (START if part == 0 else bytes(LIMITS.upload // 4) for part in range(6))
    response = service.client.post("/predict", content=parts, headers=FORM)
    assert response.status_code == 413
    assert "larger than 2 MB" in error_of(response)


def test_two_scans_in_an_archive_are_refused_by_name(service: Service, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_slices(tmp_path / "in" / name, HEAD)
    response = service.post(file=pack(tmp_path / "in"))
    assert (response.status_code, error_of(response)) == (422, "2 scans: one, two. Expected: one scan per request.")


def test_other_paths_and_methods_have_the_same_form_of_error(service: Service) -> None:
    assert service.client.get("/nothing").status_code == 404
    assert service.client.get("/predict").status_code == 405
    for path in ("/nothing", "/predict"):
        assert error_of(service.client.get(path))


def test_a_fault_of_the_program_tells_its_place_and_nothing_of_the_scan(
    service: Service, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    service.segmenter.fault = KeyError("Secret^Name")
    response = service.post(file=nifti_bytes(tmp_path))
    assert response.status_code == 500
    assert "KeyError in segment, running_service.py" in error_of(response)
    service.segmenter.fault = None
    assert service.post(file=nifti_bytes(tmp_path)).status_code == 200
    printed = capfd.readouterr()
    assert "KeyError" in printed.err
    assert "Secret" not in response.text + printed.out + printed.err


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "No space left on device"), MemoryError()])
def test_a_full_disk_or_memory_is_the_server_s_fault(service: Service, tmp_path: Path, fault: Exception) -> None:
    service.segmenter.fault = fault
    response = service.post(file=nifti_bytes(tmp_path))
    assert response.status_code == 507
    assert error_of(response).startswith("disk or memory of this server are full")
    service.segmenter.fault = None
    assert service.post(file=nifti_bytes(tmp_path)).status_code == 200


def test_nothing_of_a_header_is_printed(service: Service, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    slices = [plant_marker(each) for each in make_slices(HEAD.astype(np.uint16))]
    files = {f"{MARKER}{number}": save(each, tmp_path / "a").read_bytes() for number, each in enumerate(slices)}
    for sent in (files, dict(list(files.items())[::3]), {name: data[:-99] for name, data in files.items()}):
        service.post(file=(f"{MARKER}.zip", archive_of(sent)))
    printed = capfd.readouterr()
    assert printed.out.count("POST /predict") == 3
    assert MARKER not in printed.out + printed.err
