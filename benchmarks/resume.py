"""Kill a training at random moments and run it again: does it end with the same bytes as one that nobody disturbed?

    python -m benchmarks.resume [--kills 20] [--seed 0]

Small synthetic patients, stages.train in a process of its own, SIGKILL between its start and the time that the
undisturbed one took. Prints a line a kill and exits with 1 if one of them ended otherwise.
"""

import argparse
import random
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
EPOCHS = 16  # enough that most moments fall between two of them
OUTS = ("models/unet.keras", "models/history.csv")
SMALL = {
    "size": 48,
    "filters": 2,
    "epochs": 6,
    "context_slices": 1,
    "sampling": "balanced",
    "schedule": "cosine",
    "warm_up": 1,
    "dropout": 0.2,
}


def prepare(folder: Path, train: dict[str, object]) -> None:
    """Six patients of 48 x 48 pixels, split, in an empty folder, with the default parameters but for `train`."""
    write_phantoms(folder / "patients", PhantomParams(patients=6, size=48, seed=7))
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["data"]["root"] = str(folder / "patients")
    content["train"] |= train
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    for stage in ("index", "split"):
        subprocess.run([sys.executable, "-m", f"stages.{stage}"], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def train(folder: Path, kill: Callable[[str], bool] | None = None) -> str:
    """Run the stage train there; `kill` is asked after each line that it prints whether it is to be killed then."""
    command = [sys.executable, "-u", "-m", "stages.train"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None  # it is a pipe
        printed = ""
        for line in process.stdout:
            printed += line
            if kill is not None and kill(line):
                process.send_signal(signal.SIGKILL)
                break
    assert kill is not None or process.returncode == 0, printed
    return printed


def outs(folder: Path) -> list[bytes]:
    """What the training wrote."""
    return [(folder / name).read_bytes() for name in OUTS]


def kill_after(folder: Path, seconds: float) -> bool:
    """Start a training and kill it; whether it was still running."""
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
        begin = time.perf_counter()
        train(folder)
        took = time.perf_counter() - begin
        expected = outs(folder)
        print(f"undisturbed: {took:.1f} s, of {EPOCHS} epochs")
        for number in range(1, arguments.kills + 1):
            for name in OUTS:
                (folder / name).unlink(missing_ok=True)  # as DVC does before it runs a stage
            moment = rng.uniform(0, took)
            killed = kill_after(folder, moment)
            printed = train(folder)
            resumed = next((line for line in printed.splitlines() if "going on" in line), "from the start")
            same = outs(folder) == expected
            equal += same
            told = "killed" if killed else "ended before it was killed"
            print(
                f"{number:>3}: {told} after {moment:5.1f} s; {resumed}; {'equal' if same else 'OTHER BYTES'}",
                flush=True,
            )
    print(f"{equal} of {arguments.kills} ended with the bytes of the undisturbed training")
    sys.exit(equal != arguments.kills)


if __name__ == "__main__":
    main()
