"""Inputs that look like a scan and are none, or name something else than the user means."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brainseg.errors import UserError
from brainseg.imaging.volume import SEQUENCES
from brainseg.scans.cases import read_scan
from brainseg.scans.recognise import InputOptions, find_cases
from tests.scans.scan_files import draw, write_axial, write_pages, write_slices


def test_links_that_lead_nowhere_are_passed_over(tmp_path: Path) -> None:
    write_axial(tmp_path / "scan.nii.gz")
    for name, target in (("circle.nii.gz", "circle.nii.gz"), ("gone.nii.gz", "moved.nii.gz"), ("up", ".")):
        (tmp_path / name).symlink_to(target)
    assert [case.case_id for case in find_cases([tmp_path])] == ["scan"]


def test_a_folder_that_is_named_as_a_sequence_has_dicom(tmp_path: Path) -> None:
    write_slices(tmp_path / "slices", draw())
    with pytest.raises(UserError, match=r"slices: no DICOM\. Expected: a folder with one series"):
        find_cases([], InputOptions(sequences={SEQUENCES[1]: str(tmp_path / "slices")}))


def test_a_pattern_is_not_ignored(tmp_path: Path) -> None:
    path = write_axial(tmp_path / "scan.nii.gz")
    with pytest.raises(UserError, match=r"scan\.nii\.gz: a file\. Expected with --pattern: the folder"):
        find_cases([path], InputOptions(pattern="{patient_id}.nii.gz"))
    with pytest.raises(UserError, match=r"--mask-pattern .* Expected: both, or neither"):
        find_cases([tmp_path], InputOptions(mask_pattern="{patient_id}_seg.nii.gz"))


def test_a_pointer_of_git_lfs_is_told_from_a_damaged_scan(tmp_path: Path) -> None:
    path = tmp_path / "scan.nii.gz"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    with pytest.raises(UserError, match=r"scan\.nii\.gz: a pointer of Git LFS, not the file itself\. .*git lfs pull"):
        read_scan(find_cases([path])[0])


IMAGEJ = "ImageJ=1.54f\nimages={pages}\n{axes}hyperstack=true\n"
OME = '<?xml version="1.0"?><OME><Image><Pixels SizeX="12" SizeY="14" {axes}/></Image></OME>'


@pytest.mark.parametrize(
    "description",
    [
        IMAGEJ.format(pages=6, axes="channels=3\nslices=2\n"),
        IMAGEJ.format(pages=6, axes="slices=2\nframes=3\n"),
        OME.format(axes='SizeC="3" SizeZ="2" SizeT="1"'),
    ],
)
def test_pages_that_are_more_than_slices_are_refused(tmp_path: Path, description: str) -> None:
    path = write_pages(tmp_path / "stack.tif", draw((6, 14, 12)), description=description)
    with pytest.raises(UserError, match=r"stack\.tif: \d channel\(s\), 2 slice\(s\), .*a page for each slice"):
        read_scan(find_cases([path])[0])


@pytest.mark.parametrize(
    "description",
    [
        IMAGEJ.format(pages=6, axes="slices=6\n"),
        IMAGEJ.format(pages=6, axes="frames=6\n"),  # what many programs call slices
        OME.format(axes='SizeC="3" SizeZ="6" SizeT="1"'),  # the three are the colours of a page
        "channels=3\nslices=2",
    ],
)
def test_pages_that_are_slices_are_read(tmp_path: Path, description: str) -> None:
    image = draw((6, 14, 12))
    path = write_pages(tmp_path / "stack.tif", image, description=description)
    assert np.array_equal(read_scan(find_cases([path])[0]).image[..., 1], image)
    with Image.open(path) as picture:
        assert picture.tag_v2[270] == description  # type: ignore[attr-defined]
