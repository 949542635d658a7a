"""The service by HTTP: scans in, masks out in the same form; and what it says about itself."""

import io
import json
import zipfile
from pathlib import Path

import highdicom
import httpx
import nibabel
import numpy as np
import pytest
from PIL import Image

from tests.scans.dicom_files import write_series
from tests.scans.scan_files import AXIAL, write_pages, write_slices
from tests.serve.requests import HEAD, LESION, archive_of, nifti_bytes, pack
from tests.serve.running_service import Service


def measures_of(response: httpx.Response) -> dict:
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    return json.loads(response.headers["brainseg-measures"])


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
