"""Writing synthetic patients: the layout of the Kaggle set, the same bytes every time, and nothing half-written."""

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
from brainseg.params import PhantomParams
from brainseg.phantom.patients import SITES, make_patient, patient_id, write_phantoms

SMALL = PhantomParams(patients=2, size=32, seed=3)


def contents(root: Path) -> dict[str, bytes]:
    """Read all files below a folder."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


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
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"], "no half-written folder is left"


def test_files_hold_the_volume_in_rgb_order(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "set", SMALL)
    volume = make_patient(2, size=SMALL.size, seed=SMALL.seed)
    folder = tmp_path / "set" / volume.patient_id
    for number, image, mask_true in zip(volume.slice_numbers, volume.image, volume.mask_true, strict=True):
        stored = cv2.imread(str(folder / f"{volume.patient_id}_{number}.tif"), cv2.IMREAD_UNCHANGED)
        mask = cv2.imread(str(folder / f"{volume.patient_id}_{number}_mask.tif"), cv2.IMREAD_UNCHANGED)
        assert stored is not None
        assert stored.dtype == np.uint8
        np.testing.assert_array_equal(stored[..., ::-1], image)
        np.testing.assert_array_equal(mask, np.where(mask_true, 255, 0).astype(np.uint8))


def test_bytes_do_not_depend_on_the_number_of_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_phantoms(tmp_path / "first", SMALL)
    threads = cv2.getNumThreads()
    monkeypatch.setattr(brainseg.phantom.patients, "WORKERS", 1)
    cv2.setNumThreads(1)
    try:
        write_phantoms(tmp_path / "second", SMALL)
    finally:
        cv2.setNumThreads(threads)
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_patients_depend_on_the_seed_and_not_on_how_many_there_are(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "two", SMALL)
    write_phantoms(tmp_path / "three", SMALL.model_copy(update={"patients": 3}))
    write_phantoms(tmp_path / "other", SMALL.model_copy(update={"seed": 4}))
    two, three, other = (contents(tmp_path / name) for name in ("two", "three", "other"))
    del two["data.csv"]
    assert two.items() <= three.items()
    assert not set(two.values()) & {content for name, content in other.items() if not name.endswith("_mask.tif")}


def test_consecutive_patients_differ() -> None:
    first, second = make_patient(1, size=32, seed=3), make_patient(2, size=32, seed=3)
    assert not np.array_equal(first.image[:20], second.image[:20])


def test_earlier_synthetic_patients_are_replaced_and_other_files_are_not(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "set", SMALL)
    one = SMALL.model_copy(update={"patients": 1})
    write_phantoms(tmp_path / "set", one)
    assert len(list((tmp_path / "set").iterdir())) == 2  # a patient and data.csv
    (tmp_path / "set" / "TCGA_CS_4941_19960909").mkdir()
    before = contents(tmp_path / "set")
    with pytest.raises(UserError, match="TCGA_CS_4941_19960909"):
        write_phantoms(tmp_path / "set", one)
    assert contents(tmp_path / "set") == before


def test_failure_leaves_the_earlier_patients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_phantoms(tmp_path / "set", SMALL)
    before = contents(tmp_path)

    def full(path: Path, pixels: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(brainseg.phantom.patients, "_write_tif", full)
    with pytest.raises(OSError, match="No space left"):
        write_phantoms(tmp_path / "set", SMALL)
    assert contents(tmp_path) == before


def test_sites_differ_in_size_and_one_has_a_single_patient() -> None:
    counts = Counter(patient_id(number, seed=7).split("_")[1] for number in range(1, 25))
    assert counts == Counter(SITES)
    assert min(counts.values()) == 1
    assert max(counts.values()) >= 8


def test_clinical_table_has_one_row_per_patient(tmp_path: Path) -> None:
    params = SMALL.model_copy(update={"patients": 12})
    write_phantoms(tmp_path / "set", params)
    table = pd.read_csv(tmp_path / "set" / "data.csv")
    folders = sorted(path.name for path in (tmp_path / "set").iterdir() if path.is_dir())
    assert sorted(table["Patient"]) == sorted(name.rpartition("_")[0] for name in folders)
    assert table.drop(columns="Patient").isna().any(axis=None)
    assert table["age_at_initial_pathologic"].dropna().between(20, 75).all()


@pytest.mark.skipif("LGG_ROOT" not in os.environ, reason="LGG_ROOT is not set to a copy of the Kaggle set")
def test_clinical_table_has_the_columns_of_the_real_one(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "set", SMALL.model_copy(update={"patients": 1}))
    real = pd.read_csv(Path(os.environ["LGG_ROOT"]) / "data.csv", nrows=0)
    assert list(pd.read_csv(tmp_path / "set" / "data.csv", nrows=0)) == list(real)
