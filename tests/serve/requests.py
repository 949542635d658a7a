"""What tests send to the service: scans, archives and forms; and the message in its answer."""

import io
import zipfile
from pathlib import Path

import httpx
import numpy as np

from tests.scans.scan_files import write_axial
from tests.serve.running_service import head_with_lesion

HEAD = head_with_lesion()
LESION = HEAD == 255
FORM = {"content-type": "multipart/form-data; boundary=x"}
START = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.nii.gz"\r\n\r\n'


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


def error_of(response: httpx.Response) -> str:
    content = response.json()
    assert list(content) == ["error"]
    assert isinstance(content["error"], str)
    return content["error"]
