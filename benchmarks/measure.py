"""Speed and memory, measured in the same way by several benchmarks."""

import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

LOADER_SECONDS = 2.0
STATUS = Path("/proc/self/status")  # of Linux; its VmHWM starts with the program, ru_maxrss with the parent's

Batch = tuple[Any, Any]  # images and masks


def peak_memory_mb(usage: resource.struct_rusage | None = None) -> float:
    """Return the peak memory of a process, MB.

    Args:
        usage: what os.wait4 returned for a process that ended, at least the memory that its parent had when it started
            it; None: this process, so far, without its parent's where the system tells.
    """
    if usage is None and STATUS.exists():
        (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    peak = (usage or resource.getrusage(resource.RUSAGE_SELF)).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e6 / 1024)  # macOS counts bytes, Linux units of 1024


def pairs_per_second(draw: Callable[[], Iterable[Batch]]) -> float:
    """Measure how many pairs of image and mask a loader makes per second.

    Args:
        draw: makes some batches, none of which is kept; its first call is not timed.
    """
    for _ in draw():
        pass
    pairs, start = 0, time.monotonic()
    while (seconds := time.monotonic() - start) < LOADER_SECONDS:
        pairs += sum(len(images) for images, _ in draw())
    return pairs / seconds


def time_training(
    model: Any, open_data: Callable[[], Any], *, full_batches: int, kept: list[Batch], settings: dict[str, Any]
) -> dict[str, float]:
    """Time the training of a compiled Keras model.

    Args:
        model: a model that has taken its first step.
        open_data: returns what `fit` takes, a generator or a PyDataset. It is called before each `fit`, because the
            thread of the previous one may still draw from a generator.
        full_batches: number of full batches per epoch.
        kept: batches in memory.
        settings: warm_up, steps and epoch_steps from `benchmarks.training`.

    Returns:
        step: slices/s with batches in memory. epoch: slices/s of `fit`. waiting: the fraction of the time of `fit` that
        the same steps do not take with batches in memory; it includes the processor time that the loader takes from
        the network. weights: number of trainable weights.
    """
    seconds = []
    for step in range(settings["warm_up"] + settings["steps"]):
        start = time.monotonic()
        model.train_on_batch(*kept[step % len(kept)])
        seconds.append(time.monotonic() - start)
    step_seconds = float(np.median(seconds[settings["warm_up"] :]))
    model.fit(open_data(), steps_per_epoch=1, shuffle=False, verbose=0)  # traces again, for batches of any length
    steps = min(full_batches, settings["epoch_steps"])
    start = time.monotonic()
    model.fit(open_data(), steps_per_epoch=steps, shuffle=False, verbose=0)
    fit_seconds = time.monotonic() - start
    slices = len(kept[0][0])
    return {
        "step": slices / step_seconds,
        "epoch": steps * slices / fit_seconds,
        "waiting": max(0.0, 1 - steps * step_seconds / fit_seconds),
        "weights": sum(int(np.prod(weight.shape)) for weight in model.trainable_variables),
    }
