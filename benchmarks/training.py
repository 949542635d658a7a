"""Compare the speed of training with the notebook's method and with plain PyTorch, on this machine.

    python -m benchmarks.training
    python -m benchmarks.training --torch-python ../other/bin/python
    python -m benchmarks.training --root data/kaggle_3m --backend jax

Each contender runs in a process of its own. Rounds alternate between the contenders, so that other work on the machine
affects all of them. The tables show median, minimum and maximum over the rounds, and the ratio of the median to the
first line. Warm-up steps are not timed. Threads and augmentation are those of params.yaml. All contenders train on the
same slices with three channels.

Of the two convolutions per block in the notebook's network, only one has an effect, so its step is faster than that of
our network. The first line is therefore our network, trained with the notebook's method.

loader: makes augmented batches without training. step: trains on batches in memory, the same ones for all contenders;
ours and PyTorch also have the same loss. epoch: `fit` with the loader. waiting: the fraction of the epoch's time that
the steps alone do not take; where loader and network share the cores, it includes both. start: seconds from the start
of the process to the end of the first step; ours decodes all slices in that time, the notebook decodes them in every
epoch, and PyTorch reads prepared batches. memory: peak of the process.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchmarks.training_report import check_weights, print_conditions, print_tables
from brainseg.errors import UserError
from brainseg.params import Params, load_params

ROOT = Path(__file__).parents[1]
WARM_UP = 2  # steps


def benchmark_params(arguments: argparse.Namespace, root: Path) -> Params:
    """Change params.yaml as the comparison needs it: the same network, loss and optimizer for all contenders.

    Raises:
        UserError: if a value is out of range.
    """
    params = load_params().model_dump()
    params["train"] |= {
        "input_size": arguments.size,
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
        UserError: if the process fails; the message holds its standard error.
    """
    # For the notebook; brainseg.model.backend sets the backend of the project's own contenders.
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    settings = settings | {"began": time.monotonic()}  # the same clock in all processes
    done = subprocess.run(
        [*command, json.dumps(settings)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def contenders(params: Params, settings: dict[str, Any], torch: str | None) -> dict[str, Callable[[], dict[str, Any]]]:
    """List the contenders: name -> a function that measures it once."""
    train = params.train
    module = [sys.executable, "-m", "benchmarks.contenders"]

    def notebook(*, stack_convolutions: bool) -> Callable[[], dict[str, Any]]:
        return lambda: measure([*module, "notebook"], settings | {"stack_convolutions": stack_convolutions})

    def project(precision: str) -> Callable[[], dict[str, Any]]:
        own = params.model_copy(update={"train": train.model_copy(update={"precision": precision})})
        return lambda: measure([*module, "project"], settings | {"params": own.model_dump_json()})

    def pytorch(precision: str) -> Callable[[], dict[str, Any]]:
        own = {name: getattr(train, name) for name in ("seed", "threads", "filters", "dropout")}
        command = [str(torch), str(ROOT / "benchmarks/pytorch_unet.py")]
        return lambda: measure(command, settings | own | {"precision": precision, "params": ""})

    found = {
        "our network, notebook's method": notebook(stack_convolutions=True),
        "notebook, float32": notebook(stack_convolutions=False),
    }
    for precision in ("float32", "bfloat16"):
        found[f"brainseg on {train.backend}, {precision}"] = project(precision)
    for precision in ("float32", "bfloat16") if torch else ():
        found[f"PyTorch, {precision}"] = pytorch(precision)
    return found


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="patients in the Kaggle layout (default: synthetic ones are made)")
    parser.add_argument("--patients", type=int, default=8, help="synthetic ones (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=3, help="timed steps per round (default: %(default)s)")
    parser.add_argument("--epoch-steps", type=int, default=6, help="at most, per epoch (default: %(default)s)")
    parser.add_argument("--size", type=int, default=256, help="pixels, height and width (default: %(default)s)")
    parser.add_argument("--filters", type=int, default=16, help="of the first level (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=16, help="slices (default: %(default)s)")
    parser.add_argument("--backend", choices=("tensorflow", "jax"), default="tensorflow", help="of brainseg")
    parser.add_argument("--torch-python", metavar="PATH", help="a Python with NumPy and PyTorch (default: this one)")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    torch = arguments.torch_python or (sys.executable if importlib.util.find_spec("torch") else None)
    with tempfile.TemporaryDirectory() as folder:
        root = arguments.root.resolve() if arguments.root else Path(folder) / "patients"
        params = benchmark_params(arguments, root)
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
        print_conditions(arguments, params, data["slices"])
        if not torch:
            print("PyTorch is left out: it is not installed here; --torch-python names a Python that has it")
        runs = contenders(params, settings | data, torch)
        rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in runs}
        for number in range(arguments.rounds):
            for name, run in runs.items():
                rounds[name].append(run())
                print(f"round {number + 1}: {name}", file=sys.stderr)
    check_weights(rounds)
    print_tables(rounds)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
