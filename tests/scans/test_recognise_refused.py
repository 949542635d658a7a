"""Input that is refused, with what was found."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brainseg.errors import UserError
from brainseg.imaging.volume import SEQUENCES
from brainseg.scans.cases import read_scan
from brainseg.scans.recognise import InputOptions, find_cases
from tests.scans.scan_files import draw, write_axial, write_slices

PRE, FLAIR, POST = SEQUENCES


def test_one_bad_case_does_not_stop_the_others(tmp_path: Path) -> None:
    write_slices(tmp_path / "good", draw())
    write_slices(tmp_path / "bad", draw())[2].unlink()
    bad, good = find_cases([tmp_path])
    assert (bad.case_id, good.fault) == ("bad", None)
    assert bad.fault is not None
    with pytest.raises(UserError, match="slices are missing: 3 of 1 to 5, 4 are there"):
        read_scan(bad)


def mixed_sizes(folder: Path) -> None:
    write_slices(folder, draw((3, 8, 8)))
    write_slices(folder, draw((4, 8, 9)))[0].unlink()
    write_slices(folder, draw((3, 8, 8)))


def numbered_twice(folder: Path) -> None:
    write_slices(folder, draw())
    write_slices(folder, draw((1, 14, 12)), "brain_0{}.png")


def slices_and_nifti(folder: Path) -> None:
    write_slices(folder, draw())
    write_axial(folder / "scan.nii.gz")


def two_flairs(folder: Path) -> None:
    for run in (1, 2):
        write_axial(folder / f"sub-1_run-{run}_FLAIR.nii.gz")


def without_names(folder: Path) -> None:
    for name in ("a", "b"):
        write_axial(folder / f"{name}.nii.gz")


def cut_off_slice(folder: Path) -> None:
    path = write_slices(folder, draw())[-1]
    path.write_bytes(path.read_bytes()[:100])


def empty_slice(folder: Path) -> None:
    write_slices(folder, draw())[-1].write_bytes(b"")


def two_sequences(folder: Path) -> None:
    write_slices(folder, draw(), "flair_{}.png")
    write_slices(folder, draw(), "t1_{}.png")


def a_mask_too_many(folder: Path) -> None:
    write_slices(folder, draw(), masks=draw() > 200)[-1].unlink()


def sixteen_bits(folder: Path) -> None:
    folder.mkdir()
    Image.fromarray(draw((9, 9)).astype(np.uint16) * 200).save(folder / "a_1.png")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (mixed_sizes, r"brain_4\.png: 8 x 9 pixels, where brain_1\.png has 8 x 8"),
        (numbered_twice, r"slice 1 is there 2 times: brain_01\.png, brain_1\.png"),
        (slices_and_nifti, r"5 picture\(s\) of a slice, 1 NIfTI in one folder"),
        (two_flairs, r"2 files of the sequence flair:\n  sub-1_run-1_FLAIR\.nii\.gz\n  sub-1_run-2_FLAIR"),
        (without_names, r"2 NIfTI files, and it is not clear .*\n  a\.nii\.gz\n  b\.nii\.gz"),
        (cut_off_slice, r"brain_5\.png: unreadable or damaged"),
        (empty_slice, r"brain_5\.png: unreadable or damaged"),
        (two_sequences, r"2 kinds of names .*\n  flair_#: 5 picture\(s\)\n  t1_#: 5 picture\(s\)"),
        (a_mask_too_many, r"1 mask\(s\) without an image, the first is brain_5_mask\.png"),
        (sixteen_bits, r"8 bits per channel"),
    ],
)
def test_folders_that_are_refused_with_what_was_found(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    make(tmp_path / "scan")
    (case,) = find_cases([tmp_path / "scan"])
    with pytest.raises(UserError, match=message):
        read_scan(case)


def test_what_is_no_scan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No input"):
        find_cases([])
    with pytest.raises(UserError, match="not found"):
        find_cases([tmp_path / "none"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no scan. Found: no files"):
        find_cases([tmp_path / "empty"])
    (tmp_path / "notes.txt").write_text("II is how this text starts")
    with pytest.raises(UserError, match=r"no scan\. Found: 1 other file"):
        find_cases([tmp_path])
    with pytest.raises(UserError, match="not a scan"):
        find_cases([tmp_path / "notes.txt"])
    path = write_slices(tmp_path / "slices", draw())[0]
    with pytest.raises(UserError, match=r"one slice. Expected: the folder"):
        find_cases([path])
    path = write_axial(tmp_path / "case_t1.nii.gz")
    with pytest.raises(UserError, match="by its name it is pre-contrast, not FLAIR"):
        find_cases([path])


def test_no_control_characters_reach_a_message(tmp_path: Path) -> None:
    write_axial(tmp_path / "a\x1b[2J.nii.gz")
    write_axial(tmp_path / "b\n.nii.gz")
    (case,) = find_cases([tmp_path])
    assert r"a\x1b[2J.nii.gz" in (case.fault or "")
    assert r"b\n.nii.gz" in (case.fault or "")


def test_options_that_do_not_fit_together(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("case,flair\na,b\n")
    write_slices(tmp_path / "slices", draw())
    with pytest.raises(UserError, match="A table of cases names all files"):
        find_cases([tmp_path], InputOptions(table=tmp_path / "cases.csv"))
    with pytest.raises(UserError, match="--channels is for one 4-D NIfTI per case"):
        find_cases([tmp_path / "slices"], InputOptions(channels=("flair", "t1")))
    with pytest.raises(UserError, match=r"none\.csv: not found"):
        find_cases([], InputOptions(table=tmp_path / "none.csv"))


def test_dicom_beside_nifti_is_refused_with_the_folders(tmp_path: Path) -> None:
    write_axial(tmp_path / "nifti/a.nii")
    (tmp_path / "dicom").mkdir()
    (tmp_path / "dicom/1").write_bytes(bytes(128) + b"DICM")
    with pytest.raises(UserError, match=r"(?s)DICOM and other scans\. .*dicom: 1 DICOM\n.*nifti: 1 NIfTI"):
        find_cases([tmp_path])
