"""Fixtures for all tests: a small synthetic data set in the layout of the Kaggle set."""

import gc
import os
import signal
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from brainseg.environment import reset_environment
from brainseg.params import DataParams
from tests.kaggle_set import KAGGLE, PATIENTS, write_image, write_mask

reset_environment()  # before a test imports Keras: the user's settings must not change a test either
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before a test imports ONNX Runtime, which would report it to its makers
settings.register_profile("any_machine", deadline=None)  # on a busy one, every example may take long
settings.load_profile("any_machine")
# A shell starts a job in the background with SIGINT ignored, and its processes inherit that; some tests send SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Folders and files that take long, the longest first. Each of the others takes less than 20 s.
LONGEST = ("pipeline", "viewer", "test_presets.py", "training", "export")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while the tests are imported, nor ever among these 800,000 objects: it took 3 s of 12 s."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, so that no process works on one alone at the end."""
    items.sort(key=lambda item: next((at for at, name in enumerate(LONGEST) if name in item.path.parts), len(LONGEST)))


@pytest.fixture
def make_set() -> Callable[..., Path]:
    """A function that writes a data set in the layout of the Kaggle set and returns its root.

    Its arguments: root; patients, their patient_ids; slices, their number per patient, counted from 1; size, height and
    width in pixels. Every image is random noise; slices 2 and 3 of a patient have a brighter rectangle of tumour.
    """

    def make(root: Path, *, patients: tuple[str, ...] = PATIENTS, slices: int = 5, size: int = 32) -> Path:
        rng = np.random.default_rng(1)
        for patient_id in patients:
            for number in range(1, slices + 1):
                image = rng.integers(20, 120, (size, size, 3), dtype=np.uint8)
                mask = np.zeros((size, size), dtype=np.bool_)
                if number in (2, 3):
                    mask[size // 4 : size // 2, size // 4 : size * 3 // 4] = True
                    image[mask] += 100
                write_image(root / patient_id / f"{patient_id}_{number}.tif", image)
                write_mask(root / patient_id / f"{patient_id}_{number}_mask.tif", mask)
        return root

    return make


@pytest.fixture
def tiny_set(tmp_path: Path, make_set: Callable[..., Path]) -> Path:
    """Root of a data set without faults: 3 patients with 5 slices each, 32 x 32 pixels."""
    return make_set(tmp_path / "tiny")


@pytest.fixture
def tiny_data(tiny_set: Path) -> DataParams:
    """The section `data` of params.yaml for `tiny_set`."""
    return DataParams(root=str(tiny_set), pattern=KAGGLE)
