"""Names of files: sequences, slice numbers and safe names."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainseg.scans.names import parse_name, safe_name, slice_number, stem_of


@pytest.mark.parametrize(
    ("name", "case", "role"),
    [
        ("BraTS2021_00000_flair.nii.gz", "BraTS2021_00000", "flair"),
        ("BraTS20_Training_001_t1ce.nii", "BraTS20_Training_001", "post-contrast"),
        ("BraTS-GLI-00000-000-t2f.nii.gz", "BraTS-GLI-00000-000", "flair"),
        ("BraTS-GLI-00000-000-t1n.nii.gz", "BraTS-GLI-00000-000", "pre-contrast"),
        ("BraTS-GLI-00000-000-t1c.nii.gz", "BraTS-GLI-00000-000", "post-contrast"),
        ("BraTS-GLI-00000-000-t2w.nii.gz", "BraTS-GLI-00000-000", "other"),
        ("BraTS-GLI-00000-000-seg.nii.gz", "BraTS-GLI-00000-000", "mask"),
        ("sub-01_FLAIR.nii.gz", "sub-01", "flair"),
        ("sub-01_ses-pre_acq-3d_run-1_FLAIR.nii.gz", "sub-01_ses-pre", "flair"),
        ("sub-01_T1w.nii.gz", "sub-01", "pre-contrast"),
        ("sub-01_ce-gadolinium_T1w.nii.gz", "sub-01", "post-contrast"),
        ("sub-01_T2w.nii.gz", "sub-01", "other"),
        ("FLAIR.nii", "", "flair"),
        ("scan.nii.gz", "scan", None),
        ("unflair.nii.gz", "unflair", None),
        ("case_0000.nii.gz", "case_0000", None),
    ],
)
def test_names_of_brats_and_bids(name: str, case: str, role: str | None) -> None:
    parsed = parse_name(Path("folder", name))
    assert (parsed.case, parsed.role) == (case, role)


def test_the_last_run_of_digits_is_the_slice_number() -> None:
    assert slice_number("TCGA_CS_4941_19960909_12") == ("TCGA_CS_4941_19960909_#", 12)
    assert slice_number("slice007b") == ("slice#b", 7)
    assert slice_number("overview") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TCGA_CS_4941_19960909", "TCGA_CS_4941_19960909"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("/", "_"),
        ("..", "case"),
        ("", "case"),
        (".hidden", "hidden"),
        ("Müller, Jörg", "Müller__Jörg"),
        ("患者 1", "患者_1"),
        ("a\x1b[2Jb\n", "a__2Jb_"),
        ("con", "case_con"),
        ("LPT1.txt", "case_LPT1.txt"),
        ("x" * 300, "x" * 100),
    ],
)
def test_safe_names(text: str, expected: str) -> None:
    assert safe_name(text) == expected


@given(st.text(max_size=200))
def test_safe_names_stay_in_their_folder(text: str) -> None:
    name = safe_name(text)
    assert (Path("out") / name).resolve().parent == Path("out").resolve()
    assert name.isprintable()
    assert not re.search(r'[\\/:*?"<>|\s]', name)
    assert safe_name(name) == name


def test_nii_gz_is_one_suffix() -> None:
    assert [stem_of(Path(name)) for name in ("a.b.nii.gz", "a.NII", "a.tif")] == ["a.b", "a", "a"]
