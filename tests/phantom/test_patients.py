"""The synthetic patients: the Kaggle set's layout, the same bytes every time, and no easier than they should be."""

import os
import re
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import brainseg.phantom.patients
from brainseg.errors import UserError
from brainseg.imaging.volume import FLAIR, FloatArray, Volume
from brainseg.params import PhantomParams
from brainseg.phantom.patients import MISSING, SITES, make_patient, patient_id, write_phantoms

SMALL = PhantomParams(patients=2, size=64, seed=3)


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def default_patients() -> list[Volume]:
    """Those of presets/phantom.yaml."""
    return [make_patient(number, size=128, seed=7) for number in range(1, 25)]


def test_layout_is_that_of_the_kaggle_set(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "set", SMALL)
    folders = sorted(path for path in (tmp_path / "set").iterdir() if path.is_dir())
    assert [path.name for path in folders] == sorted(patient_id(number, seed=3) for number in (1, 2))
    for folder in folders:
        assert re.fullmatch(r"PHAN_[A-Z]{2}_\d{4}_\d{8}", folder.name)
        slices = len(list(folder.glob("*_mask.tif")))
        names = {f"{folder.name}_{n}{end}" for n in range(1, slices + 1) for end in (".tif", "_mask.tif")}
        assert {path.name for path in folder.iterdir()} == names
        assert 20 <= slices <= 28
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"], "nothing half-written stays"


def test_files_hold_the_volume_in_rgb_order(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "set", SMALL)
    volume = make_patient(2, size=64, seed=3)
    folder = tmp_path / "set" / volume.patient_id
    for number, image, mask_true in zip(volume.slice_numbers, volume.image, volume.mask_true, strict=True):
        stored = cv2.imread(str(folder / f"{volume.patient_id}_{number}.tif"), cv2.IMREAD_UNCHANGED)
        mask = cv2.imread(str(folder / f"{volume.patient_id}_{number}_mask.tif"), cv2.IMREAD_UNCHANGED)
        assert stored is not None
        assert stored.dtype == np.uint8
        np.testing.assert_array_equal(stored[..., ::-1], image)
        np.testing.assert_array_equal(mask, np.where(mask_true, 255, 0).astype(np.uint8))


def test_same_bytes_again_whatever_the_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_phantoms(tmp_path / "first", SMALL)
    threads = cv2.getNumThreads()
    monkeypatch.setattr(brainseg.phantom.patients, "WORKERS", 1)
    cv2.setNumThreads(1)
    try:
        write_phantoms(tmp_path / "second", SMALL)
    finally:
        cv2.setNumThreads(threads)
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_patients_stay_when_there_are_more_and_change_with_the_seed(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "two", SMALL)
    write_phantoms(tmp_path / "three", SMALL.model_copy(update={"patients": 3}))
    write_phantoms(tmp_path / "other", SMALL.model_copy(update={"seed": 4}))
    two, three, other = (contents(tmp_path / name) for name in ("two", "three", "other"))
    del two["data.csv"]
    assert two.items() <= three.items()
    assert not set(two.values()) & {content for name, content in other.items() if not name.endswith("_mask.tif")}


def test_neighbours_are_different_patients() -> None:
    first, second = make_patient(1, size=32, seed=3), make_patient(2, size=32, seed=3)
    assert not np.array_equal(first.image[:20], second.image[:20])


def test_earlier_phantoms_are_replaced_and_other_files_are_not(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "set", SMALL)
    one = SMALL.model_copy(update={"patients": 1})
    write_phantoms(tmp_path / "set", one)
    assert len(list((tmp_path / "set").iterdir())) == 2  # a patient and data.csv
    (tmp_path / "set" / "TCGA_CS_4941_19960909").mkdir()
    before = contents(tmp_path / "set")
    with pytest.raises(UserError, match="TCGA_CS_4941_19960909"):
        write_phantoms(tmp_path / "set", one)
    assert contents(tmp_path / "set") == before


def test_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_phantoms(tmp_path / "set", SMALL)
    before = contents(tmp_path)

    def full(path: Path, picture: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(brainseg.phantom.patients, "_write_tif", full)
    with pytest.raises(OSError, match="No space left"):
        write_phantoms(tmp_path / "set", SMALL)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("size", [32, 64])
def test_size_scales_the_patient(size: int) -> None:
    small, large = make_patient(5, size=size, seed=3), make_patient(5, size=128, seed=3)
    assert small.image.shape == (len(large.image), size, size, 3)
    assert small.mask_true.mean() == pytest.approx(large.mask_true.mean(), rel=0.15)
    step = 128 // size
    shrunk = large.image.reshape(-1, size, step, size, step, 3).mean(axis=(2, 4))
    correlation = np.corrcoef(shrunk.ravel(), small.image.ravel())[0, 1]
    assert correlation > 0.85


def test_tumour_is_where_and_as_often_as_in_patients(default_patients: list[Volume]) -> None:
    with_tumour = np.concatenate([volume.mask_true.any(axis=(1, 2)) for volume in default_patients])
    assert 0.28 < with_tumour.mean() < 0.42
    sizes = np.array([volume.mask_true.mean() for volume in default_patients])
    assert sizes.min() > 0
    assert sizes.max() / sizes.min() > 10
    for volume in default_patients:
        head = (volume.image > 0.1 * volume.image.max()).any(axis=-1)
        assert head[volume.mask_true].mean() > 0.95
        levels = np.flatnonzero(volume.mask_true.any(axis=(1, 2)))
        assert np.all(np.diff(levels) <= 2), "one lesion over neighbouring slices"


def test_smallest_patients_still_have_a_tumour() -> None:
    assert all(make_patient(number, size=32, seed=7).mask_true.any() for number in range(1, 25))


def test_tumour_is_bright_on_flair_and_dark_before_contrast(default_patients: list[Volume]) -> None:
    for number, volume in enumerate(default_patients):
        slices = volume.mask_true.any(axis=(1, 2))
        brain = (volume.image[..., FLAIR] > 0.2 * volume.image[..., FLAIR].max()) & ~volume.mask_true
        inside, outside = volume.image[volume.mask_true], volume.image[slices][brain[slices]]
        assert np.median(inside[:, FLAIR]) > np.median(outside[:, FLAIR]), volume.patient_id
        if MISSING.get(number) is None:
            assert np.median(inside[:, 0]) < np.median(outside[:, 0]), volume.patient_id


def test_head_fills_the_picture_and_the_background_is_dark(default_patients: list[Volume]) -> None:
    for volume in default_patients:
        head = (volume.image > 0.2 * volume.image.max()).any(axis=(0, 3))
        assert np.ptp(np.flatnonzero(head.any(axis=1))) > 0.8 * head.shape[0]
        assert np.ptp(np.flatnonzero(head.any(axis=0))) > 0.65 * head.shape[1]
        assert volume.image[:, :4, :4].mean() < 0.05 * 255


def test_missing_sequences_are_filled_with_flair(default_patients: list[Volume]) -> None:
    found = {}
    for number, volume in enumerate(default_patients):
        for sequence in (0, 2):
            if np.array_equal(volume.image[..., sequence], volume.image[..., FLAIR]):
                found[number] = sequence
    assert found == MISSING


def test_sites_are_uneven_and_one_is_rare() -> None:
    counts = Counter(patient_id(number, seed=7).split("_")[1] for number in range(1, 25))
    assert counts == Counter(SITES)
    assert min(counts.values()) == 1
    assert max(counts.values()) >= 8


def per_volume(image: FloatArray) -> FloatArray:
    """One sequence, mean 0 and deviation 1 over the pixels that are not background."""
    head = image[image > 0.1 * image.max()]
    normalised: FloatArray = (image - head.mean()) / head.std()
    return normalised


def test_no_threshold_on_flair_finds_the_tumours(default_patients: list[Volume]) -> None:
    flair = [per_volume(volume.image[..., FLAIR].astype(np.float32)) for volume in default_patients]
    best = 0.0
    for threshold in np.arange(-1, 5, 0.1):
        scores = []
        for volume, values in zip(default_patients, flair, strict=True):
            mask_pred = values >= threshold
            overlap = np.count_nonzero(mask_pred & volume.mask_true)
            scores.append(2 * overlap / (np.count_nonzero(mask_pred) + np.count_nonzero(volume.mask_true)))
        best = max(best, float(np.mean(scores)))
    assert 0.1 < best < 0.6


def test_clinical_table(tmp_path: Path) -> None:
    params = SMALL.model_copy(update={"patients": 12, "size": 32})
    write_phantoms(tmp_path / "set", params)
    table = pd.read_csv(tmp_path / "set" / "data.csv")
    folders = sorted(path.name for path in (tmp_path / "set").iterdir() if path.is_dir())
    assert sorted(table["Patient"]) == sorted(name.rpartition("_")[0] for name in folders)
    assert table.drop(columns="Patient").isna().any(axis=None)
    assert table["age_at_initial_pathologic"].dropna().between(20, 75).all()


@pytest.mark.skipif("LGG_ROOT" not in os.environ, reason="LGG_ROOT names no real set")
def test_clinical_table_has_the_columns_of_the_real_one(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "set", SMALL.model_copy(update={"patients": 1, "size": 32}))
    real = pd.read_csv(Path(os.environ["LGG_ROOT"]) / "data.csv", nrows=0)
    assert list(pd.read_csv(tmp_path / "set" / "data.csv", nrows=0)) == list(real)
