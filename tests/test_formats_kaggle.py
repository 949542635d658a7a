"""The folder of a data set: names, pairs, the check of the whole set, volumes."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import KAGGLE, PATIENTS, write_image, write_mask
from hypothesis import given
from hypothesis import strategies as st

from brainseg.errors import UserError
from brainseg.formats import pairing
from brainseg.formats.kaggle import index_folder, missing_sequences
from brainseg.formats.names import compile_template, list_pictures
from brainseg.formats.raster import read_image, read_mask
from brainseg.formats.stack import read_volume
from brainseg.params import DataParams, PatternParams
from brainseg.tables import INDEX_COLUMNS

FIRST, SECOND, THIRD = PATIENTS
FLAT = "images/{patient_id}_z{slice_number}.png"


def path_of(root: Path, patient_id: str, number: int, ending: str = "") -> Path:
    return root / patient_id / f"{patient_id}_{number}{ending}.tif"


def message_of(data: DataParams) -> str:
    with pytest.raises(UserError) as raised:
        index_folder(data)
    return str(raised.value)


# ---------------------------------------------------------------- the table


def test_table_has_a_row_per_slice(tiny_data: DataParams) -> None:
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


def test_digest_is_of_pixels_not_of_files(tiny_set: Path, tiny_data: DataParams) -> None:
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


def test_digest_sees_the_mask(tiny_set: Path, tiny_data: DataParams) -> None:
    before = index_folder(tiny_data)
    path = path_of(tiny_set, FIRST, 1, "_mask")
    mask = np.zeros((32, 32), np.uint8)
    mask[5, 5] = 1  # another value inside than the other masks have; both are tumour
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
        if number != 4:  # one slice that differs is enough: the sequence is there
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
def test_missing_sequences(rows: list[list[bool]], expected: str) -> None:
    assert missing_sequences(np.array(rows)) == expected


@pytest.mark.parametrize(
    ("template", "sites"), [(None, {"unknown"}), ("XX_{site}_*", {"unknown"}), ("TCGA_{site}_*", {"CS", "DU", "HT"})]
)
def test_site(tiny_data: DataParams, template: str | None, sites: set[str]) -> None:
    data = DataParams(root=tiny_data.root, pattern=PatternParams(image=KAGGLE.image, mask=KAGGLE.mask, site=template))
    assert set(index_folder(data).site) == sites


def test_another_layout(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for patient_id, number in (("a_z1", 1), ("a_z1", 2), ("b", 1)):
        write_image(tmp_path / f"images/{patient_id}_z0{number}.png", rng.integers(0, 255, (8, 8, 3), dtype=np.uint8))
        write_mask(tmp_path / f"masks/{patient_id}_z{number}_seg.png", np.eye(8, dtype=np.bool_))
    pattern = PatternParams(image=FLAT, mask="masks/{patient_id}_z{slice_number}_seg.png", site=None)
    table = index_folder(DataParams(root=str(tmp_path), pattern=pattern))
    assert list(table.patient_id) == ["a_z1", "a_z1", "b"]
    assert list(table.mask_path) == ["masks/a_z1_z1_seg.png", "masks/a_z1_z2_seg.png", "masks/b_z1_seg.png"]


def test_what_is_no_picture_is_left_out(tiny_set: Path, tiny_data: DataParams) -> None:
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
        (tiny_set / name).write_text("no picture")
    pd.testing.assert_frame_equal(index_folder(tiny_data), before)


def test_links_are_followed_but_not_in_a_circle(tmp_path: Path, tiny_set: Path, tiny_data: DataParams) -> None:
    before = index_folder(tiny_data)
    shutil.move(tiny_set / FIRST, tmp_path / "elsewhere")
    (tiny_set / FIRST).symlink_to(tmp_path / "elsewhere")
    (tiny_set / SECOND / "loop").symlink_to(tiny_set)
    pd.testing.assert_frame_equal(index_folder(tiny_data), before)


def test_progress_counts_slices(tiny_data: DataParams) -> None:
    calls: list[tuple[int, int]] = []
    index_folder(tiny_data, lambda done, total: calls.append((done, total)))
    assert calls == [(done, 15) for done in range(1, 16)]


# ---------------------------------------------------------------- faults, each alone


def faulty_name(root: Path) -> None:
    shutil.copy(path_of(root, FIRST, 1), root / FIRST / "overview.tif")


def two_patients_in_one_name(root: Path) -> None:
    path_of(root, FIRST, 5).rename(root / FIRST / f"{SECOND}_5.tif")


def folder_named_like_a_slice(root: Path) -> None:
    path_of(root, FIRST, 2).unlink()
    path_of(root, FIRST, 2).mkdir()


def shape_of_image(root: Path) -> None:
    write_image(path_of(root, FIRST, 2), np.random.default_rng(9).integers(0, 255, (32, 30, 3), dtype=np.uint8))


def shape_of_mask(root: Path) -> None:
    write_mask(path_of(root, FIRST, 2, "_mask"), np.eye(16, dtype=np.bool_))


def anti_aliased_mask(root: Path) -> None:
    path = path_of(root, FIRST, 2, "_mask")
    cv2.imwrite(str(path), cv2.blur(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), (3, 3)))


def gap(root: Path) -> None:
    for number in (1, 3, 4):
        path_of(root, FIRST, number).unlink()
        path_of(root, FIRST, number, "_mask").unlink()


def cut_file(root: Path) -> None:
    path = path_of(root, FIRST, 2)
    path.write_bytes(path.read_bytes()[:-100])


def leak(root: Path) -> None:
    shutil.copy(path_of(root, FIRST, 2), path_of(root, SECOND, 4))


def number_twice(root: Path) -> None:
    shutil.copy(path_of(root, FIRST, 2), root / FIRST / f"{FIRST}_02.tif")


def deep_images(root: Path) -> None:
    write_image(path_of(root, FIRST, 2), read_image(path_of(root, FIRST, 2)).astype(np.uint16))


FAULTS: dict[Callable[[Path], object], tuple[str, str]] = {
    faulty_name: ("name that does not parse (1)", f"{FIRST}/overview.tif: fits neither template"),
    two_patients_in_one_name: ("name that does not parse (1)", f"{FIRST}/{SECOND}_5.tif: fits neither template"),
    lambda root: path_of(root, FIRST, 2, "_mask").unlink(): (
        "image without mask (1)",
        f"{FIRST}/{FIRST}_2.tif: no {FIRST}/{FIRST}_2_mask.tif",
    ),
    lambda root: path_of(root, FIRST, 2).unlink(): (
        "mask without image (1)",
        f"{FIRST}/{FIRST}_2_mask.tif: no {FIRST}/{FIRST}_2.tif",
    ),
    cut_file: ("unreadable or truncated file (1)", f"{FIRST}/{FIRST}_2.tif: "),
    folder_named_like_a_slice: ("unreadable or truncated file (1)", f"{FIRST}/{FIRST}_2.tif: a folder"),
    deep_images: ("pixels of another kind (1)", f"{FIRST}/{FIRST}_2.tif: uint16 pixels where 8-bit are expected"),
    anti_aliased_mask: ("mask that is not two-valued (1)", f"{FIRST}/{FIRST}_2_mask.tif: "),
    shape_of_image: (
        "sizes that differ (2)",
        f"{FIRST}/{FIRST}_2.tif: 32 x 30 pixels, most images of the patient 32 x 32 pixels",
    ),
    shape_of_mask: ("sizes that differ (1)", f"{FIRST}/{FIRST}_2_mask.tif: 16 x 16 pixels, its image 32 x 32 pixels"),
    gap: ("gap in slice numbers (1)", f"{FIRST}: 2 slices up to 5, without 1, 3 to 4"),
    lambda root: (root / "TCGA_DU_9999/deep").mkdir(parents=True): (
        "folder with no slices (1)",
        "TCGA_DU_9999: no picture in it",
    ),
    leak: (
        "the same picture under two patients (1)",
        f"{SECOND}/{SECOND}_4.tif: the same pixels as {FIRST}/{FIRST}_2.tif",
    ),
    number_twice: (
        "slice number twice (1)",
        f"{FIRST}/{FIRST}_2.tif: image 2 of {FIRST} again, as {FIRST}/{FIRST}_02.tif",
    ),
}


@pytest.mark.parametrize("spoil", FAULTS, ids=lambda spoil: FAULTS[spoil][0])
def test_fault_is_reported(tiny_set: Path, tiny_data: DataParams, spoil: Callable[[Path], object]) -> None:
    spoil(tiny_set)
    title, line = FAULTS[spoil]
    message = message_of(tiny_data)
    assert message.startswith(f"{tiny_set}: ")
    block = message.split("\n\n")[1:]
    if spoil is not two_patients_in_one_name:  # there the mask has lost its image as well
        assert len(block) == 1
    assert block[0].startswith(f"{title}\n  expected: ")
    assert "\n  to mend: " in block[0]
    assert f"\n    {line}" in block[0]


def test_all_faults_are_in_one_message(tiny_set: Path, tiny_data: DataParams) -> None:
    faulty_name(tiny_set)
    anti_aliased_mask(tiny_set)
    leak(tiny_set)
    path_of(tiny_set, THIRD, 3).unlink()
    (tiny_set / "empty").mkdir()
    message = message_of(tiny_data)
    assert "5 fault(s)" in message
    for title in ("not parse", "mask without image", "not two-valued", "folder with no slices", "under two patients"):
        assert message.count(f"{title} (1)") == 1


def test_many_faults_of_a_kind_are_cut_to_ten(tmp_path: Path, make_set: Callable[..., Path]) -> None:
    root = make_set(tmp_path / "many", slices=40)
    for path in root.glob("*/*_mask.tif"):
        path.unlink()
    (root / "empty").mkdir()
    message = message_of(DataParams(root=str(root), pattern=KAGGLE))
    assert "121 fault(s)" in message
    assert "image without mask (120)" in message
    assert "    and 110 more" in message
    assert "folder with no slices (1)" in message
    assert message.count("\n") < 30


def test_patient_copied_under_another_name_is_a_leak(tiny_set: Path, tiny_data: DataParams) -> None:
    for number in range(1, 6):
        for ending in ("", "_mask"):
            shutil.copy(path_of(tiny_set, FIRST, number, ending), path_of(tiny_set, THIRD, number, ending))
    assert "the same picture under two patients (5)" in message_of(tiny_data)


def test_blank_picture_is_no_leak(tiny_set: Path, tiny_data: DataParams) -> None:
    for patient_id in PATIENTS:
        write_image(path_of(tiny_set, patient_id, 5), np.full((32, 32, 3), (0, 7, 0), np.uint8))
    assert len(index_folder(tiny_data)) == 15


def test_patients_may_differ_in_size_and_start_at_zero(tiny_set: Path, tiny_data: DataParams) -> None:
    shutil.rmtree(tiny_set / THIRD)
    write_image(path_of(tiny_set, THIRD, 0), np.random.default_rng(0).integers(0, 255, (16, 20, 3), dtype=np.uint8))
    write_mask(path_of(tiny_set, THIRD, 0, "_mask"), np.zeros((16, 20), np.bool_))
    row = index_folder(tiny_data).iloc[-1]
    assert (row.slice_number, row.height, row.width) == (0, 16, 20)


def test_name_that_fits_both_templates(tiny_data: DataParams) -> None:
    pattern = PatternParams(image=KAGGLE.image, mask="{patient_id}/{patient_id}_{slice_number}*.tif", site=None)
    message = message_of(DataParams(root=tiny_data.root, pattern=pattern))
    assert "name that is an image's and a mask's (15)" in message


@pytest.mark.parametrize("name", [b"\xff_1.tif", b"a\nb_1.tif"], ids=["not UTF-8", "line feed"])
def test_name_that_no_table_can_hold(tiny_set: Path, tiny_data: DataParams, name: bytes) -> None:
    shutil.copy(path_of(tiny_set, FIRST, 1), os.fsencode(tiny_set / FIRST) + b"/" + name)
    message = message_of(tiny_data)
    assert "name that does not parse (1)" in message
    assert "\\udcff_1.tif'" in message or "a\\nb_1.tif'" in message
    message.encode()


def test_folder_that_may_not_be_read(tiny_set: Path, tiny_data: DataParams, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == SECOND:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    message = message_of(tiny_data)
    assert "unreadable or truncated file (1)" in message
    assert f"    {SECOND}: permission denied" in message
    assert "folder with no slices" not in message


# ---------------------------------------------------------------- data.root


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        ("data/kaggle_3m", "https://www.kaggle.com/datasets/mateuszbuda/lgg-mri-segmentation and unpack it so that"),
        ("data/phantom/", "`dvc repro` makes it"),
        ("nowhere", "data.root in params.yaml names the folder"),
    ],
)
@pytest.mark.parametrize("empty", [False, True])
def test_root_missing_or_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str, expected: str, empty: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    if empty:
        Path(root).mkdir(parents=True)
    message = message_of(DataParams(root=root, pattern=KAGGLE))
    assert ("data.root holds no pictures" if empty else "data.root does not exist") in message
    assert expected in message


def test_root_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "data.root is a file" in message_of(DataParams(root=str(tmp_path / "file"), pattern=KAGGLE))


def test_root_one_level_too_high_names_the_right_one(tiny_set: Path) -> None:
    data = DataParams(root=str(tiny_set.parent), pattern=KAGGLE)
    message = message_of(data)
    assert message.endswith(f"Set data.root in params.yaml to\n  root: {tiny_set}    # 30 pictures")
    shutil.copytree(tiny_set, tiny_set.parent / "again/kaggle_3m")
    message = message_of(data)
    assert (
        f"to one of\n  root: {tiny_set.parent}/again/kaggle_3m    # 30 pictures\n  root: {tiny_set}    # 30" in message
    )


def test_no_name_fits_anywhere(tmp_path: Path) -> None:
    write_image(tmp_path / "brains/one.png", np.zeros((4, 4, 3), np.uint8))
    assert "name that does not parse (1)" in message_of(DataParams(root=str(tmp_path), pattern=KAGGLE))


# ---------------------------------------------------------------- templates

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="/"), min_size=1, max_size=12)


@pytest.mark.parametrize("template", [KAGGLE.image, KAGGLE.mask, FLAT, "*/{patient_id}/x{slice_number}.tif"])
@given(patient_id=TEXT, number=st.integers(0, 999_999_999))
def test_name_round_trip(template: str, patient_id: str, number: int) -> None:
    name = template.replace("{patient_id}", patient_id).replace("{slice_number}", str(number)).replace("*", "any")
    match = compile_template("image", template, ("patient_id", "slice_number")).fullmatch(name)
    assert match is not None
    assert match["slice_number"] == str(number)
    if "*" not in patient_id:
        assert match["patient_id"] == patient_id


@pytest.mark.parametrize(
    "name",
    [
        "a/b_1.tif",
        "a/a_1.tif/",
        "a/a_.tif",
        "a/a_1_mask.tif",
        "a/a_1xtif",
        "x/a/a_1.tif",
        "a/a_1234567890.tif",
        "a/a_١.tif",
    ],
)
def test_name_that_does_not_fit(name: str) -> None:
    assert compile_template("image", KAGGLE.image, ("patient_id", "slice_number")).fullmatch(name) is None


@pytest.mark.parametrize(
    "template", ["{patient_id}/{slice}.tif", "{patient_id}/{slice_number.tif", "{site}_{slice_number}"]
)
def test_template_with_an_unknown_word(template: str) -> None:
    with pytest.raises(UserError, match=r"data.pattern.image: .*Expected: \{patient_id\}, \{slice_number\}, \*"):
        compile_template("data.pattern.image", template, ("patient_id", "slice_number"))


def test_gap_of_millions_is_one_line() -> None:
    pairs = [pairing.Pair(patient_id="a", slice_number=n, image="i", mask="m") for n in (1, 2, 900_000_000)]
    (fault,) = pairing.find_gaps(pairs)
    assert fault.found == "3 slices up to 900000000, without 3 to 899999999"


def test_only_the_highest_empty_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "a/b/c").mkdir(parents=True)
    (tmp_path / "d/e").mkdir(parents=True)
    (tmp_path / "d/1.png").touch()
    assert list_pictures(tmp_path).empty == ("a", "d/e")


# ---------------------------------------------------------------- volumes


def test_volume_is_stacked_by_slice_number(tiny_set: Path, tiny_data: DataParams) -> None:
    table = index_folder(tiny_data)
    rows = table[(table.patient_id == SECOND) & (table.slice_number != 4)].sort_values("slice_number", ascending=False)
    volume = read_volume(rows, tiny_set)
    assert volume.patient_id == SECOND
    assert list(volume.slice_numbers) == [1, 2, 3, 5]
    np.testing.assert_array_equal(volume.image[3], read_image(path_of(tiny_set, SECOND, 5)))
    np.testing.assert_array_equal(volume.mask_true[2], read_mask(path_of(tiny_set, SECOND, 3, "_mask")))


def test_volume_of_changed_files(tiny_set: Path, tiny_data: DataParams) -> None:
    table = index_folder(tiny_data)
    shape_of_mask(tiny_set)
    with pytest.raises(UserError, match=r"mask \(16, 16\)\. Expected: \(32, 32\) as data/index\.csv has it"):
        read_volume(table[table.patient_id == FIRST], tiny_set)
    path_of(tiny_set, SECOND, 1).unlink()
    with pytest.raises(UserError, match="no such file"):
        read_volume(table[table.patient_id == SECOND], tiny_set)
    with pytest.raises(ValueError, match="found 3 patients"):
        read_volume(table, tiny_set)


# ---------------------------------------------------------------- the real set


@pytest.mark.skipif("LGG_ROOT" not in os.environ, reason="LGG_ROOT names no folder with the Kaggle set")
def test_real_set() -> None:
    table = index_folder(DataParams(root=os.environ["LGG_ROOT"], pattern=KAGGLE))
    slices = table.groupby("patient_id").agg(number=("slice_number", "size"), tumour=("tumour_pixels", "max"))
    assert slices.number.between(20, 88).all()  # the data set's README
    assert (slices.tumour > 0).all()
    assert (table[["height", "width"]] == 256).all(axis=None)
    assert set(table.site) <= {"CS", "DU", "EZ", "FG", "HT"}
    if len(slices) == 70:
        assert len(table) == 2523
