"""Measure `brainseg predict` on many patients: patients per minute, memory, and the cold start for one patient.

    python -m benchmarks.outlining data/kaggle_3m              # 110 patients; fewer are taken several times
    python -m benchmarks.outlining data/phantom --patients 20

Patients are named again in a folder of links, until there are enough of them. Processor time is that of the process and
tells more than the time on the clock where other work is running. Memory is resident memory, from /proc: Linux only.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import peak_memory_mb
from benchmarks.service import memory_mb

BRAINSEG = (sys.executable, "-c", "from brainseg.cli import main; main()", "predict")
REPORTS = 10  # memory is printed so many times


def name_again(root: Path, folder: Path, count: int) -> None:
    """Make a folder with `count` patients: links to files under names that begin with another patient_id."""
    patients = sorted(path for path in root.iterdir() if path.is_dir())
    for number, patient in zip(range(count), itertools.cycle(patients), strict=False):
        name = f"{patient.name}_copy{number // len(patients)}" if number >= len(patients) else patient.name
        (folder / name).mkdir(parents=True)
        for path in patient.iterdir():
            (folder / name / path.name.replace(patient.name, name)).symlink_to(path.resolve())


def outline(folder: Path, out: Path) -> tuple[float, float, float, list[float]]:
    """Outline all patients; returns seconds, processor seconds, peak memory and memory after each, MB."""
    began = time.monotonic()
    with subprocess.Popen([*BRAINSEG, str(folder), "-o", str(out)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        memory = [memory_mb(process.pid) for line in process.stdout if ": done, " in line]
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"error: brainseg predict ended with status {process.returncode}")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, peak_memory_mb(usage), memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="patients in the Kaggle layout")
    parser.add_argument("--patients", type=int, default=110, help="number of patients (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        many, one = Path(name, "many"), Path(name, "one")
        name_again(arguments.root, many, arguments.patients)
        name_again(arguments.root, one, 1)
        slices = sum(not path.stem.endswith("_mask") for path in one.rglob("*.tif"))
        seconds, processor, peak, _ = outline(one, Path(name, "out1"))
        print(
            f"cold start, {slices} slices: {seconds:.1f} s, {processor:.1f} s of processor time, {peak:,.0f} MB",
            flush=True,
        )
        seconds, processor, peak, memory = outline(many, Path(name, "out2"))
        print(
            f"{len(memory)} patients: {seconds:.0f} s, {60 * len(memory) / seconds:.1f} patients per minute; "
            f"{processor:.0f} s of processor time; load {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores"
        )
        shown = memory[:: max(1, len(memory) // REPORTS)]
        print(
            f"memory, MB: peak {peak:,.0f}; after every {max(1, len(memory) // REPORTS)} patients", *map(round, shown)
        )


if __name__ == "__main__":
    main()
