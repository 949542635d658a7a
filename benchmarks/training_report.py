"""What `python -m benchmarks.training` prints: the conditions, the networks' sizes, and a table per quantity."""

import argparse
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from brainseg.errors import UserError
from brainseg.params import Params

Rounds = dict[str, list[dict[str, Any]]]  # contender -> what each round measured
QUANTITIES = (  # title, key of the measured value, format
    ("loader, augmented pairs/s", "loader", ".0f"),
    ("loader, train.threads, pairs/s", "loader_threads", ".0f"),
    ("step, slices/s", "step", ".2f"),
    ("epoch with the loader, slices/s", "epoch", ".2f"),
    ("waiting, fraction of the epoch", "waiting", ".1%"),
    ("start, s", "start", ".1f"),
    ("memory, MB", "memory", ".0f"),
)


def processor() -> str:
    """Return the name of the processor; Linux has it in a file, other systems in `platform`."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def print_conditions(arguments: argparse.Namespace, params: Params, slices: int) -> None:
    """Print the machine, the packages, the data and the network."""
    train = params.train
    packages = ["keras", "tensorflow", "numpy", "opencv-python-headless"] + ["jax"] * (train.backend == "jax")
    print(f"{processor()}, {os.cpu_count()} cores; {train.threads} threads")
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages))
    print(f"{slices} training slices of {'synthetic patients' if arguments.root is None else arguments.root}")
    print(
        f"network of {train.filters} filters at {train.input_size} x {train.input_size}; batches of "
        f"{train.batch_size}; {arguments.rounds} rounds of {arguments.steps} steps and an epoch of at most "
        f"{arguments.epoch_steps}"
    )


def check_weights(rounds: Rounds) -> None:
    """Print the number of trainable weights; PyTorch's network must have as many as ours.

    Raises:
        UserError: if it does not.
    """
    counts = {name: results[0]["weights"] for name, results in rounds.items()}
    for name in (name for name in counts if not name.endswith("bfloat16")):
        label = f"{name.split(', float')[0]} {rounds[name][0].get('version', '')}".rstrip()
        print(f"{counts[name]:>12,} trainable weights: {label}")
    if len({count for name, count in counts.items() if "notebook" not in name}) > 1:
        raise UserError("benchmarks/pytorch_unet.py: the network differs from brainseg.model.unet")


def print_tables(rounds: Rounds) -> None:
    """Print one table per quantity: median, minimum and maximum over rounds, and the ratio to the first line."""
    for title, key, form in QUANTITIES:
        print(f"\n{title:<36}{'median':>10}{'minimum':>10}{'maximum':>10}{'ratio':>8}")
        first = None
        for name, results in rounds.items():
            values = [result[key] for result in results if key in result]
            if values:
                median = float(np.median(values))
                first = first or median
                cells = "".join(f"{value:>10{form}}" for value in (median, min(values), max(values)))
                ratio = f"{median / first:>8.2f}" if first and key != "waiting" else ""
                print(f"  {name:<34}{cells}{ratio}")
