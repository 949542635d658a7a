"""Measure whether the memory of a training grows with the number of slices: peak for a data set and for four copies.

    python -m benchmarks.memory
    python -m benchmarks.memory --root data/kaggle_3m --filters 1

The stages index, split and train run with params.yaml and one epoch, in a folder of their own. The peak is that of the
process of `train`, as the operating system reports it. The larger data set is a longer data/index.csv, which lists the
same files again under other patient_ids. The network is small, so that slices kept in memory would show.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks.measure import peak_memory_mb

ROOT = Path(__file__).parents[1]
COPIES = 4


def write_params(folder: Path, root: Path, arguments: argparse.Namespace) -> None:
    """Write the params.yaml of a short training on the patients in `root`."""
    params: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["phantom"] |= {"patients": arguments.patients, "size": arguments.size}
    params["data"]["root"] = str(root)
    params["split"] |= {"strategy": "patient", "validation": "own", "test_patients": None}
    params["train"] |= {
        "epochs": 1,
        "warm_up": 0,
        "input_size": arguments.size,
        "filters": arguments.filters,
        "batch_size": 8,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def run_stage(name: str, folder: Path) -> float:
    """Run a stage in a folder.

    Returns:
        The peak memory of its process, MB.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile() as written:
        process = subprocess.Popen(
            [sys.executable, "-m", f"stages.{name}"], cwd=folder, env=environment, stdout=written, stderr=written
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            written.seek(0)
            sys.exit(f"error: the stage {name} failed:\n{written.read().decode()}")
    return peak_memory_mb(usage)


def repeat_index(path: Path, larger: Path) -> None:
    """Write a data/index.csv that lists every patient four times, under different patient_ids; no image is copied.

    The stage index could not write it: it refuses the same image under two patients.
    """
    with path.open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    larger.parent.mkdir(parents=True)
    with larger.open("w", encoding="utf-8", newline="") as table:
        writer = csv.DictWriter(table, list(rows[0]))
        writer.writeheader()
        for copy in range(COPIES):
            writer.writerows(row | {"patient_id": f"{row['patient_id']}_{copy + 1}"} for row in rows)


def measure(folder: Path) -> tuple[int, float]:
    """Split and train in a folder that has params.yaml and data/index.csv.

    Returns:
        Training and validation slices, and the peak of `train` in MB.
    """
    run_stage("split", folder)
    peak = run_stage("train", folder)
    with (folder / "data/split.csv").open(encoding="utf-8", newline="") as table:
        slices = sum(row["subset"] != "test" for row in csv.DictReader(table))
    print(f"{slices:>6} training and validation slices: {peak:,.0f} MB")
    return slices, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="patients in the Kaggle layout (default: synthetic ones are made)")
    parser.add_argument("--patients", type=int, default=16, help="synthetic ones (default: %(default)s)")
    parser.add_argument("--size", type=int, default=256, help="pixels, height and width (default: %(default)s)")
    parser.add_argument("--filters", type=int, default=2, help="of the first level (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        small, large = Path(name) / "small", Path(name) / "large"
        root = arguments.root.resolve() if arguments.root else small / "data/phantom"
        for folder in (small, large):
            write_params(folder, root, arguments)
        if arguments.root is None:
            run_stage("phantom", small)
        run_stage("index", small)
        repeat_index(small / "data/index.csv", large / "data/index.csv")
        print(f"network of {arguments.filters} filters at {arguments.size} x {arguments.size}, one epoch")
        slices, peak = measure(small)
        more_slices, more_peak = measure(large)
    per_slice = 1000 * (more_peak - peak) / (more_slices - slices)
    ratios = f"{more_slices / slices:.2f} times the slices, {more_peak / peak:.2f} times the memory"
    print(f"{ratios}: {per_slice:.0f} kB per slice")


if __name__ == "__main__":
    main()
