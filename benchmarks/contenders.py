"""What one process measures for `python -m benchmarks.training`, which starts it and reads the JSON it prints last.

Each contender has a process of its own, because backends, threads and peak memory are of a process.
"""

import itertools
import json
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from brainseg.dataset.index import index_folder
from brainseg.dataset.splitting import split_slices
from brainseg.errors import UserError
from brainseg.evaluation.cases import subset_rows
from brainseg.files import INDEX_COLUMNS, SPLIT_COLUMNS, read_table, write_table
from brainseg.model.backend import configure
from brainseg.params import Params
from brainseg.phantom.patients import write_phantoms

BATCHES_KEPT = 2  # in memory, for the steps that wait for no input
LOADER_SECONDS = 2.0
ROUNDS = 4  # through an epoch, so that threads have about equal shares

Batch = tuple[Any, Any]


def peak_mb() -> float:
    """Most memory the process held so far; macOS counts bytes, Linux kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def pairs_per_second(draw: Callable[[], Iterable[Batch]]) -> float:
    """Pairs a second of a function that makes some batches, none of which is kept; its first call is not timed."""
    for _ in draw():
        pass
    pairs, began = 0, time.monotonic()
    while (seconds := time.monotonic() - began) < LOADER_SECONDS:
        pairs += sum(len(images) for images, _ in draw())
    return pairs / seconds


def time_training(
    model: Any, open_data: Callable[[], Any], *, full_batches: int, kept: list[Batch], settings: dict[str, Any]
) -> dict:
    """Time the training of a compiled Keras model.

    Args:
        model: has taken its first step.
        open_data: gives what `fit` takes, a generator or a PyDataset. A generator is given anew for each `fit`, because
            the thread of the one before may still draw from it.
        full_batches: of an epoch.
        kept: batches in memory.
        settings: from `benchmarks.training`.

    Returns:
        step: slices/s with batches in memory; epoch: slices/s of `fit`; waiting: the share of `fit`'s time that the
        batches in memory did not need, which holds what the loader takes from the cores as well.
    """
    seconds = []
    for step in range(settings["warm_up"] + settings["steps"]):
        began = time.monotonic()
        model.train_on_batch(*kept[step % len(kept)])
        seconds.append(time.monotonic() - began)
    step_seconds = float(np.median(seconds[settings["warm_up"] :]))
    model.fit(open_data(), steps_per_epoch=1, shuffle=False, verbose=0)  # traces once more, for batches of any length
    steps = min(full_batches, settings["epoch_steps"])
    began = time.monotonic()
    model.fit(open_data(), steps_per_epoch=steps, shuffle=False, verbose=0)
    fit_seconds = time.monotonic() - began
    slices = len(kept[0][0])
    return {
        "step": slices / step_seconds,
        "epoch": steps * slices / fit_seconds,
        "waiting": max(0.0, 1 - steps * step_seconds / fit_seconds),
        "weights": sum(int(np.prod(weight.shape)) for weight in model.trainable_variables),
    }


def read_tables(settings: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The index and the split that `make_data` wrote."""
    folder = Path(settings["folder"])
    return read_table(folder / "index.csv", INDEX_COLUMNS), read_table(folder / "split.csv", SPLIT_COLUMNS)


def read_kept(settings: dict[str, Any]) -> list[Batch]:
    """The batches that `make_data` kept, the same for all contenders."""
    with np.load(settings["batches"]) as arrays:
        return list(zip(arrays["images"], arrays["masks"], strict=True))


def notebook(settings: dict[str, Any]) -> dict:
    """The notebook's generators and network; float32, which is all it knows."""
    from benchmarks import notebook as method  # it imports TensorFlow, which the project's own process may do without

    params = Params.model_validate_json(settings["params"])
    train = params.train
    method.start(train.threads)
    index, split = read_tables(settings)
    rows = subset_rows(index, split, "train")

    def draw() -> Iterator[Batch]:
        """Full batches without end: the short one that ends an epoch would make slices hard to count."""
        batches = method.pairs(
            rows, Path(params.data.root), size=train.input_size, batch_size=train.batch_size, augment=True
        )
        yield from (batch for batch in batches if len(batch[0]) == train.batch_size)

    drawn = draw()
    model = method.build_network(size=train.input_size, filters=train.filters, alive=settings["alive"])
    model.train_on_batch(*next(drawn))
    start = time.monotonic() - settings["began"]
    loader = pairs_per_second(lambda: [next(drawn)])
    full_batches = len(rows) // train.batch_size
    measured = time_training(model, draw, full_batches=full_batches, kept=read_kept(settings), settings=settings)
    return measured | {"start": start, "loader": loader}


def ours(settings: dict[str, Any]) -> dict:
    """The project's batches, network and step, as the stage train has them."""
    params = Params.model_validate_json(settings["params"])
    data, model = project_parts(params, settings)
    model.train_on_batch(*data[0])
    start = time.monotonic() - settings["began"]

    full_batches = max(1, len(data.slices) // params.train.batch_size)
    places = itertools.cycle(range(full_batches))
    loader = pairs_per_second(lambda: [data[next(places)]])
    with ThreadPoolExecutor(params.train.threads) as pool:
        threaded = pairs_per_second(lambda: pool.map(data.__getitem__, [*range(full_batches)] * ROUNDS))
    measured = time_training(
        model, lambda: data, full_batches=full_batches, kept=read_kept(settings), settings=settings
    )
    return measured | {"start": start, "loader": loader, "loader_threads": threaded}


def project_parts(params: Params, settings: dict[str, Any]) -> tuple[Any, Any]:
    """The project's training batches, and its model compiled as `training.fit` compiles it."""
    train = params.train
    runtime = configure(train)
    from brainseg.model import unet as network
    from brainseg.training import data as training_data
    from brainseg.training import deep_supervision as trainee
    from brainseg.training import fit as training

    slices = training_data.read_slices(*read_tables(settings), Path(params.data.root), train, Path(settings["folder"]))
    batches = training_data.training_batches(slices, train)
    model = trainee.training_copy(network.unet_from_params(train), train, runtime)
    training.compile_model(model, train, runtime, steps=len(batches))
    return batches, model


def make_data(settings: dict[str, Any]) -> dict:
    """Make patients where none are given, list and split them, and keep some batches for all contenders."""
    params = Params.model_validate_json(settings["params"])
    folder = Path(settings["folder"])
    if settings["phantoms"]:
        write_phantoms(Path(params.data.root), params.phantom)
    index = index_folder(params.data)
    write_table(folder / "index.csv", index)
    write_table(folder / "split.csv", split_slices(index, params.split))
    data, _ = project_parts(params, settings)
    from brainseg.model.unet import DROPOUT_FROM_LEVEL

    kept = [data[place] for place in range(min(BATCHES_KEPT, len(data.slices) // params.train.batch_size))]
    np.savez(settings["batches"], images=[images for images, _ in kept], masks=[masks for _, masks in kept])
    return {"slices": len(data.slices), "dropout_from_level": DROPOUT_FROM_LEVEL}


CONTENDERS = {"data": make_data, "notebook": notebook, "ours": ours}


if __name__ == "__main__":
    try:
        print(json.dumps(CONTENDERS[sys.argv[1]](json.loads(sys.argv[2])) | {"memory": peak_mb()}))
    except UserError as error:
        sys.exit(str(error))
