"""The checks of a whole data set: each fault alone, and all faults in one message."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg.dataset.index import index_folder
from brainseg.imaging.raster import read_image
from brainseg.params import DataParams, PatternParams
from tests.kaggle_set import KAGGLE, PATIENTS, message_of, path_of, write_image, write_mask

FIRST, SECOND, THIRD = PATIENTS


def unknown_name(root: Path) -> None:
    shutil.copy(path_of(root, FIRST, 1), root / FIRST / "overview.tif")


def two_patients_in_one_name(root: Path) -> None:
    path_of(root, FIRST, 5).rename(root / FIRST / f"{SECOND}_5.tif")


def folder_named_like_a_slice(root: Path) -> None:
    path_of(root, FIRST, 2).unlink()
    path_of(root, FIRST, 2).mkdir()


def size_of_image(root: Path) -> None:
    write_image(path_of(root, FIRST, 2), np.random.default_rng(9).integers(0, 255, (32, 30, 3), dtype=np.uint8))


def size_of_mask(root: Path) -> None:
    write_mask(path_of(root, FIRST, 2, "_mask"), np.eye(16, dtype=np.bool_))


def anti_aliased_mask(root: Path) -> None:
    path = path_of(root, FIRST, 2, "_mask")
    cv2.imwrite(str(path), cv2.blur(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), (3, 3)))


def missing_slices(root: Path) -> None:
    for number in (1, 3, 4):
        path_of(root, FIRST, number).unlink()
        path_of(root, FIRST, number, "_mask").unlink()


def truncated_file(root: Path) -> None:
    path = path_of(root, FIRST, 2)
    path.write_bytes(path.read_bytes()[:-100])


def shared_image(root: Path) -> None:
    shutil.copy(path_of(root, FIRST, 2), path_of(root, SECOND, 4))


def duplicate_number(root: Path) -> None:
    shutil.copy(path_of(root, FIRST, 2), root / FIRST / f"{FIRST}_02.tif")


def image_of_16_bits(root: Path) -> None:
    write_image(path_of(root, FIRST, 2), read_image(path_of(root, FIRST, 2)).astype(np.uint16))


def inverted_mask(root: Path) -> None:
    path = path_of(root, FIRST, 2, "_mask")
    cv2.imwrite(str(path), 255 - cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))


def another_label(root: Path) -> None:
    path = path_of(root, THIRD, 3, "_mask")
    cv2.imwrite(str(path), cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) // 255 * 2)


FAULTS: dict[Callable[[Path], object], tuple[str, str]] = {
    unknown_name: ("file name that fits no template (1)", f"{FIRST}/overview.tif: fits neither template"),
    two_patients_in_one_name: ("file name that fits no template (1)", f"{FIRST}/{SECOND}_5.tif: fits neither template"),
    lambda root: path_of(root, FIRST, 2, "_mask").unlink(): (
        "image without mask (1)",
        f"{FIRST}/{FIRST}_2.tif: no {FIRST}/{FIRST}_2_mask.tif",
    ),
    lambda root: path_of(root, FIRST, 2).unlink(): (
        "mask without image (1)",
        f"{FIRST}/{FIRST}_2_mask.tif: no {FIRST}/{FIRST}_2.tif",
    ),
    truncated_file: ("unreadable or damaged file (1)", f"{FIRST}/{FIRST}_2.tif: "),
    folder_named_like_a_slice: ("unreadable or damaged file (1)", f"{FIRST}/{FIRST}_2.tif: a folder"),
    image_of_16_bits: (
        "image that does not have 8 bits per channel (1)",
        f"{FIRST}/{FIRST}_2.tif: 16-bit unsigned pixels where 8-bit unsigned are expected",
    ),
    inverted_mask: (
        "mask that is probably inverted (1)",
        f"{FIRST}/{FIRST}_2_mask.tif: 88% of the pixels are 255",
    ),
    another_label: (
        "masks with different values inside (2)",
        f"{FIRST}/{FIRST}_2_mask.tif: 255 inside, as in 5 mask(s) in all\n"
        f"    {THIRD}/{THIRD}_3_mask.tif: 2 inside, as in 1 mask(s) in all",
    ),
    anti_aliased_mask: ("mask that is not binary (1)", f"{FIRST}/{FIRST}_2_mask.tif: "),
    size_of_image: (
        "size mismatch (2)",
        f"{FIRST}/{FIRST}_2.tif: 32 x 30 pixels, most images of the patient are 32 x 32 pixels",
    ),
    size_of_mask: ("size mismatch (1)", f"{FIRST}/{FIRST}_2_mask.tif: 16 x 16 pixels, its image is 32 x 32 pixels"),
    missing_slices: ("gap in slice numbers (1)", f"{FIRST}: 2 slices, the last is 5; missing: 1, 3 to 4"),
    lambda root: (root / "TCGA_DU_9999/deep").mkdir(parents=True): (
        "folder without images (1)",
        "TCGA_DU_9999: no image in it",
    ),
    shared_image: (
        "same image under two patients (1)",
        f"{SECOND}/{SECOND}_4.tif: the same pixels as {FIRST}/{FIRST}_2.tif",
    ),
    duplicate_number: (
        "duplicate slice number (1)",
        f"{FIRST}/{FIRST}_2.tif: image 2 of {FIRST} again, already found in {FIRST}/{FIRST}_02.tif",
    ),
}


@pytest.mark.parametrize("damage", FAULTS, ids=lambda damage: FAULTS[damage][0])
def test_fault_is_reported(tiny_set: Path, tiny_data: DataParams, damage: Callable[[Path], object]) -> None:
    damage(tiny_set)
    title, line = FAULTS[damage]
    message = message_of(tiny_data)
    assert message.startswith(f"{tiny_set}: ")
    block = message.split("\n\n")[1:]
    if damage is not two_patients_in_one_name:  # its mask has no image either
        assert len(block) == 1
    assert block[0].startswith(f"{title}\n  expected: ")
    assert "\n  to fix: " in block[0]
    assert f"\n    {line}" in block[0]


def test_all_faults_are_in_one_message(tiny_set: Path, tiny_data: DataParams) -> None:
    unknown_name(tiny_set)
    anti_aliased_mask(tiny_set)
    shared_image(tiny_set)
    path_of(tiny_set, THIRD, 3).unlink()
    (tiny_set / "empty").mkdir()
    message = message_of(tiny_data)
    assert "5 fault(s)" in message
    for title in ("no template", "mask without image", "not binary", "folder without images", "under two patients"):
        assert message.count(f"{title} (1)") == 1


def test_only_ten_faults_of_a_kind_are_listed(tmp_path: Path, make_set: Callable[..., Path]) -> None:
    root = make_set(tmp_path / "many", slices=40)
    for path in root.glob("*/*_mask.tif"):
        path.unlink()
    (root / "empty").mkdir()
    message = message_of(DataParams(root=str(root), pattern=KAGGLE))
    assert "121 fault(s)" in message
    assert "image without mask (120)" in message
    assert "    and 110 more" in message
    assert "folder without images (1)" in message
    assert message.count("\n") < 30


def test_patient_copied_under_another_name_is_a_leak(tiny_set: Path, tiny_data: DataParams) -> None:
    for number in range(1, 6):
        for ending in ("", "_mask"):
            shutil.copy(path_of(tiny_set, FIRST, number, ending), path_of(tiny_set, THIRD, number, ending))
    assert "same image under two patients (5)" in message_of(tiny_data)


def test_uniform_image_is_not_a_leak(tiny_set: Path, tiny_data: DataParams) -> None:
    for patient_id in PATIENTS:
        write_image(path_of(tiny_set, patient_id, 5), np.full((32, 32, 3), (0, 7, 0), np.uint8))
    assert len(index_folder(tiny_data)) == 15


@pytest.mark.parametrize(("height", "leaks"), [(8, 0), (9, 1)])
def test_empty_image_with_a_letter_is_not_a_leak(
    tiny_set: Path, tiny_data: DataParams, height: int, leaks: int
) -> None:
    """A letter of 48 pixels of 1024 in two patients; 54 pixels are more than 5 %."""
    image = np.full((32, 32, 3), 12, np.uint8)
    image[20 : 20 + height, 3:9] = 250
    for patient_id in (FIRST, SECOND):
        write_image(path_of(tiny_set, patient_id, 5), image)
    if leaks:
        assert "same image under two patients (1)" in message_of(tiny_data)
    else:
        assert len(index_folder(tiny_data)) == 15


def test_patients_may_differ_in_size_and_start_at_zero(tiny_set: Path, tiny_data: DataParams) -> None:
    shutil.rmtree(tiny_set / THIRD)
    write_image(path_of(tiny_set, THIRD, 0), np.random.default_rng(0).integers(0, 255, (16, 20, 3), dtype=np.uint8))
    write_mask(path_of(tiny_set, THIRD, 0, "_mask"), np.zeros((16, 20), np.bool_))
    row = index_folder(tiny_data).iloc[-1]
    assert (row.slice_number, row.height, row.width) == (0, 16, 20)


def test_name_that_fits_both_templates_is_reported(tiny_data: DataParams) -> None:
    pattern = PatternParams(image=KAGGLE.image, mask="{patient_id}/{patient_id}_{slice_number}*.tif", site=None)
    message = message_of(DataParams(root=tiny_data.root, pattern=pattern))
    assert "file name that fits both templates (15)" in message


@pytest.mark.parametrize("name", [b"\xff_1.tif", b"a\nb_1.tif"], ids=["not UTF-8", "line feed"])
def test_name_that_cannot_be_stored_in_a_table_is_reported(tiny_set: Path, tiny_data: DataParams, name: bytes) -> None:
    shutil.copy(path_of(tiny_set, FIRST, 1), os.fsencode(tiny_set / FIRST) + b"/" + name)
    message = message_of(tiny_data)
    assert "file name that fits no template (1)" in message
    assert "\\udcff_1.tif: has a control character" in message or "a\\nb_1.tif: has a control" in message
    message.encode()


def test_folder_without_read_permission_is_reported(
    tiny_set: Path, tiny_data: DataParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == SECOND:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    message = message_of(tiny_data)
    assert "unreadable or damaged file (1)" in message
    assert f"    {SECOND}: permission denied" in message
    assert "folder without images" not in message
