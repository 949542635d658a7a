"""Pairing images and masks by name, gaps in the slice numbers, and a data.root that cannot be right."""

import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from brainseg.dataset.pairing import SlicePair, find_gaps, pair_by_name
from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.faults import Fault
from brainseg.params import DataParams
from tests.kaggle_set import KAGGLE, message_of, write_image


def test_pairs_are_sorted_and_keep_slices_with_one_file_missing() -> None:
    pairs, faults = pair_by_name(["b/b_1_mask.tif", "a/a_10.tif", "a/a_2_mask.tif", "a/a_2.tif"], Path("root"), KAGGLE)
    assert pairs == [
        SlicePair(patient_id="a", slice_number=2, image_path="a/a_2.tif", mask_path="a/a_2_mask.tif"),
        SlicePair(patient_id="a", slice_number=10, image_path="a/a_10.tif", mask_path=None),
        SlicePair(patient_id="b", slice_number=1, image_path=None, mask_path="b/b_1_mask.tif"),
    ]
    assert faults == [
        Fault(FaultKind.MISSING_MASK, "a/a_10.tif", "no a/a_10_mask.tif"),
        Fault(FaultKind.MISSING_IMAGE, "b/b_1_mask.tif", "no b/b_1.tif"),
    ]


def test_gap_of_millions_is_one_line() -> None:
    numbers = (1, 2, 900_000_000)
    (fault,) = find_gaps([SlicePair(patient_id="a", slice_number=n, image_path="i", mask_path="m") for n in numbers])
    assert fault.found == "3 slices, the last is 900000000; missing: 3 to 899999999"


@pytest.mark.parametrize(
    ("root", "hint"),
    [
        ("data/kaggle_3m", "https://www.kaggle.com/datasets/mateuszbuda/lgg-mri-segmentation and unpack it so that"),
        ("data/phantom/", "`dvc repro` creates it"),
        ("nowhere", "Set data.root in params.yaml to the folder"),
    ],
)
@pytest.mark.parametrize("empty", [False, True])
def test_root_that_is_missing_or_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str, hint: str, empty: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    if empty:
        Path(root).mkdir(parents=True)
    message = message_of(DataParams(root=root, pattern=KAGGLE))
    assert ("data.root has no images" if empty else "data.root does not exist") in message
    assert hint in message


def test_names_that_differ_in_unicode_form_belong_together() -> None:
    composed, decomposed = (unicodedata.normalize(form, "Müller") for form in ("NFC", "NFD"))
    pairs, faults = pair_by_name(
        [f"{decomposed}/{composed}_1.tif", f"{composed}/{decomposed}_1_mask.tif"], Path("root"), KAGGLE
    )
    assert faults == []
    assert [(pair.patient_id, pair.image_path) for pair in pairs] == [(composed, f"{decomposed}/{composed}_1.tif")]
    _, faults = pair_by_name([f"{name}/{name}_1.tif" for name in (composed, decomposed)], Path("root"), KAGGLE)
    assert FaultKind.DUPLICATE_SLICE in {fault.kind for fault in faults}
    assert any("under the same name in another Unicode form" in fault.found for fault in faults)


def test_root_that_is_a_link_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    message = message_of(DataParams(root=str(tmp_path / "link"), pattern=KAGGLE))
    assert "link: data.root is a link to gone, which does not exist" in message


def test_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "data.root is a file" in message_of(DataParams(root=str(tmp_path / "file"), pattern=KAGGLE))


def test_root_one_level_too_high_names_the_right_one(tiny_set: Path) -> None:
    data = DataParams(root=str(tiny_set.parent), pattern=KAGGLE)
    message = message_of(data)
    assert message.endswith(f"Set data.root in params.yaml to\n  root: {tiny_set}    # 30 files")
    shutil.copytree(tiny_set, tiny_set.parent / "again/kaggle_3m")
    message = message_of(data)
    assert f"to one of\n  root: {tiny_set.parent}/again/kaggle_3m    # 30 files\n  root: {tiny_set}    # 30" in message


def test_names_that_fit_from_no_folder(tmp_path: Path) -> None:
    write_image(tmp_path / "brains/one.png", np.zeros((4, 4, 3), np.uint8))
    assert "file name that fits no template (1)" in message_of(DataParams(root=str(tmp_path), pattern=KAGGLE))
