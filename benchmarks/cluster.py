"""Measure `brainseg predict` in one process, over shards, and over a Dask cluster in which a worker is killed.

    python -m benchmarks.cluster                        # 200 synthetic patients, two shards, two workers
    python -m benchmarks.cluster --cases 20 --parts 4 --model models

All run on this machine, each process with one thread, one worker per part. The first worker is killed (SIGKILL) when
half of the cases are done, and is not started again. The tables and masks of all ways are compared byte by byte. Load
is the operating system's average of the last minute, before and after: a speed-up says little on a busy machine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from brainseg.params import PhantomParams
from brainseg.phantom.patients import write_phantoms

BRAINSEG = (sys.executable, "-c", "from brainseg.cli import main; main()", "predict")
OPTIONS = ["--threads", "1", "--no-flip"]  # and --model
TIMEOUT = 60  # seconds for the scheduler to start


def start(folder: Path, out: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a prediction of all cases, or of a share of them."""
    command = [*BRAINSEG, str(folder), "-o", str(out), *OPTIONS, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finish(*processes: subprocess.Popen[str]) -> None:
    """Wait for processes to end; stops if one has failed."""
    for process in processes:
        written = process.communicate()[0]
        if process.returncode:
            sys.exit(f"error: status {process.returncode}:\n{written}")


def in_one_process(folder: Path, out: Path, _: int) -> None:
    """All cases in one process."""
    finish(start(folder, out))


def over_shards(folder: Path, out: Path, parts: int) -> None:
    """A process for each shard, at the same time, then merged."""
    finish(*(start(folder, out, "--shard", f"{number}/{parts}") for number in range(1, parts + 1)))
    subprocess.run([*BRAINSEG, "--merge", "-o", str(out)], check=True, stdout=subprocess.DEVNULL)


def over_workers(folder: Path, out: Path, parts: int) -> None:
    """A Dask cluster of its own, of which one worker is killed."""
    with tempfile.TemporaryDirectory() as name, Path(name, "log").open("wb") as log:
        address_file = Path(name, "scheduler.json")
        run = (sys.executable, "-m", "distributed.cli.dask_scheduler")
        options = ("--scheduler-file", str(address_file), "--port", "0", "--host", "127.0.0.1", "--no-dashboard")
        processes = [subprocess.Popen([*run, *options], stdout=log, stderr=log)]
        try:
            deadline = time.monotonic() + TIMEOUT
            while not address_file.exists() and time.monotonic() < deadline:
                time.sleep(0.1)
            address = json.loads(address_file.read_text())["address"]
            run = (sys.executable, "-m", "distributed.cli.dask_worker", address)
            options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", name)
            processes += [subprocess.Popen([*run, *options], stdout=log, stderr=log) for _ in range(parts)]
            prediction = start(folder, out, "--scheduler", address)
            _kill_halfway(prediction, processes[1])
            finish(prediction)
        finally:
            for process in reversed(processes):  # the scheduler last, for which workers would wait
                process.kill()
                process.wait()


def _kill_halfway(prediction: subprocess.Popen[str], worker: subprocess.Popen[bytes]) -> None:
    """Kill a worker when half of the cases are done; the lines of the prediction begin with "7/200 "."""
    assert prediction.stdout is not None
    for line in prediction.stdout:
        done, _, cases = line.partition(" ")[0].partition("/")
        if cases.isdigit() and 2 * int(done) >= int(cases):
            worker.kill()
            print(f"a worker killed after {done} of {cases} cases", flush=True)
            return


def contents(out: Path) -> dict[str, bytes]:
    """All files but report.json, which has times in it."""
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if is_result(path)}


def is_result(path: Path) -> bool:
    return path.is_file() and path.name != "report.json"


def cases_of(out: Path) -> list[tuple[str, str]]:
    """Name and status of each case of report.json, in order."""
    return [(case["case"], case["status"]) for case in json.loads((out / "report.json").read_text())["cases"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200, help="synthetic patients (default: %(default)s)")
    parser.add_argument("--size", type=int, default=64, help="pixels, height and width (default: %(default)s)")
    parser.add_argument("--parts", type=int, default=2, help="shards, and workers (default: %(default)s)")
    parser.add_argument("--model", type=Path, help="as of brainseg predict")
    arguments = parser.parse_args()
    OPTIONS.extend(["--model", str(arguments.model.absolute())] if arguments.model else [])
    ways: dict[str, Callable[[Path, Path, int], None]] = {
        "one process": in_one_process,
        "shards, merged": over_shards,
        "Dask workers, one killed": over_workers,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "patients")
        write_phantoms(folder, PhantomParams(patients=arguments.cases, size=arguments.size, seed=7))
        print(f"{arguments.cases} cases, {arguments.parts} shards or workers, {os.cpu_count()} cores", flush=True)
        expected, alone = None, 0.0
        for number, (way, outline) in enumerate(ways.items()):
            out, load = Path(name, str(number)), os.getloadavg()[0]
            began = time.monotonic()
            outline(folder, out, arguments.parts)
            seconds = time.monotonic() - began
            found = cases_of(out), contents(out)
            expected, alone = expected or found, alone or seconds
            names = [case for case, _ in found[0]]
            print(
                f"{way}: {seconds:.0f} s, {alone / seconds:.2f} times as fast as one process, load {load:.1f} to "
                f"{os.getloadavg()[0]:.1f}; {len(names)} cases, {len(set(names))} different; the same as one process: "
                f"{'yes' if found == expected else 'NO'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
