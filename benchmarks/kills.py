"""Kill `dvc repro` at random moments, run it again, and compare every file with those of an undisturbed run.

    python -m benchmarks.kills [--kills 20] [--seed 0]

The pipeline runs on small synthetic patients in a copy of the project. In turn, the whole group of processes is killed,
as a terminal or a batch system does, or the running stage alone, or dvc alone, which leaves its stage running; each
with SIGKILL, SIGTERM and SIGINT. Prints one line per kill; exits with 1 if any file differs.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from itertools import cycle, product
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks.resume import SMALL

ROOT = Path(__file__).parents[1]
TINY = {"phantom": {"patients": 6, "size": 48}, "train": {**SMALL, "epochs": 8}}
TARGETS = ("group", "stage", "dvc")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
NOT_COMPARED = {".git", ".dvc", "__pycache__"}
REPRO = ("dvc", "repro", "--no-run-cache")  # the run cache would restore what was computed before


def copy_project(root: Path) -> None:
    """Copy the files that git tracks or would track into a new git repository, with tiny parameters and no results."""
    git = ("git", "ls-files", "--cached", "--others", "--exclude-standard")
    for name in subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        if (ROOT / name).is_file() and not name.endswith("dvc.lock"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    params = yaml.safe_load((root / "params.yaml").read_text())
    for section, values in TINY.items():
        params[section] |= values
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)


def start(root: Path, *command: str) -> subprocess.Popen[bytes]:
    """Start a command in a project, in a process group of its own; what it prints is added to the file `log`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_"))}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for name in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE"):
        environment[f"DVC_{name}_DIR"] = str(root.parent / name)
    with (root.parent / "log").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=root,
            env={**environment, "DVC_NO_ANALYTICS": "1", "PYTHONUNBUFFERED": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def kill(dvc: subprocess.Popen[Any], target: str, number: signal.Signals) -> str:
    """Send a signal to one of the `TARGETS`; returns the stage that was running, or that none was."""
    running, name = stage_of(dvc)
    with suppress(ProcessLookupError, psutil.NoSuchProcess):
        if target == "group":
            os.killpg(dvc.pid, number)
        elif target == "dvc":
            dvc.send_signal(number)
        elif running is not None:
            running.send_signal(number)
    return name


def stage_of(dvc: subprocess.Popen[Any]) -> tuple[psutil.Process | None, str]:
    """The process of the stage that dvc runs, and its name."""
    with suppress(psutil.NoSuchProcess):
        for process in psutil.Process(dvc.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess, ValueError):
                _, option, name = process.cmdline()
                if option == "-m":
                    return process, name
    return None, "between stages"


def wait_for_group(dvc: subprocess.Popen[bytes]) -> None:
    """Wait until the stages that dvc has started have ended, also if dvc itself was killed."""
    with suppress(ProcessLookupError):
        while True:
            os.killpg(dvc.pid, 0)
            time.sleep(0.1)


def fingerprint(root: Path) -> dict[str, str]:
    """The digest of every file of a project, apart from git's and DVC's own and compiled code."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not NOT_COMPARED & set(path.relative_to(root).parts)
    }


def differences(first: dict[str, str], second: dict[str, str]) -> list[str]:
    """The files that differ, or that only one of them has."""
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def kill_once(empty: Path, root: Path, target: str, number: signal.Signals, moment: float) -> tuple[str, bool]:
    """Copy the project `empty` to `root`, kill its run after `moment` seconds, and run it to the end.

    Returns:
        What was killed, and whether the last run ended well.
    """
    shutil.copytree(empty, root)
    (root.parent / "log").unlink(missing_ok=True)
    process = start(root, *REPRO)
    with suppress(subprocess.TimeoutExpired):
        process.wait(moment)
    killed = kill(process, target, number) if process.poll() is None else "ended before"
    process.wait()  # what dvc alone leaves running, the next run meets
    again = start(root, *REPRO)
    again.wait()
    for each in (process, again):
        wait_for_group(each)
    return killed, again.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    rng, equal = random.Random(arguments.seed), 0
    with tempfile.TemporaryDirectory() as temporary:
        empty, whole, root = (Path(temporary) / name for name in ("empty", "whole", "killed"))
        copy_project(empty)
        shutil.copytree(empty, whole)
        began = time.perf_counter()
        log = Path(temporary) / "log"
        assert start(whole, *REPRO).wait() == 0, log.read_text()
        took = time.perf_counter() - began
        expected = fingerprint(whole)
        print(f"undisturbed: {took:.1f} s, {len(expected)} files", flush=True)
        for count, (target, number) in zip(range(arguments.kills), cycle(product(TARGETS, SIGNALS)), strict=False):
            moment = rng.uniform(0, 0.9 * took)  # the first run is the slowest
            killed, ended_well = kill_once(empty, root, target, number, moment)
            found = differences(expected, fingerprint(root))
            equal += ended_well and not found
            result = f"DIFFERENT: {', '.join(found)[:500]}" if found else "equal"
            if not ended_well:
                result = f"FAILED: {log.read_text()[-2000:]}"
            print(f"{count + 1:>3}: {number.name} to {target} after {moment:5.1f} s, {killed}: {result}", flush=True)
            shutil.rmtree(root)
    print(f"{equal} of {arguments.kills} ended with the bytes of the undisturbed run")
    sys.exit(equal != arguments.kills)


if __name__ == "__main__":
    main()
