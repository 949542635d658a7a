"""From a table of cases, or a pattern of file names, to cases."""

from pathlib import Path

import numpy as np
import pytest

from brainseg.errors import UserError
from brainseg.imaging.volume import SEQUENCES
from brainseg.scans.cases import read_scan
from brainseg.scans.recognise import InputOptions, find_cases
from tests.scans.scan_files import brats, draw, write_axial, write_pages, write_slices

PRE, FLAIR, POST = SEQUENCES


def test_a_table_of_cases(tmp_path: Path) -> None:
    brats(tmp_path / "scans", "a", ("flair", "t1"))
    brats(tmp_path / "scans", "b", ("flair",))
    table = tmp_path / "cases.csv"
    write_axial(tmp_path / "outline.nii", (draw() > 200).astype(np.uint8))
    table.write_text(
        "case,flair,t1,t1ce,mask\nfirst,scans/a_flair.nii.gz,scans/a_t1.nii.gz,,outline.nii\n"
        "../2,scans/b_flair.nii.gz,,,\n"
    )
    cases = find_cases([], InputOptions(table=table))
    assert [case.case_id for case in cases] == ["first", "_2"]
    assert [read_scan(case).missing for case in cases] == [(POST,), (PRE, POST)]
    np.testing.assert_array_equal(read_scan(cases[0], with_masks=True).mask_true, draw() > 200)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case,t1\na,b\n", "columns case, t1"),
        ("case,flair,dwi\na,b,c\n", "columns case, flair, dwi"),
        ("case,flair\na,\n", "line 2: no case or no FLAIR"),
        ("case,flair\na,b\nA,c\n", "line 3: A a second time"),
        ("case,flair\n", "no cases"),
        ("case,flair\na\n", "not a table"),
        ("", "not a table"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "cases.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        find_cases([], InputOptions(table=tmp_path / "cases.csv"))


def test_a_pattern_of_slices_in_one_folder(tmp_path: Path) -> None:
    for patient in ("ann", "bob"):
        write_slices(tmp_path, draw(), f"{patient}-{{}}.png")
        write_slices(tmp_path / "outlines", (draw() > 200).astype(np.uint8), f"{patient}-{{}}.png")
    (fault,) = find_cases([tmp_path / "."])[:1]
    assert "2 kinds of names" in (fault.fault or "")
    options = InputOptions(
        pattern="{patient_id}-{slice_number}.png", mask_pattern="outlines/{patient_id}-{slice_number}.png"
    )
    cases = find_cases([tmp_path], options)
    assert [case.case_id for case in cases] == ["ann", "bob"]
    scan = read_scan(cases[1], with_masks=True)
    np.testing.assert_array_equal(scan.image[..., 0], draw())
    np.testing.assert_array_equal(scan.mask_true, draw() > 200)


def test_a_pattern_of_volumes(tmp_path: Path) -> None:
    for name in ("p1", "p2"):
        write_axial(tmp_path / f"{name}.nii.gz")
    options = InputOptions(pattern="{patient_id}.nii.gz")
    assert [case.case_id for case in find_cases([tmp_path], options)] == ["p1", "p2"]
    assert read_scan(find_cases([tmp_path], options)[0]).notes[0] == "p1.nii.gz is taken as FLAIR."
    write_axial(tmp_path / "p1.nii")
    with pytest.raises(UserError, match=r"p1: 2 files, such as p1\.nii"):
        read_scan(find_cases([tmp_path], InputOptions(pattern="{patient_id}.*"))[0])
    with pytest.raises(UserError, match="no file name fits"):
        find_cases([tmp_path], InputOptions(pattern="x/{patient_id}.nii.gz"))
    with pytest.raises(UserError, match=r"^--pattern: '\{who\}'"):
        find_cases([tmp_path], InputOptions(pattern="{who}.nii.gz"))


def test_a_pattern_that_two_slices_fit(tmp_path: Path) -> None:
    write_slices(tmp_path, draw(), "a_{}.png")
    write_slices(tmp_path, draw(), "a_0{}.png")
    (case,) = find_cases([tmp_path], InputOptions(pattern="{patient_id}_{slice_number}.png"))
    with pytest.raises(UserError, match=r"a_0\d\.png, a_\d\.png have the same slice number"):
        read_scan(case)


def test_a_pattern_of_volumes_fits_stacks_and_no_single_slices(tmp_path: Path) -> None:
    write_pages(tmp_path / "a.tif", draw())
    write_slices(tmp_path, draw((1, 9, 9)), "b.tif")
    stack, single = find_cases([tmp_path], InputOptions(pattern="{patient_id}.tif"))
    assert read_scan(stack).source.kind == "multipage_tiff"
    with pytest.raises(UserError, match=r"one slice\. Expected: \{slice_number\} in the pattern"):
        read_scan(single)
