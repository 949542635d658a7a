"""Results in the form of the input, read back by other programs."""

import gzip
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from PIL import Image

from brainseg.errors import UserError
from brainseg.imaging.raster import read_mask
from brainseg.imaging.volume import SEQUENCES
from brainseg.scans.cases import read_scan
from brainseg.scans.grid import Grid
from brainseg.scans.nifti_header import GEOMETRY
from brainseg.scans.recognise import InputOptions, find_cases
from brainseg.scans.results import write_mask, write_probability
from brainseg.scans.scan import Scan, Source
from brainseg.scans.write_labels import write_labels
from brainseg.scans.write_nifti import bids_entities, write_bids
from tests.scans.scan_files import (
    AXIAL,
    ORDERS,
    SHAPE,
    draw,
    rotation,
    store,
    write_axial,
    write_nifti,
    write_pages,
    write_slices,
)

MASK = draw(seed=5) > 200


def read(path: Path) -> Scan:
    (case,) = find_cases([path])
    return read_scan(case)


@pytest.mark.parametrize("tilt", [0, 12])
@pytest.mark.parametrize("order", ORDERS)
def test_a_nifti_in_any_order_gets_its_mask_back(
    tmp_path: Path, order: tuple[tuple[int, ...], tuple[bool, ...]], tilt: float
) -> None:
    """The network sees the same array, and the mask lies where a viewer expects it, by SimpleITK."""
    affine = rotation(1, tilt) @ AXIAL
    path = write_nifti(tmp_path / "scan.nii.gz", *store(draw(), affine, *order))
    scan = read(path)
    np.testing.assert_array_equal(scan.image[..., 1], draw())
    (written,) = write_mask(scan, MASK, tmp_path / "out")
    assert written == tmp_path / "out/scan_mask.nii.gz"
    image, mask = SimpleITK.ReadImage(path), SimpleITK.ReadImage(written)
    assert mask.GetPixelIDTypeAsString() == "8-bit unsigned integer"
    assert (mask.GetSize(), mask.GetOrigin(), mask.GetSpacing(), mask.GetDirection()) == (
        image.GetSize(),
        image.GetOrigin(),
        image.GetSpacing(),
        image.GetDirection(),
    )
    expected, _ = store(MASK, affine, *order)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(mask), expected.T.astype(np.uint8))


@pytest.mark.parametrize(("sform_code", "qform_code"), [(1, 1), (4, 1), (0, 1), (2, 0), (0, 0)])
@pytest.mark.parametrize("version", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_sform_qform_and_codes_are_kept_and_nothing_else(
    tmp_path: Path, sform_code: int, qform_code: int, version: type
) -> None:
    affine = rotation(2, 7) @ np.diag([-1.1, 1.1, 1.2, 1])
    image = version(draw(), affine)
    image.set_sform(affine, sform_code, update_affine=False)
    image.set_qform(affine, qform_code, update_affine=False)
    image.header["descrip"] = b"Jane Doe"
    image.header["intent_name"] = b"Jane Doe"
    image.header["xyzt_units"] = 10
    content = bytearray(image.to_bytes())
    position, kind = (252, "<i2") if version is nibabel.Nifti1Image else (344, "<i4")
    content[position : position + 2 * np.dtype(kind).itemsize] = np.array([qform_code, sform_code], kind).tobytes()
    path = tmp_path / "scan.nii"
    path.write_bytes(content)  # nibabel does not leave both codes at 0
    image = nibabel.load(path)
    scan = read(path)
    mask = np.zeros(scan.grid.network_shape, np.bool_)
    mask[1, 2, 3] = True
    for path in (*write_mask(scan, mask, tmp_path), *write_probability(scan, mask.astype(np.float32), tmp_path)):
        written = nibabel.load(path)
        for name in GEOMETRY:
            np.testing.assert_array_equal(written.header[name][...], image.header[name][...], name)
        assert type(written) is version
        assert b"Jane" not in gzip.decompress(path.read_bytes())
        assert np.asarray(written.dataobj).sum() == 1


def test_probabilities_are_float32_and_equal_calls_give_equal_bytes(tmp_path: Path) -> None:
    scan = read(write_axial(tmp_path / "scan.nii"))
    probability = np.random.default_rng(0).random(SHAPE, np.float32)
    (first,) = write_probability(scan, probability, tmp_path / "a")
    (second,) = write_probability(scan, probability, tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    read_back = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(first))
    assert read_back.dtype == np.float32
    np.testing.assert_array_equal(read_back, probability)


def test_a_resampled_scan_gets_its_result_on_its_own_grid(tmp_path: Path) -> None:
    affine = np.array([[0, 0, 5.0, 0], [-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    path = write_nifti(tmp_path / "scan.nii", draw((20, 30, 4)), affine)
    scan = read(path)
    mask = np.zeros(scan.grid.network_shape, np.bool_)
    mask[10:20, 5:15, 5:10] = True
    written = nibabel.load(write_mask(scan, mask, tmp_path)[0])
    np.testing.assert_array_equal(written.affine, nibabel.load(path).affine)
    expected = np.zeros((20, 30, 4))
    expected[5:15, 10:20, 2] = 1  # column 0 is right: the second of four slices counted from the right
    np.testing.assert_array_equal(written.get_fdata(), expected)


def test_dicom_scans_get_a_nifti_with_their_affine(tmp_path: Path) -> None:
    """A scan of another kind, of which only the grid is known."""
    stored, affine = store(draw(), rotation(0, 9) @ AXIAL, (0, 1, 2), (True, False, False))
    grid = Grid(shape=SHAPE, affine=affine)
    scan = Scan(
        case_id="x", image=draw((*SHAPE, 3)), grid=grid, source=Source(kind="dicom", paths=(tmp_path / "1.dcm",))
    )
    written = nibabel.load(write_mask(scan, MASK, tmp_path)[0])
    np.testing.assert_allclose(written.affine, affine, atol=1e-5)
    np.testing.assert_allclose(written.get_qform(), affine, atol=1e-4)
    np.testing.assert_allclose(written.header.get_zooms(), (4, 1.5, 1.5), rtol=1e-6)
    np.testing.assert_array_equal(written.get_fdata(), MASK[::-1])
    assert stored.shape == written.shape


def test_kaggle_slices_get_masks_of_kaggle_names(tmp_path: Path) -> None:
    write_slices(tmp_path / "TCGA_1", draw((*SHAPE, 3)), "TCGA_1_{}.tif")
    scan = read(tmp_path / "TCGA_1")
    paths = write_mask(scan, MASK, tmp_path / "out")
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        f"out/TCGA_1/TCGA_1_{number}_mask.tif" for number in range(1, 6)
    ]
    np.testing.assert_array_equal([read_mask(path) for path in paths], MASK)
    assert set(np.unique(np.asarray(Image.open(paths[0])))) == {0, 255}


@pytest.mark.parametrize(("suffix", "expected"), [("png", "png"), ("bmp", "bmp"), ("tiff", "tiff"), ("jpg", "png")])
def test_slices_get_masks_in_their_format_and_jpeg_png(tmp_path: Path, suffix: str, expected: str) -> None:
    write_slices(tmp_path / "scan", draw(), f"a b{{}}.{suffix}")
    paths = write_mask(read(tmp_path / "scan"), MASK, tmp_path / "out")
    assert paths[0] == tmp_path / f"out/scan/a_b1_mask.{expected}"
    np.testing.assert_array_equal([read_mask(path) for path in paths], MASK)


def test_probabilities_of_slices_are_float32(tmp_path: Path) -> None:
    probability = np.random.default_rng(0).random(SHAPE, np.float32)
    write_slices(tmp_path / "scan", draw())
    paths = write_probability(read(tmp_path / "scan"), probability, tmp_path / "out")
    assert paths[0] == tmp_path / "out/scan/brain_1_probability.tif"
    np.testing.assert_array_equal([np.asarray(Image.open(path)) for path in paths], probability)
    assert SimpleITK.ReadImage(paths[0]).GetPixelIDTypeAsString() == "32-bit float"


def test_a_stack_gets_a_stack(tmp_path: Path) -> None:
    write_pages(tmp_path / "scan.tif", draw())
    scan = read(tmp_path / "scan.tif")
    (mask,) = write_mask(scan, MASK, tmp_path / "out")
    (probability,) = write_probability(scan, MASK.astype(np.float32) / 2, tmp_path / "out")
    assert (mask.name, probability.name) == ("scan_mask.tif", "scan_probability.tif")
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(mask)), MASK * np.uint8(255))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(probability)), MASK / np.float32(2))


def test_our_own_results_beside_the_images_are_no_slices(tmp_path: Path) -> None:
    write_slices(tmp_path / "scan", draw())
    scan = read(tmp_path / "scan")
    write_mask(scan, MASK, tmp_path)
    write_probability(scan, MASK.astype(np.float32), tmp_path)
    (case,) = find_cases([tmp_path / "scan"])
    again = read_scan(case, with_masks=True)
    np.testing.assert_array_equal(again.image, scan.image)
    np.testing.assert_array_equal(again.mask_true, MASK)


def test_names_of_slices_that_become_equal_are_refused(tmp_path: Path) -> None:
    scan = read_scan_of_names(tmp_path, ("a?1", "a*1"))
    with pytest.raises(UserError, match="differ only in characters that are not safe"):
        write_mask(scan, np.zeros((2, 9, 9), np.bool_), tmp_path)


def test_names_cannot_lead_outside(tmp_path: Path) -> None:
    scan = read_scan_of_names(tmp_path, ("../../1", "/etc/2"))
    paths = write_mask(scan, np.zeros((2, 9, 9), np.bool_), tmp_path / "out")
    assert all(path.resolve().parent == (tmp_path / "out/case").resolve() for path in paths)


def read_scan_of_names(folder: Path, stems: tuple[str, str]) -> Scan:
    source = Source(kind="slices", paths=(folder / "1.png", folder / "2.png"), stems=stems)
    return Scan(case_id="case", image=draw((2, 9, 9, 3)), grid=Grid(shape=(2, 9, 9)), source=source)


def test_bids_derivatives(tmp_path: Path) -> None:
    write_axial(tmp_path / "in/sub-07/ses-1/anat/sub-07_ses-1_acq-2d_FLAIR.nii.gz")
    scan = read(tmp_path / "in")
    probability = MASK.astype(np.float32) / 2
    paths = write_bids(scan, MASK, tmp_path / "out", generated_by="brainseg", version="1.2.3", probability=probability)
    stem = "sub-07/ses-1/anat/sub-07_ses-1_space-orig_label-lesion"
    assert [path.relative_to(tmp_path / "out").as_posix() for path in paths] == [
        f"{stem}_mask.nii.gz",
        f"{stem}_mask.json",
        "dataset_description.json",
        f"{stem}_probseg.nii.gz",
        f"{stem}_probseg.json",
    ]
    description = json.loads(paths[2].read_text())
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"] == [{"Name": "brainseg", "Version": "1.2.3"}]
    assert {"Name", "BIDSVersion"} < set(description)
    assert json.loads(paths[1].read_text())["Type"] == "Lesion"
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(paths[0])), MASK)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(paths[3])), probability)
    assert json.loads(paths[4].read_text()) == {"RawSources": ["sub-07_ses-1_acq-2d_FLAIR.nii.gz"]}


def test_other_names_become_subjects_of_letters_and_digits(tmp_path: Path) -> None:
    write_axial(tmp_path / "BraTS-GLI-001-t2f.nii.gz")
    assert bids_entities(read(tmp_path)) == {"sub": "BraTSGLI001"}


def test_three_sequences_get_one_mask(tmp_path: Path) -> None:
    image = np.stack([draw((7, 6, 5), seed) for seed in range(3)], axis=-1)
    path = write_nifti(tmp_path / "a.nii.gz", image, np.diag([-1.0, -1, 4, 1]))
    (case,) = find_cases([path], InputOptions(channels=("flair", "t1", "t1ce")))
    scan = read_scan(case)
    assert scan.missing == ()
    assert len(SEQUENCES) == scan.image.shape[-1]
    (written,) = write_mask(scan, np.ones((5, 6, 7), np.bool_), tmp_path)
    assert nibabel.load(written).shape == (7, 6, 5)


def test_label_files(tmp_path: Path) -> None:
    """ITK-SNAP reads eight columns after comments; 3D Slicer reads six, without spaces in the name."""
    snap, slicer = write_labels(tmp_path)
    rows = [line.split(maxsplit=7) for line in snap.read_text().splitlines() if not line.startswith("#")]
    assert [(row[0], row[7]) for row in rows] == [("0", '"Clear Label"'), ("1", '"FLAIR abnormality"')]
    assert all(len(row) == 8 for row in rows)
    rows = [line.split() for line in slicer.read_text().splitlines() if not line.startswith("#")]
    assert [len(row) for row in rows] == [6, 6]
