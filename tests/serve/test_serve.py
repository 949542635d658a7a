"""The service by HTTP: scans in, masks out in the same form, and one clear answer to every fault."""

import errno
import io
import json
import socket
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import highdicom
import httpx
import nibabel
import numpy as np
import pytest
from PIL import Image

from brainseg.serve.uploads import Limits
from tests.scans.dicom_files import MARKER, make_slices, plant_marker, save, write_series
from tests.scans.scan_files import AXIAL, write_axial, write_pages, write_slices
from tests.serve.running_service import Service, head_with_lesion, running_service, wait_until

LIMITS = Limits(upload=2_000_000, requests=4)
HEAD = head_with_lesion()
LESION = HEAD == 255


@pytest.fixture(scope="module")
def module_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("service"), LIMITS) as service:
        yield service


@pytest.fixture
def service(module_service: Service) -> Iterator[Service]:
    """The service; after each test no place is taken and no file is left."""
    module_service.segmenter.calls, module_service.segmenter.fault = 0, None
    yield module_service
    module_service.wait_until_taken(0)
    assert list(module_service.folder.iterdir()) == []


def pack(folder: Path) -> bytes:
    """A zip archive of the files in a folder."""
    return archive_of({path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")})


def archive_of(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def nifti_bytes(tmp_path: Path, name: str = "scan.nii.gz", array: np.ndarray = HEAD) -> bytes:
    return write_axial(tmp_path / name, array).read_bytes()


def measures_of(response: httpx.Response) -> dict:
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    return json.loads(response.headers["brainseg-measures"])


def error_of(response: httpx.Response) -> str:
    content = response.json()
    assert list(content) == ["error"]
    assert isinstance(content["error"], str)
    return content["error"]


def load_nifti(content: bytes, tmp_path: Path) -> nibabel.Nifti1Image:
    path = tmp_path / "answer.nii.gz"
    path.write_bytes(content)
    return nibabel.load(path)


def test_nifti_is_answered_with_a_mask_on_its_grid_and_its_measures(service: Service, tmp_path: Path) -> None:
    response = service.post(file=("scan.nii.gz", nifti_bytes(tmp_path)))
    measures = measures_of(response)
    mask = load_nifti(response.content, tmp_path)
    np.testing.assert_array_equal(np.asarray(mask.dataobj).transpose(2, 1, 0), LESION)
    np.testing.assert_allclose(mask.affine, AXIAL @ np.eye(4)[[2, 1, 0, 3]])
    assert measures["voxels"] == LESION.sum() == 3 * 8 * 6
    assert measures["volume_ml"] == pytest.approx(LESION.sum() * 4 * 1.5 * 1.5 / 1000)
    assert (measures["lesions"], measures["sequences"]) == (1, "flair")
    assert "filled with FLAIR" in " ".join(measures["notes"])
    assert response.headers["content-disposition"] == 'attachment; filename="mask.nii.gz"'
    assert response.headers["content-type"] == "application/gzip"
    again = service.post(file=("other name.nii.gz", nifti_bytes(tmp_path)))
    assert again.content == response.content


def test_sequences_are_fields_of_the_form(service: Service, tmp_path: Path) -> None:
    others = {name: (f"{name}.nii", nifti_bytes(tmp_path, f"{name}.nii", HEAD // 2)) for name in ("t1", "t1ce")}
    response = service.post(flair=("x.nii", nifti_bytes(tmp_path, "x.nii")), **others)
    assert measures_of(response)["sequences"] == "pre-contrast flair post-contrast"
    assert np.asarray(load_nifti(response.content, tmp_path).dataobj).sum() == LESION.sum()


def test_dicom_in_an_archive_is_answered_with_a_segmentation(service: Service, tmp_path: Path) -> None:
    write_series(tmp_path / "in/series.1", HEAD.astype(np.uint16), names="random")
    content = archive_of({path.name: path.read_bytes() for path in (tmp_path / "in/series.1").iterdir()})
    response = service.post(file=("study.zip", content))
    assert measures_of(response)["voxels"] == LESION.sum()
    assert response.headers["content-type"] == "application/dicom"
    segmentation = highdicom.seg.segread(io.BytesIO(response.content))
    assert segmentation.pixel_array.sum() == LESION.sum()


@pytest.mark.parametrize(
    ("name", "suffix"), [("TCGA_A_{}.tif", "tif"), ("brain_{}.png", "png"), ("deep/er/z_{}.png", "png")]
)
def test_slices_in_an_archive_are_answered_with_an_archive(
    service: Service, tmp_path: Path, name: str, suffix: str
) -> None:
    folder = tmp_path / "in" / Path(name).parent
    write_slices(folder, HEAD, Path(name).name)
    response = service.post(file=("a.zip", pack(tmp_path / "in")))
    assert measures_of(response)["volume_ml"] is None
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        stem = Path(name).name.format(3).removesuffix(f".{suffix}")
        (member,) = [each for each in archive.namelist() if each.endswith(f"{stem}_mask.{suffix}")]
        assert len(archive.namelist()) == len(HEAD)
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(archive.read(member)))) == 255, LESION[2])


def test_nifti_in_an_archive_and_a_multi_page_tiff(service: Service, tmp_path: Path) -> None:
    files = {f"sub-1_{name}.nii.gz": nifti_bytes(tmp_path) for name in ("FLAIR", "T1w", "ce-gd_T1w")}
    response = service.post(file=("a.zip", archive_of(files)))
    assert measures_of(response)["sequences"] == "pre-contrast flair post-contrast"
    pages = write_pages(tmp_path / "pages.tif", HEAD).read_bytes()
    response = service.post(file=("pages.tif", pages))
    assert response.headers["content-disposition"].endswith('"mask.tif"')
    assert Image.open(io.BytesIO(response.content)).n_frames == len(HEAD)


FORM = {"content-type": "multipart/form-data; boundary=x"}
START = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.nii.gz"\r\n\r\n'
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


def test_requests_beyond_the_places_are_refused_and_the_others_answered(service: Service, tmp_path: Path) -> None:
    content = nifti_bytes(tmp_path)
    service.segmenter.may_go_on.clear()
    with ThreadPoolExecutor(LIMITS.requests) as clients:
        waiting = [clients.submit(service.post, file=content) for _ in range(LIMITS.requests)]
        service.wait_until_taken(LIMITS.requests)
        refused = service.post(file=content)
        service.segmenter.may_go_on.set()
        assert [future.result().status_code for future in waiting] == [200] * LIMITS.requests
    assert refused.status_code == 503
    assert "all 4 places are taken" in error_of(refused)
    assert int(refused.headers["retry-after"]) > 0
    assert service.segmenter.calls == LIMITS.requests


def send_raw(service: Service, body: bytes, length: int) -> socket.socket:
    """Send the start of a request whose body should have `length` bytes."""
    connection = socket.create_connection(service.address)
    fields = {"Host": "x", "Content-Type": FORM["content-type"], "Content-Length": length}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    connection.sendall(f"POST /predict HTTP/1.1\r\n{head}\r\n".encode() + body)
    return connection


def body_of(content: bytes) -> bytes:
    return START + content + b"\r\n--x--\r\n"


def test_half_a_request_frees_its_place_when_the_client_goes_away(service: Service, tmp_path: Path) -> None:
    body = body_of(nifti_bytes(tmp_path))
    connection = send_raw(service, body[: len(body) // 2], len(body))
    service.wait_until_taken(1)
    connection.close()
    service.wait_until_taken(0)
    assert service.segmenter.calls == 0


def test_a_client_that_went_away_while_it_waited_is_not_outlined(service: Service, tmp_path: Path) -> None:
    body = body_of(nifti_bytes(tmp_path))
    service.segmenter.may_go_on.clear()
    first = threading.Thread(target=service.post, kwargs={"file": nifti_bytes(tmp_path)})
    first.start()
    wait_until(lambda: service.segmenter.calls == 1)
    with send_raw(service, body, len(body)):
        service.wait_until_taken(2)
    for _ in range(3):  # answered by the loop that has been told before that the connection is closed
        service.taken()
    service.segmenter.may_go_on.set()
    first.join()
    service.wait_until_taken(0)
    assert service.segmenter.calls == 1


def test_half_a_request_of_a_client_that_stays_is_given_up(tmp_path: Path) -> None:
    with running_service(tmp_path, Limits(upload=10**6, requests=1, idle=0.05)) as service:
        with send_raw(service, body_of(b"")[:20], 1000) as connection:
            assert connection.recv(100).startswith(b"HTTP/1.1 408")
        service.wait_until_taken(0)


def test_health_metadata_and_description(service: Service) -> None:
    assert service.client.get("/health").json() == {"status": "ok", "places": 4, "taken": 0}
    assert service.client.get("/metadata").json() == {"card": "# Model card"}
    described = service.client.get("/openapi.json").json()
    assert set(described["paths"]) == {"/predict", "/health", "/metadata"}
    assert {"200", "408", "413", "415", "422", "500", "503", "507"} == set(
        described["paths"]["/predict"]["post"]["responses"]
    )


def test_the_page_needs_nothing_from_elsewhere(service: Service) -> None:
    page = service.client.get("/docs")
    assert page.text == service.client.get("/").text
    assert page.headers["content-type"].startswith("text/html")
    assert "//" not in page.text.replace('"use strict"', "")
    assert "default-src 'none'" in page.text
    assert "Not for diagnosis" in page.text
