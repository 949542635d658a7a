"""From what the user names to cases."""

from pathlib import Path

import numpy as np
import pytest

from brainseg.errors import UserError
from brainseg.imaging.volume import SEQUENCES
from brainseg.scans.cases import read_scan
from brainseg.scans.recognise import InputOptions, find_cases
from tests.scans.dicom_files import drawn_volume, write_series
from tests.scans.scan_files import brats, draw, write_axial, write_nifti, write_pages, write_slices

PRE, FLAIR, POST = SEQUENCES


def ids(*inputs: Path, options: InputOptions | None = None) -> list[str]:
    return [case.case_id for case in find_cases(inputs, options)]


def test_one_kaggle_patient_and_a_root_of_many(tmp_path: Path) -> None:
    for patient in ("TCGA_A_1", "TCGA_A_2"):
        image, masks = draw((11, 16, 16, 3)), draw((11, 16, 16)) > 200
        write_slices(tmp_path / patient, image, f"{patient}_{{}}.tif", masks)
    (tmp_path / "data.csv").write_text("Patient\n")
    cases = find_cases([tmp_path])
    assert [(case.case_id, case.kind) for case in cases] == [("TCGA_A_1", "kaggle"), ("TCGA_A_2", "kaggle")]
    (case,) = find_cases([tmp_path / "TCGA_A_2"])
    scan = read_scan(case, with_masks=True)
    np.testing.assert_array_equal(scan.image, image)  # slice 10 after slice 9, not after slice 1
    np.testing.assert_array_equal(scan.mask_true, masks)
    assert scan.source.stems[9] == "TCGA_A_2_10"
    assert (scan.missing, scan.notes) == ((), ())
    assert read_scan(case).mask_true is None


def test_folders_of_slices_and_a_multi_page_tiff(tmp_path: Path) -> None:
    write_slices(tmp_path / "png", draw(), "im{:03}.png")
    write_slices(tmp_path / "jpeg", draw(), "{}.jpg")
    write_pages(tmp_path / "stack.tif", draw())
    assert [(case.case_id, case.kind) for case in find_cases([tmp_path])] == [
        ("stack", "multipage_tiff"),
        ("jpeg", "slices"),
        ("png", "slices"),
    ]
    assert ids(tmp_path / "stack.tif") == ["stack"]


def test_brats_with_a_folder_for_each_case_and_all_in_one(tmp_path: Path) -> None:
    for case in ("BraTS_1", "BraTS_2"):
        brats(tmp_path / "folders" / case, case)
        brats(tmp_path / "flat", case, ("flair", "t1ce", "seg"))
    first, _ = find_cases([tmp_path / "folders"])
    assert set(first.sequences) == set(SEQUENCES)
    assert first.notes == ("Left out: BraTS_1_t2.nii.gz.",)
    cases = find_cases([tmp_path / "flat"])
    assert [case.case_id for case in cases] == ["BraTS_1", "BraTS_2"]
    assert set(cases[0].sequences) == {FLAIR, POST}
    assert (cases[0].mask, cases[0].notes) == (tmp_path / "flat/BraTS_1_seg.nii.gz", ())


def test_bids_sessions_are_cases_and_derivatives_are_left_out(tmp_path: Path) -> None:
    for session in ("1", "2"):
        anat = tmp_path / f"sub-01/ses-{session}/anat"
        for name in ("FLAIR", "T1w", "ce-gad_T1w", "T2w"):
            write_axial(anat / f"sub-01_ses-{session}_{name}.nii.gz")
    write_axial(tmp_path / "derivatives/x/sub-01/anat/sub-01_space-MNI_FLAIR.nii.gz")
    (tmp_path / "dataset_description.json").write_text("{}")
    cases = find_cases([tmp_path])
    assert [case.case_id for case in cases] == ["sub-01_ses-1", "sub-01_ses-2"]
    assert {role: path.name for role, path in cases[0].sequences.items()} == {
        PRE: "sub-01_ses-1_T1w.nii.gz",
        FLAIR: "sub-01_ses-1_FLAIR.nii.gz",
        POST: "sub-01_ses-1_ce-gad_T1w.nii.gz",
    }


def test_one_nifti_is_flair_and_the_output_says_so(tmp_path: Path) -> None:
    write_axial(tmp_path / "in/head.nii.gz")
    for path in (tmp_path / "in", tmp_path / "in/head.nii.gz"):
        (case,) = find_cases([path])
        scan = read_scan(case)
        assert scan.case_id == "head"
        assert scan.missing == (PRE, POST)
        assert scan.notes[0] == "head.nii.gz is taken as FLAIR."
        assert "filled with FLAIR, as in training" in scan.notes[-1]
        np.testing.assert_array_equal(scan.image, np.stack([draw()] * 3, axis=-1))


def test_a_mask_beside_one_nifti(tmp_path: Path) -> None:
    write_axial(tmp_path / "head.nii.gz")
    mask = write_axial(tmp_path / "head_mask.nii.gz", (draw() > 200).astype(np.uint8))
    (case,) = find_cases([tmp_path])
    assert (case.case_id, case.mask) == ("head", mask)
    assert read_scan(case, with_masks=True).source.paths == (tmp_path / "head.nii.gz", mask)
    write_axial(tmp_path / "other.nii.gz")
    (case,) = find_cases([tmp_path])
    assert "2 NIfTI files" in (case.fault or "")


def test_of_several_masks_none_is_taken(tmp_path: Path) -> None:
    brats(tmp_path, "a", ("flair", "seg", "mask"))
    (case,) = find_cases([tmp_path])
    assert case.mask is None
    assert case.notes == ("Left out: a_mask.nii.gz, a_seg.nii.gz.",)


def test_a_nifti_is_recognised_by_its_content(tmp_path: Path) -> None:
    write_axial(tmp_path / "head.nii").rename(tmp_path / "head.dat")
    assert ids(tmp_path / "head.dat") == ["head"]
    assert [case.kind for case in find_cases([tmp_path])] == ["nifti"]


def test_files_by_sequence(tmp_path: Path) -> None:
    files = {name: write_axial(tmp_path / f"{name}.nii", draw(seed=n)) for n, name in enumerate(SEQUENCES)}
    options = InputOptions(sequences={name: str(path) for name, path in files.items()})
    (case,) = find_cases([], options)
    scan = read_scan(case)
    assert scan.case_id == tmp_path.name
    assert scan.source.paths == (files[FLAIR], files[PRE], files[POST])
    for channel in range(3):
        np.testing.assert_array_equal(scan.image[..., channel], draw(seed=channel))
    with pytest.raises(UserError, match="No FLAIR"):
        find_cases([], InputOptions(sequences={PRE: "a.nii"}))
    with pytest.raises(UserError, match="One file for two sequences"):
        find_cases([], InputOptions(sequences={PRE: "a.nii", FLAIR: "a.nii"}))
    with pytest.raises(UserError, match="name the files of one case"):
        find_cases([tmp_path / "flair.nii"], options)


def test_channels_of_a_4d_nifti(tmp_path: Path) -> None:
    image = np.stack([draw((7, 6, 5), seed) for seed in range(4)], axis=-1)
    path = write_nifti(tmp_path / "BRATS_001.nii.gz", image, np.diag([-1.0, -1, 4, 1]))
    (case,) = find_cases([path], InputOptions(channels=("FLAIR", "T1", "T1ce", "T2")))
    scan = read_scan(case)
    for channel, volume in enumerate((1, 0, 2)):
        np.testing.assert_array_equal(scan.image[..., channel], image[..., volume].transpose(2, 1, 0))
    assert scan.source.paths == (path,)
    (case,) = find_cases([path], InputOptions(channels=("flair", "t1")))
    with pytest.raises(UserError, match=r"4 volume\(s\)\. Expected: 2, as the stated channels"):
        read_scan(case)
    (case,) = find_cases([path])
    with pytest.raises(UserError, match="4-D, 4 volumes"):
        read_scan(case)
    with pytest.raises(UserError, match="Expected: flair once"):
        find_cases([path], InputOptions(channels=("t1", "t1ce")))


def test_cases_of_the_same_name_get_the_names_of_their_folders(tmp_path: Path) -> None:
    for site in ("north", "south"):
        for visit in ("1", "2"):
            write_axial(tmp_path / site / visit / "flair.nii.gz")
    assert ids(tmp_path) == ["north_1", "north_2", "south_1", "south_2"]


def test_results_of_an_earlier_call_are_no_scans(tmp_path: Path) -> None:
    """The output folder may be inside the input; masks and pictures of the result may be beside each other."""
    write_axial(tmp_path / "a/scan.nii.gz")
    write_axial(tmp_path / "out/scan_mask.nii.gz")
    write_axial(tmp_path / "out/scan_probability.nii.gz")
    write_slices(tmp_path / "out", draw((1, 9, 9, 3)), "scan_overlay.png")
    write_slices(tmp_path / "out/b", draw(), "b_{}_mask.tif")
    write_pages(tmp_path / "out/c_probability.tif", draw())
    write_pages(tmp_path / "out/c_mask.tif", draw())
    assert ids(tmp_path) == ["scan"]
    with pytest.raises(UserError, match=r"no scan\. Found: 6 picture\(s\) of a slice, 2 multi-page TIFF, 2 NIfTI\."):
        find_cases([tmp_path / "out"])


def test_links_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    write_slices(tmp_path / "a", draw())
    (tmp_path / "a/again").symlink_to(tmp_path)
    assert ids(tmp_path) == ["a"]


def test_names_with_spaces_and_other_scripts(tmp_path: Path) -> None:
    write_axial(tmp_path / "Größe ΔT 患者/my scan.nii.gz")
    (case,) = find_cases([tmp_path])
    assert read_scan(case).case_id == "my_scan"


def test_pictures_beside_dicom_are_passed_over_with_a_note(tmp_path: Path) -> None:
    """Discs from a hospital have the logos of a viewer."""
    write_series(tmp_path / "study", drawn_volume())
    write_slices(tmp_path / "viewer", draw((2, 9, 9, 3)), "logo{}.png")
    (case,) = find_cases([tmp_path])
    assert case.kind == "dicom"
    assert read_scan(case).notes[0] == "2 picture(s) beside the DICOM files were passed over."


def test_the_same_input_twice_is_one_case(tmp_path: Path) -> None:
    write_axial(tmp_path / "a.nii")
    assert ids(tmp_path, tmp_path) == ["a"]
