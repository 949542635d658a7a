"""Kill a training at random moments, run it again, and compare the result with that of an uninterrupted training.

    python -m benchmarks.resume [--kills 20] [--seed 0]

stages.train runs on small synthetic patients in a process of its own, and is killed with SIGKILL at a random moment of
the time that the uninterrupted training took. Prints one line per kill; exits with 1 if any result has other bytes.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from brainseg.params import PhantomParams
from brainseg.phantom.patients import write_phantoms

ROOT = Path(__file__).parents[1]
EPOCHS = 16  # enough for most moments to fall after an epoch
OUTPUTS = ("models/unet.keras", "models/history.csv", "models/summary.txt")
SMALL = {
    "input_size": 48,
    "filters": 2,
    "epochs": 6,
    "context_slices": 1,
    "sampling": "balanced",
    "schedule": "cosine",
    "warm_up": 1,
    "dropout": 0.2,
}


def prepare(folder: Path, train: dict[str, object]) -> None:
    """Generate and split six patients of 48 x 48 pixels in an empty folder.

    Args:
        folder: an empty folder.
        train: changes of the section train of the default parameters.
    """
    write_phantoms(folder / "patients", PhantomParams(patients=6, size=48, seed=7))
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["data"]["root"] = str(folder / "patients")
    content["train"] |= train
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    for stage in ("index", "split"):
        subprocess.run([sys.executable, "-m", f"stages.{stage}"], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def train(folder: Path, kill: Callable[[str], bool] | None = None, **variables: str) -> str:
    """Run the stage train in a folder.

    Args:
        folder: as `prepare` made it.
        kill: called with each printed line; the process is killed if it returns True.
        variables: further environment variables.

    Returns:
        What the stage printed.
    """
    command = [sys.executable, "-u", "-m", "stages.train"]
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        printed = ""
        for line in process.stdout:
            printed += line
            if kill is not None and kill(line):
                process.send_signal(signal.SIGKILL)
                break
    assert kill is not None or process.returncode == 0, printed
    return printed


def outputs(folder: Path) -> list[bytes]:
    """Read the files that the training wrote."""
    return [(folder / name).read_bytes() for name in OUTPUTS]


def kill_after(folder: Path, seconds: float) -> bool:
    """Start a training and kill it after this time; returns whether it was still running."""
    command = [sys.executable, "-m", "stages.train"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            return True
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    equal = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(folder, {**SMALL, "epochs": EPOCHS})
        start = time.perf_counter()
        train(folder)
        took = time.perf_counter() - start
        expected = outputs(folder)
        print(f"uninterrupted: {took:.1f} s, {EPOCHS} epochs")
        for number in range(1, arguments.kills + 1):
            shutil.rmtree(folder / "models")  # the state of the training that has finished too
            moment = rng.uniform(0, took)
            killed = kill_after(folder, moment)
            printed = train(folder)
            resumed = next((line for line in printed.splitlines() if "resuming" in line), "from the start")
            same = outputs(folder) == expected
            equal += same
            fate = "killed" if killed else "ended before it was killed"
            print(
                f"{number:>3}: {fate} after {moment:5.1f} s; {resumed}; {'equal' if same else 'OTHER BYTES'}",
                flush=True,
            )
    print(f"{equal} of {arguments.kills} ended with the same bytes as the uninterrupted training")
    sys.exit(equal != arguments.kills)


if __name__ == "__main__":
    main()
