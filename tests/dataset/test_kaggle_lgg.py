"""Comparing data sets with the published one, for which small synthetic sets stand in."""

import hashlib
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg.dataset.index import index_folder
from brainseg.dataset.kaggle_lgg import (
    PATTERN,
    PublishedComparison,
    compare_with_published,
    patient_digest,
    read_published,
)
from brainseg.imaging.stack import read_volume
from brainseg.params import DataParams, load_params
from tests.kaggle_set import PATIENTS, declare_published, write_image, write_mask
from tests.project import ROOT


def compare(data: DataParams) -> PublishedComparison:
    return compare_with_published(index_folder(data), Path(data.root))


def test_digests_are_of_the_whole_set() -> None:
    table = read_published()
    assert table["patient_id"].is_unique
    assert table["sha256"].is_unique
    assert table["sha256"].str.fullmatch("[0-9a-f]{64}").all()
    assert (len(table), table["slices"].sum(), table["tumour_slices"].sum()) == (110, 3929, 1373)


def test_pattern_is_the_default() -> None:
    assert load_params(ROOT / "params.yaml").data.pattern == PATTERN


def test_digest_of_a_patient_is_of_image_and_mask_slice_by_slice(tiny_data: DataParams) -> None:
    table = index_folder(tiny_data)
    volume = read_volume(table[table["patient_id"] == PATIENTS[0]], Path(tiny_data.root))
    pixels = b"".join(
        image.tobytes() + (mask * np.uint8(255)).tobytes()
        for image, mask in zip(volume.image, volume.mask_true, strict=True)
    )
    assert patient_digest(zip(volume.image, volume.mask_true, strict=True)) == hashlib.sha256(pixels).hexdigest()


def test_whole_set_is_recognised(tiny_data: DataParams, monkeypatch: pytest.MonkeyPatch) -> None:
    declare_published(Path(tiny_data.root), monkeypatch)
    comparison = compare(tiny_data)
    assert comparison == PublishedComparison(equal=PATIENTS, altered={}, absent=(), foreign=())
    assert str(comparison) == "the published Kaggle set, all 3 patients"


def test_subset_is_recognised(tiny_data: DataParams, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(tiny_data.root)
    declare_published(root, monkeypatch)
    (root / PATIENTS[1]).rename(root.parent / "elsewhere")
    comparison = compare(tiny_data)
    assert (comparison.equal, comparison.absent) == ((PATIENTS[0], PATIENTS[2]), (PATIENTS[1],))
    assert str(comparison) == "a subset of the published Kaggle set, 2 of its 3 patients"


def test_another_file_format_is_the_same_set(tiny_data: DataParams, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(tiny_data.root)
    declare_published(root, monkeypatch)
    for path in root.glob("*/*.tif"):
        cv2.imwrite(str(path.with_suffix(".png")), cv2.imread(str(path), cv2.IMREAD_UNCHANGED))
        path.unlink()
    pattern = {name: getattr(PATTERN, name).replace(".tif", ".png") for name in ("image", "mask")}
    data = DataParams(root=str(root), pattern=PATTERN.model_copy(update=pattern))
    assert compare(data).equal == PATIENTS


def test_altered_patients_are_named(tiny_data: DataParams, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(tiny_data.root)
    declare_published(root, monkeypatch)
    image = root / PATIENTS[0] / f"{PATIENTS[0]}_4.tif"
    pixels = cv2.cvtColor(cv2.imread(str(image)), cv2.COLOR_BGR2RGB)
    pixels[0, 0, 0] ^= 1
    write_image(image, pixels)
    for path in (root / PATIENTS[1]).glob("*_5*.tif"):
        path.unlink()
    write_mask(root / PATIENTS[2] / f"{PATIENTS[2]}_2_mask.tif", np.zeros((32, 32), np.bool_))
    comparison = compare(tiny_data)
    assert comparison.altered == {
        PATIENTS[0]: "different pixels",
        PATIENTS[1]: "slices: 4 instead of 5",
        PATIENTS[2]: "slices with tumour: 1 instead of 2",
    }
    assert str(comparison) == (
        "an ALTERED copy of the published Kaggle set: 0 of its 3 patients are as published, 3 are not: "
        f"{PATIENTS[0]} (different pixels), {PATIENTS[1]} (slices: 4 instead of 5), "
        f"{PATIENTS[2]} (slices with tumour: 1 instead of 2)"
    )


def test_one_changed_pixel_of_a_mask_is_found(tiny_data: DataParams, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(tiny_data.root)
    declare_published(root, monkeypatch)
    path = root / PATIENTS[1] / f"{PATIENTS[1]}_3_mask.tif"
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 0
    mask[-1, -1] = True
    write_mask(path, mask)
    comparison = compare(tiny_data)
    assert comparison.altered == {PATIENTS[1]: "different pixels"}
    assert comparison.equal == (PATIENTS[0], PATIENTS[2])


def test_pixels_of_another_set_are_not_read(tiny_data: DataParams) -> None:
    table = index_folder(tiny_data)
    comparison = compare_with_published(table, Path("no/such/folder"))
    assert (comparison.equal, comparison.altered, comparison.foreign) == ((), {}, PATIENTS)
    assert str(comparison) == "not the published Kaggle set: no patient in common"


@pytest.mark.parametrize(
    ("equal", "altered", "absent", "text"),
    [
        (2, 0, 0, "the published Kaggle set, all 2 patients; and 1 other patients"),
        (2, 0, 3, "a subset of the published Kaggle set, 2 of its 5 patients; and 1 other patients"),
        (0, 12, 1, "0 of its 13 patients are as published, 12 are not: 0 (x), 1 (x), 2 (x), 3 (x), 4 (x)"),
        (0, 12, 1, "9 (x), and 2 more; and 1 other patients"),
    ],
)
def test_comparison_is_summarised(equal: int, altered: int, absent: int, text: str) -> None:
    comparison = PublishedComparison(
        equal=tuple("e" * equal),
        altered={str(number): "x" for number in range(altered)},
        absent=tuple("a" * absent),
        foreign=("f",),
    )
    assert text in str(comparison)


@pytest.mark.skipif("LGG_ROOT" not in os.environ, reason="LGG_ROOT is not set to a copy of the Kaggle set")
def test_real_patients_are_as_published() -> None:
    comparison = compare(DataParams(root=os.environ["LGG_ROOT"], pattern=PATTERN))
    assert comparison.equal
    assert not comparison.altered
    assert not comparison.foreign
