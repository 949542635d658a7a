"""Training with several processes: two JAX processes on one machine give the result of a single process.

Covers the parts of brainseg.model.backend and brainseg.training.batches that several processes use.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from brainseg.dataset.index import index_folder
from brainseg.files import write_table
from brainseg.imaging.volume import Volume
from brainseg.params import AugmentationParams, DataParams, load_params
from brainseg.training.batches import BatchShard, SliceBatches
from brainseg.training.slice_store import SliceStore
from tests.kaggle_set import KAGGLE, PATIENTS
from tests.project import ROOT, without

PARAMS = load_params(ROOT / "presets/phantom.yaml").train
TRAIN = {"backend": "jax", "input_size": 32, "filters": 2, "batch_size": 4, "epochs": 2, "threads": 1}
TRAIN |= {"block": "plain", "weight_decay": 1e-3, "context_slices": 1, "sampling": "balanced"}

# Sums over a batch are added in another order, so the last digits of float32 differ: by 4e-6 after two epochs. When the
# rows were assigned to processes in another order, so that dropout affected other rows, the difference was 2e-4.
TOLERANCE = 3e-5
COMPARED = ["epoch", "loss", "val_loss", "learning_rate"]

needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs the extra jax")

Start = Callable[..., subprocess.Popen[str]]


def free_port() -> int:
    """A port of this machine that is not in use."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@pytest.fixture
def project(tmp_path: Path, make_set: Callable[..., Path]) -> Path:
    """A folder with the inputs of the stage train: 8 training slices (two batches) and 4 validation slices (one)."""
    root = make_set(tmp_path / "tiny", slices=4)
    data = DataParams(root=str(root), pattern=KAGGLE)
    params = yaml.safe_load((ROOT / "presets/phantom.yaml").read_text())
    params["data"]["root"] = data.root
    params["train"] |= TRAIN
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    index = index_folder(data)
    subsets = index.patient_id.map({PATIENTS[0]: "train", PATIENTS[1]: "train", PATIENTS[2]: "validation"})
    split = index[["patient_id", "slice_number"]].assign(subset=subsets, fold=0)
    write_table(tmp_path / "data/index.csv", index)
    write_table(tmp_path / "data/split.csv", split)
    return tmp_path


@pytest.fixture
def start(project: Path) -> Start:
    """A function that starts the stage train in `project`, with additional environment variables."""
    path = f"{without('tensorflow', project)}{os.pathsep}{ROOT}"

    def start(**variables: str) -> subprocess.Popen[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("KERAS_", "JAX_", "XLA_"))}
        fast = {  # compilation takes most of the time, so later runs reuse what the first one has compiled
            "XLA_FLAGS": "--xla_backend_optimization_level=0",
            "JAX_COMPILATION_CACHE_DIR": str(project / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        return subprocess.Popen(
            [sys.executable, "-m", "stages.train"],
            cwd=project,
            env={**clean, **fast, "JAX_PLATFORMS": "cpu", "PYTHONPATH": path, **variables},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    return start


def wait(*processes: subprocess.Popen[str]) -> None:
    """Wait for processes that were started together; if one fails, kill the others, which would wait for it."""
    try:
        for process in processes:
            printed, _ = process.communicate(timeout=600)
            assert process.returncode == 0, printed
    finally:
        for process in processes:
            process.kill()


@needs_jax
def test_two_processes_give_the_result_of_one(project: Path, start: Start) -> None:
    wait(start())
    expected = pd.read_csv(project / "models/history.csv")
    shutil.rmtree(project / "models")

    address = f"127.0.0.1:{free_port()}"
    processes = [
        start(
            KERAS_DISTRIBUTION_JOB_ADDRESSES=address,
            KERAS_DISTRIBUTION_NUM_PROCESSES="2",
            KERAS_DISTRIBUTION_PROCESS_ID=str(number),
        )
        for number in range(2)
    ]
    wait(*processes)
    found = pd.read_csv(project / "models/history.csv")
    pd.testing.assert_frame_equal(found[COMPARED], expected[COMPARED], check_exact=False, rtol=0, atol=TOLERANCE)
    assert {path.name for path in (project / "models").iterdir()} == {
        "checkpoint",
        "history.csv",
        "summary.txt",
        "unet.keras",
    }


@pytest.mark.parametrize("augmentation", [None, PARAMS.augmentation])
def test_shards_of_a_batch_join_to_the_whole_batch(augmentation: AugmentationParams | None, tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (13, 16, 16, 3), dtype=np.uint8)
    volume = Volume(patient_id="P", image=image, mask_true=image[..., 0] > 200, slice_numbers=np.arange(13))
    store = SliceStore(tmp_path, context_slices=0, normalisation="brain_zscore")
    slices = store.add(volume, set(range(13)))
    make = partial(SliceBatches, store, slices, input_size=16, batch_size=6, seed=1, augmentation=augmentation)
    whole = make()
    shards = [make(shard=BatchShard(process=process, processes=3, devices=3)) for process in range(3)]
    assert [len(shard) for shard in shards] == [3, 3, 3]  # 6 + 6 + 3: 13 slices, rounded up to 15
    for batch in range(3):
        parts = [shard[batch] for shard in shards]
        assert len({len(images) for images, _ in parts}) == 1
        for joined, expected in zip(map(np.concatenate, zip(*parts, strict=True)), whole[batch], strict=True):
            np.testing.assert_array_equal(joined[: len(expected)], expected)
    first_images, _ = shards[0][0]
    _, refill, _ = (shard[2][0] for shard in shards)
    np.testing.assert_array_equal(refill, first_images[:1])  # the first slices of the epoch fill the last batch
