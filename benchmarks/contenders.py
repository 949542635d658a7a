"""One contender of `python -m benchmarks.training`, measured in a process of its own.

Backend, threads and peak memory belong to a process, so every contender has one. `benchmarks.training` starts it and
reads the JSON in the last line of its output.
"""

import itertools
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.measure import Batch, pairs_per_second, peak_memory_mb, time_training
from brainseg.dataset.index import index_folder
from brainseg.dataset.splitting import split_slices
from brainseg.errors import UserError
from brainseg.files import INDEX_COLUMNS, SPLIT_COLUMNS, read_table, select_subset, write_table
from brainseg.model.backend import configure
from brainseg.params import Params
from brainseg.phantom.patients import write_phantoms

BATCHES_KEPT = 2  # in memory, for steps that do not wait for input
ROUNDS = 4  # passes over an epoch, so that all threads have about equally much to do


def prepare_data(settings: dict[str, Any]) -> dict[str, Any]:
    """Generate patients if none are given, index and split them, and store some batches for all contenders."""
    params = Params.model_validate_json(settings["params"])
    folder = Path(settings["folder"])
    if settings["phantoms"]:
        write_phantoms(Path(params.data.root), params.phantom)
    index = index_folder(params.data)
    write_table(folder / "index.csv", index)
    write_table(folder / "split.csv", split_slices(index, params.split))
    data, _ = project_parts(params, settings)
    from brainseg.model.unet import DROPOUT_FROM_LEVEL

    kept = [data[i] for i in range(min(BATCHES_KEPT, len(data.slices) // params.train.batch_size))]
    np.savez(settings["batches"], images=[images for images, _ in kept], masks=[masks for _, masks in kept])
    return {"slices": len(data.slices), "dropout_from_level": DROPOUT_FROM_LEVEL}


def measure_notebook(settings: dict[str, Any]) -> dict[str, float]:
    """Measure the notebook's generators and network in float32."""
    from benchmarks import notebook_method  # imports TensorFlow, which the project's own process may not need

    params = Params.model_validate_json(settings["params"])
    train = params.train
    notebook_method.configure_tensorflow(train.threads)
    index, split = read_tables(settings)
    rows = select_subset(index, split, "train")

    def draw() -> Iterator[Batch]:
        """Yield full batches without end; the short one at the end of an epoch would make slices hard to count."""
        batches = notebook_method.pairs(
            rows, Path(params.data.root), size=train.input_size, batch_size=train.batch_size, augment=True
        )
        yield from (batch for batch in batches if len(batch[0]) == train.batch_size)

    drawn = draw()
    model = notebook_method.build_network(
        size=train.input_size, filters=train.filters, stack_convolutions=settings["stack_convolutions"]
    )
    model.train_on_batch(*next(drawn))
    start = time.monotonic() - settings["began"]
    loader = pairs_per_second(lambda: [next(drawn)])
    full_batches = len(rows) // train.batch_size
    measured = time_training(model, draw, full_batches=full_batches, kept=read_kept(settings), settings=settings)
    return measured | {"start": start, "loader": loader}


def measure_project(settings: dict[str, Any]) -> dict[str, float]:
    """Measure the batches, network and training step of the stage train."""
    params = Params.model_validate_json(settings["params"])
    data, model = project_parts(params, settings)
    model.train_on_batch(*data[0])
    start = time.monotonic() - settings["began"]

    full_batches = max(1, len(data.slices) // params.train.batch_size)
    batch_numbers = itertools.cycle(range(full_batches))
    loader = pairs_per_second(lambda: [data[next(batch_numbers)]])
    with ThreadPoolExecutor(params.train.threads) as pool:
        threaded = pairs_per_second(lambda: pool.map(data.__getitem__, [*range(full_batches)] * ROUNDS))
    measured = time_training(
        model, lambda: data, full_batches=full_batches, kept=read_kept(settings), settings=settings
    )
    return measured | {"start": start, "loader": loader, "loader_threads": threaded}


def project_parts(params: Params, settings: dict[str, Any]) -> tuple[Any, Any]:
    """Make the training batches and the model, compiled as `brainseg.training.fit` compiles it."""
    train = params.train
    runtime = configure(train)
    from brainseg.model.unet import unet_from_params
    from brainseg.training.data import read_slices, training_batches
    from brainseg.training.fit import compile_model
    from brainseg.training.training_copy import training_copy

    slices = read_slices(*read_tables(settings), Path(params.data.root), train, Path(settings["folder"]))
    batches = training_batches(slices, train)
    model = training_copy(unet_from_params(train), train, runtime)
    compile_model(model, train, runtime, steps=len(batches))
    return batches, model


def read_tables(settings: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the index and the split that `prepare_data` wrote."""
    folder = Path(settings["folder"])
    return read_table(folder / "index.csv", INDEX_COLUMNS), read_table(folder / "split.csv", SPLIT_COLUMNS)


def read_kept(settings: dict[str, Any]) -> list[Batch]:
    """Read the batches that `prepare_data` stored, the same for all contenders."""
    with np.load(settings["batches"]) as arrays:
        return list(zip(arrays["images"], arrays["masks"], strict=True))


COMMANDS = {"data": prepare_data, "notebook": measure_notebook, "project": measure_project}


if __name__ == "__main__":
    try:
        print(json.dumps(COMMANDS[sys.argv[1]](json.loads(sys.argv[2])) | {"memory": peak_memory_mb()}))
    except UserError as error:
        sys.exit(str(error))
