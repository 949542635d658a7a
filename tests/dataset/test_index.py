"""The table of a data set. tests/dataset/test_checks.py has the faults, test_pairing.py the names."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from brainseg.dataset.index import index_folder, missing_sequences
from brainseg.files import INDEX_COLUMNS
from brainseg.imaging.raster import read_image
from brainseg.params import DataParams, PatternParams
from tests.kaggle_set import KAGGLE, PATIENTS, path_of, write_image, write_mask

FIRST, SECOND, THIRD = PATIENTS
FLAT = "images/{patient_id}_z{slice_number}.png"


def test_table_has_one_row_per_slice(tiny_data: DataParams) -> None:
    table = index_folder(tiny_data)
    assert list(table.columns) == list(INDEX_COLUMNS)
    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == INDEX_COLUMNS
    assert list(zip(table.patient_id, table.slice_number, strict=True)) == [
        (p, n) for p in PATIENTS for n in range(1, 6)
    ]
    row = table.iloc[1]
    assert row.site == "CS"
    assert (row.height, row.width, row.tumour_pixels) == (32, 32, 8 * 16)
    assert row.image_path == f"{FIRST}/{FIRST}_2.tif"
    assert row.mask_path == f"{FIRST}/{FIRST}_2_mask.tif"
    assert (table.missing_sequences == "").all()


def test_slices_are_sorted_by_number_not_by_text(tmp_path: Path, make_set: Callable[..., Path]) -> None:
    root = make_set(tmp_path / "set", patients=(FIRST,), slices=11)
    assert list(index_folder(DataParams(root=str(root), pattern=KAGGLE)).slice_number) == list(range(1, 12))


def test_digest_depends_on_pixels_not_on_the_file(tiny_set: Path, tiny_data: DataParams) -> None:
    before = index_folder(tiny_data)
    path = path_of(tiny_set, SECOND, 3)
    pixels = cv2.imread(str(path))
    cv2.imwrite(str(path), pixels, [cv2.IMWRITE_TIFF_COMPRESSION, cv2.IMWRITE_TIFF_COMPRESSION_NONE])
    pd.testing.assert_frame_equal(index_folder(tiny_data), before)
    pixels[0, 0, 0] ^= 1
    cv2.imwrite(str(path), pixels)
    after = index_folder(tiny_data)
    changed = after[after.digest != before.digest]
    assert list(changed.image_path) == [f"{SECOND}/{SECOND}_3.tif"]
    image = np.ascontiguousarray(pixels[..., ::-1])
    mask = cv2.imread(str(path_of(tiny_set, SECOND, 3, "_mask")), cv2.IMREAD_GRAYSCALE)
    assert changed.digest.item() == hashlib.sha256(image.tobytes() + mask.tobytes()).hexdigest()[:32]


def test_digest_depends_on_the_mask(tiny_set: Path, tiny_data: DataParams) -> None:
    before = index_folder(tiny_data)
    path = path_of(tiny_set, FIRST, 1, "_mask")
    mask = np.zeros((32, 32), np.uint8)
    mask[5, 5] = 255
    cv2.imwrite(str(path), mask)
    after = index_folder(tiny_data)
    assert (after.digest != before.digest).sum() == 1
    assert after.tumour_pixels.iloc[0] == 1


def test_missing_sequence_equals_flair_in_all_slices(tiny_set: Path, tiny_data: DataParams) -> None:
    for number in range(1, 6):
        path = path_of(tiny_set, SECOND, number)
        image = read_image(path)
        image[..., 2] = image[..., 1]
        write_image(path, image)
        path = path_of(tiny_set, THIRD, number)
        image = read_image(path)
        if number != 4:  # one slice that differs shows that the sequence was acquired
            image[..., 0] = image[..., 1]
        write_image(path, image)
    table = index_folder(tiny_data).drop_duplicates("patient_id").set_index("patient_id")
    assert dict(table.missing_sequences) == {FIRST: "", SECOND: "post-contrast", THIRD: ""}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[True, True, True], [True, True, True]], "pre-contrast+post-contrast"),
        ([[True, True, False], [True, True, True]], "pre-contrast"),
        ([[True, True, False], [False, True, True]], ""),
    ],
)
def test_missing_sequences_are_joined_by_plus(rows: list[list[bool]], expected: str) -> None:
    assert missing_sequences(np.array(rows)) == expected


@pytest.mark.parametrize(
    ("template", "sites"), [(None, {"unknown"}), ("XX_{site}_*", {"unknown"}), ("TCGA_{site}_*", {"CS", "DU", "HT"})]
)
def test_site_is_read_from_the_patient_id(tiny_data: DataParams, template: str | None, sites: set[str]) -> None:
    data = DataParams(root=tiny_data.root, pattern=PatternParams(image=KAGGLE.image, mask=KAGGLE.mask, site=template))
    assert set(index_folder(data).site) == sites


def test_another_layout_is_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for patient_id, number in (("a_z1", 1), ("a_z1", 2), ("b", 1)):
        write_image(tmp_path / f"images/{patient_id}_z0{number}.png", rng.integers(0, 255, (8, 8, 3), dtype=np.uint8))
        write_mask(tmp_path / f"masks/{patient_id}_z{number}_seg.png", np.eye(8, dtype=np.bool_))
    pattern = PatternParams(image=FLAT, mask="masks/{patient_id}_z{slice_number}_seg.png", site=None)
    table = index_folder(DataParams(root=str(tmp_path), pattern=pattern))
    assert list(table.patient_id) == ["a_z1", "a_z1", "b"]
    assert list(table.mask_path) == ["masks/a_z1_z1_seg.png", "masks/a_z1_z2_seg.png", "masks/b_z1_seg.png"]


def test_other_and_hidden_files_are_skipped(tiny_set: Path, tiny_data: DataParams) -> None:
    before = index_folder(tiny_data)
    for name in (
        "README.md",
        "data.csv",
        ".DS_Store",
        f"{FIRST}/._{FIRST}_1.tif",
        f".git/{FIRST}_1.tif",
        "__MACOSX/a.tif",
    ):
        (tiny_set / name).parent.mkdir(exist_ok=True)
        (tiny_set / name).write_text("not an image")
    pd.testing.assert_frame_equal(index_folder(tiny_data), before)


def test_links_are_followed_except_loops(tmp_path: Path, tiny_set: Path, tiny_data: DataParams) -> None:
    before = index_folder(tiny_data)
    shutil.move(tiny_set / FIRST, tmp_path / "elsewhere")
    (tiny_set / FIRST).symlink_to(tmp_path / "elsewhere")
    (tiny_set / SECOND / "loop").symlink_to(tiny_set)
    pd.testing.assert_frame_equal(index_folder(tiny_data), before)


def test_progress_is_reported_after_each_slice(tiny_data: DataParams) -> None:
    calls: list[tuple[int, int]] = []
    index_folder(tiny_data, lambda done, total: calls.append((done, total)))
    assert calls == [(done, 15) for done in range(1, 16)]


@pytest.mark.skipif("LGG_ROOT" not in os.environ, reason="LGG_ROOT names no folder with the Kaggle set")
def test_real_set_is_as_its_readme_says() -> None:
    table = index_folder(DataParams(root=os.environ["LGG_ROOT"], pattern=KAGGLE))
    slices = table.groupby("patient_id").agg(number=("slice_number", "size"), tumour=("tumour_pixels", "max"))
    assert slices.number.between(20, 88).all()  # the data set's README
    assert (slices.tumour > 0).all()
    assert (table[["height", "width"]] == 256).all(axis=None)
    assert set(table.site) <= {"CS", "DU", "EZ", "FG", "HT"}
    if len(slices) == 70:
        assert len(table) == 2523
