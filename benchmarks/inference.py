"""Outlining one patient with each runtime: start-up, speed and memory, as ratios to Keras on the same cores.

    python -m benchmarks.inference FOLDER_OF_SLICES [--rounds 5] [--threads 2] [--model FOLDER]

The model is exported first. In each round every runtime starts in a process of its own, one after the other, so that
other work on the machine hits all of them. Printed are medians, and the median over the rounds of the ratio to Keras.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import peak_memory_mb

RUNTIMES = {"keras": "unet.keras", "onnxruntime": "unet.onnx", "openvino": "unet.xml"}  # and the file that each runs
REPEATS = 2  # the faster one counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patient", type=Path, help="folder with the slices of one patient")
    parser.add_argument("--model", type=Path, help="folder with unet.keras (default: the model that ships)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)  # measure this file, in this process
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one, arguments.patient, arguments.threads)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, arguments.model)
        rounds = [
            {runtime: run(folder / file, arguments) for runtime, file in RUNTIMES.items()}
            for _ in range(arguments.rounds)
        ]
    report(rounds)


def prepare(folder: Path, model: Path | None) -> None:
    """Put the model and its exports into a folder."""
    from brainseg.export.writing import read_source, write_export
    from brainseg.model.saving import save_model
    from brainseg.prediction.operating_point import write_operating_point

    source = read_source(model, flip=True)
    save_model(folder / "unet.keras", source.model, source.card)
    write_operating_point(folder / "operating_point.json", source.point)
    for name in ("onnx", "openvino"):
        write_export(source, name, folder, overwrite=True)


def run(file: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure one file in a process of its own."""
    options = ["--one", file, "--threads", arguments.threads, arguments.patient]
    command = [sys.executable, "-m", "benchmarks.inference", *map(str, options)]
    began = time.monotonic()
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return {"whole_s": time.monotonic() - began, **json.loads(result.stdout)}


def measure(file: Path, patient: Path, threads: int) -> dict[str, Any]:
    """Start-up in seconds, slices per second and peak memory in MB of one file."""
    from brainseg.apply.segmenter import load_segmenter
    from brainseg.scans.cases import read_scan
    from brainseg.scans.recognise import InputOptions, find_cases

    (case,) = find_cases([patient], InputOptions())
    image = read_scan(case, with_masks=False).image
    began = time.monotonic()
    segmenter = load_segmenter(file, threads=threads)
    ready = time.monotonic()
    seconds = []
    for _ in range(REPEATS):
        start = time.monotonic()
        mask, _ = segmenter.segment(image)
        seconds.append(time.monotonic() - start)
    return {
        "start_s": ready - began,
        "slices_per_s": len(image) / min(seconds),
        "peak_mb": peak_memory_mb(),
        "voxels": int(mask.sum()),
    }


def report(rounds: list[dict[str, dict[str, Any]]]) -> None:
    """Print a row for each runtime."""
    print("| runtime | start-up, s | slices/s | ratio to Keras | whole process, s | peak memory, MB | voxels |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for runtime in RUNTIMES:
        median = {name: statistics.median(each[runtime][name] for each in rounds) for name in rounds[0][runtime]}
        ratio = statistics.median(each[runtime]["slices_per_s"] / each["keras"]["slices_per_s"] for each in rounds)
        print(
            f"| {runtime} | {median['start_s']:.2f} | {median['slices_per_s']:.1f} | {ratio:.2f} | "
            f"{median['whole_s']:.1f} | {median['peak_mb']:.0f} | {median['voxels']:.0f} |"
        )


if __name__ == "__main__":
    main()
