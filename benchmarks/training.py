"""How fast training is beside the notebook's method and beside plain PyTorch, on this machine.

    python -m benchmarks.training
    python -m benchmarks.training --torch-python ../other/bin/python
    python -m benchmarks.training --root data/kaggle_3m --backend jax

Each contender runs in a process of its own; rounds alternate between them, so that a busy minute hits all. Shown are
medians over rounds, the least and the most, and how many times the first line. Warm-up steps are not timed. Threads and
augmentation are those of params.yaml; all contenders train on the same slices, three channels.

The notebook's network has one live convolution where ours has two, so its step is the lighter one. The first line,
which ratios are of, is our network trained the notebook's way.

loader: makes augmented batches and trains on none. step: trains on batches in memory: the same ones for all, and with
the same loss for ours and PyTorch. epoch: `fit` with the loader. waiting: the share of the epoch's time above that of
the steps alone; where loader and network share the cores it holds both. start: seconds from the process's start to the
end of the first step; ours decodes all slices in that time, the notebook decodes them again each epoch, and PyTorch
reads ready batches. memory: the most the process held.
"""

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from brainseg.errors import UserError
from brainseg.params import Params, load_params

ROOT = Path(__file__).parents[1]
WARM_UP = 2  # steps
ROWS = (  # title, what the processes measured, how it is written
    ("loader, augmented pairs/s", "loader", ".0f"),
    ("loader, train.threads, pairs/s", "loader_threads", ".0f"),
    ("step, slices/s", "step", ".2f"),
    ("epoch with the loader, slices/s", "epoch", ".2f"),
    ("waiting, share of the epoch", "waiting", ".1%"),
    ("start, s", "start", ".1f"),
    ("memory, MB", "memory", ".0f"),
)


def parameters(arguments: argparse.Namespace, root: Path) -> Params:
    """params.yaml with what a comparison needs: the same network, loss and optimizer for all.

    Raises:
        UserError: if a value is out of range.
    """
    params = load_params().model_dump()
    train = {
        "size": arguments.size,
        "filters": arguments.filters,
        "batch_size": arguments.batch_size,
        "backend": arguments.backend,
        "precision": "float32",
        "context_slices": 0,
        "contralateral_flair": False,
        "ensemble": 1,
        "block": "plain",
        "loss": "bce_dice",
        "deep_supervision": False,
        "schedule": "plateau",
        "weight_decay": 0.0,
    }
    params["train"] |= train
    params["phantom"] |= {"patients": arguments.patients, "size": arguments.size}
    params["split"] |= {"strategy": "patient", "validation": "own", "test_patients": None}
    params["data"]["root"] = str(root)
    try:
        return Params.model_validate(params)
    except ValidationError as error:
        faults = (
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}, found {fault['input']!r}" for fault in error.errors()
        )
        raise UserError("; ".join(faults)) from None


def measure(command: list[str], settings: dict[str, Any]) -> dict[str, Any]:
    """Run one process and read what it measured.

    Raises:
        UserError: if it fails, with what it wrote.
    """
    # The backend of the project's own contenders is set by brainseg.model.backend whatever stands here.
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    settings = settings | {"began": time.monotonic()}  # of the system, so another process can subtract it
    done = subprocess.run(
        [*command, json.dumps(settings)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def contenders(params: Params, settings: dict[str, Any], torch: str | None) -> dict[str, Callable[[], dict[str, Any]]]:
    """Name -> a function that runs it once."""
    train = params.train
    module = [sys.executable, "-m", "benchmarks.contenders"]
    found = {
        "same network as the notebook trains": lambda: measure([*module, "notebook"], settings | {"alive": True}),
        "notebook, float32": lambda: measure([*module, "notebook"], settings | {"alive": False}),
    }

    def add(precision: str) -> None:
        own = params.model_copy(update={"train": train.model_copy(update={"precision": precision})})
        given = settings | {"params": own.model_dump_json()}
        found[f"brainseg on {train.backend}, {precision}"] = lambda: measure([*module, "ours"], given)

    def add_torch(precision: str) -> None:
        given = settings | {"precision": precision, "params": ""}
        given |= {name: getattr(train, name) for name in ("seed", "threads", "filters", "dropout")}
        command = [str(torch), str(ROOT / "benchmarks/pytorch_unet.py")]
        found[f"PyTorch, {precision}"] = lambda: measure(command, given)

    for precision in ("float32", "bfloat16"):
        add(precision)
    for precision in ("float32", "bfloat16") if torch else ():
        add_torch(precision)
    return found


def check_weights(rounds: dict[str, list[dict[str, Any]]]) -> None:
    """Tell the number of trainable weights; PyTorch's network must have as many as ours.

    Raises:
        UserError: if it is not.
    """
    counts = {name: results[0]["weights"] for name, results in rounds.items()}
    for name in (name for name in counts if name.endswith("float32")):
        print(
            f"{counts[name]:>12,} trainable weights: {name.split(',')[0]} {rounds[name][0].get('version', '')}".rstrip()
        )
    same = {count for name, count in counts.items() if "notebook" not in name}
    if len(same) > 1:
        raise UserError("PyTorch's network is not the same as brainseg.model.unet's: benchmarks/pytorch_unet.py")


def report(rounds: dict[str, list[dict[str, Any]]]) -> None:
    """Print a table a quantity: median over rounds, least, most, and the ratio to the first line."""
    for title, key, form in ROWS:
        print(f"\n{title:<36}{'median':>10}{'least':>10}{'most':>10}{'ratio':>8}")
        first = None
        for name, results in rounds.items():
            values = [result[key] for result in results if key in result]
            if values:
                middle = float(np.median(values))
                first = first or middle
                cells = "".join(f"{value:>10{form}}" for value in (middle, min(values), max(values)))
                ratio = f"{middle / first:>8.2f}" if first and key != "waiting" else ""
                print(f"  {name:<34}{cells}{ratio}")


def processor() -> str:
    """The processor's name; Linux tells it in a file, others through platform."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def show_setting(arguments: argparse.Namespace, params: Params, slices: int) -> None:
    """Print what the numbers are of."""
    train = params.train
    packages = ["keras", "tensorflow", "numpy", "opencv-python-headless"] + ["jax"] * (train.backend == "jax")
    print(f"{processor()}, {os.cpu_count()} cores; {train.threads} threads")
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages))
    print(
        f"{slices} training slices of {'synthetic patients' if arguments.root is None else arguments.root}; network of "
        f"{train.filters} filters at {train.input_size} x {train.input_size}; batches of {train.batch_size}; {arguments.rounds} "
        f"rounds of {arguments.steps} steps and an epoch of at most {arguments.epoch_steps}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="patients in the Kaggle layout (default: synthetic ones are made)")
    parser.add_argument("--patients", type=int, default=8, help="synthetic ones (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=3, help="timed, a round (default: %(default)s)")
    parser.add_argument("--epoch-steps", type=int, default=6, help="at most, of an epoch (default: %(default)s)")
    parser.add_argument("--size", type=int, default=256, help="pixels, height and width (default: %(default)s)")
    parser.add_argument("--filters", type=int, default=16, help="of the first level (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=16, help="slices (default: %(default)s)")
    parser.add_argument("--backend", choices=("tensorflow", "jax"), default="tensorflow", help="of ours")
    parser.add_argument("--torch-python", metavar="PATH", help="a Python that has NumPy and PyTorch (default: this)")
    arguments = parser.parse_args()
    torch = arguments.torch_python or (sys.executable if importlib.util.find_spec("torch") else None)

    with tempfile.TemporaryDirectory() as folder:
        root = arguments.root.resolve() if arguments.root else Path(folder) / "patients"
        params = parameters(arguments, root)
        settings = {
            "folder": folder,
            "batches": str(Path(folder) / "batches.npz"),
            "params": params.model_dump_json(),
            "phantoms": arguments.root is None,
            "warm_up": WARM_UP,
            "steps": arguments.steps,
            "epoch_steps": arguments.epoch_steps,
        }
        data = measure([sys.executable, "-m", "benchmarks.contenders", "data"], settings)
        show_setting(arguments, params, data["slices"])
        if not torch:
            print("PyTorch is left out: it is not installed here; --torch-python names a Python that has it")
        runs = contenders(params, settings | data, torch)
        rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in runs}
        for number in range(arguments.rounds):
            for name, run in runs.items():
                rounds[name].append(run())
                print(f"round {number + 1}: {name}", file=sys.stderr)
    check_weights(rounds)
    report(rounds)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
