"""Outlining one patient with each runtime and precision: start-up, speed, memory, and where the time goes.

    python -m benchmarks.inference FOLDER_OF_SLICES [--rounds 5] [--threads 2] [--torch-python PATH]

The model is exported first. In each round every runtime starts in a process of its own, one after the other, so that
other work on the machine hits all of them. Printed are medians over the rounds, and the medians of the ratios to Keras
and to PyTorch in bfloat16. Slices per second are those of the whole: a raw volume in, its mask out. Slices per second
of processor time, of all threads together, tell more where other programs run.

The time of the network is that of the whole without that of a network of one 1 x 1 convolution in its place. PyTorch,
where it is installed, computes the same networks (channels last, eager, random weights) for the same prepared slices
and their flipped copies, 16 at a time, as Keras does. Its whole is the time of its networks and that of the rest with
Keras, which is this project's NumPy code.
"""

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import peak_memory_mb

FILES = {  # of each runtime and precision: with the network, and without
    "Keras, float32": ("unet.keras", "rest.keras"),
    "ONNX Runtime, float32": ("unet.onnx", "rest.onnx"),
    "OpenVINO, float32": ("float32.xml", "rest.xml"),
    "OpenVINO, bfloat16": ("bfloat16.xml", "rest.xml"),
}
PYTORCH = ("float32", "bfloat16")
KERAS, PYTORCH_BFLOAT16 = "Keras, float32", "PyTorch, bfloat16"
BATCH = 16  # slices, of Keras and PyTorch
REPEATS = 2  # the faster one counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patient", type=Path, help="folder with the slices of one patient")
    parser.add_argument("--model", type=Path, help="folder with unet.keras (default: the model that ships)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--torch-python", metavar="PATH", help="a Python with NumPy and PyTorch (default: this one)")
    parser.add_argument("--files", type=Path, nargs=2, help=argparse.SUPPRESS)  # measure these, in this process
    arguments = parser.parse_args()
    if arguments.files:
        print(json.dumps(measure(*arguments.files, arguments.patient, arguments.threads)))
        return
    torch = arguments.torch_python or (sys.executable if importlib.util.find_spec("torch") else None)
    if torch is None:
        print("PyTorch is left out: it is not installed here; --torch-python names a Python that has it")
    with tempfile.TemporaryDirectory() as name:
        settings = prepare(Path(name), arguments)
        rounds = [measure_all(Path(name), arguments, settings, torch) for _ in range(arguments.rounds)]
    report(rounds)


def prepare(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Put the model, its exports and the prepared slices into a folder; returns what PyTorch must know."""
    from brainseg.export.writing import read_source

    source = read_source(arguments.model, flip=True)
    import keras  # it is configured now

    from brainseg.export.formats import FORMATS
    from brainseg.model.saving import save_model
    from brainseg.prediction.operating_point import write_operating_point

    write_operating_point(folder / "operating_point.json", source.point)
    images = keras.Input(source.model.input_shape[1:])
    nearly_nothing = keras.Model(images, keras.layers.Conv2D(1, 1, activation="sigmoid")(images))
    for name, each in (("unet", source), ("rest", replace(source, model=nearly_nothing))):
        save_model(folder / f"{name}.keras", each.model, source.card)
        FORMATS["onnx"].write(each, folder / f"{name}.onnx")
    FORMATS["openvino"].write(each, folder / "rest.xml")
    for precision in ("float32", "bfloat16"):
        FORMATS["openvino"].write(replace(source, precision=precision), folder / f"{precision}.xml")
    np.save(folder / "images.npy", prepared_slices(source.card, read_image(arguments.patient)))
    networks = [layer for layer in source.model.layers if hasattr(layer, "layers")] or [source.model]
    first = networks[0]
    return {
        "images": str(folder / "images.npy"),
        "networks": len(networks),
        "filters": next(layer.filters for layer in first.layers if hasattr(layer, "filters")),
        "residual": any(layer.name.endswith("_shortcut") for layer in first.layers),
        "weights": sum(int(np.prod(weight.shape)) for weight in source.model.trainable_variables),
        "threads": arguments.threads,
        "batch_size": BATCH,
        "repeats": REPEATS,
    }


def read_image(patient: Path) -> Any:
    """The grey levels of a patient, shape (S, H, W, 3)."""
    from brainseg.scans.cases import read_scan
    from brainseg.scans.recognise import find_cases

    (case,) = find_cases([patient])
    return read_scan(case).image


def prepared_slices(card: Any, image: Any) -> Any:
    """What the network is given for a patient, shape (S, size, size, C)."""
    from brainseg.prediction.inference import predict_image

    batches: list[Any] = []

    def network(images: Any, *, training: bool) -> Any:  # noqa: ARG001
        batches.append(images)
        return images[..., :1]

    predict_image(network, card, image, np.arange(len(image)), batch_size=BATCH, test_time_flip=False)
    return np.concatenate(batches)


def measure_all(
    folder: Path, arguments: argparse.Namespace, settings: dict[str, Any], torch: str | None
) -> dict[str, dict[str, Any]]:
    """Measure every runtime once, each in a process of its own."""
    found = {}
    for runtime, files in FILES.items():
        command = [sys.executable, "-m", "benchmarks.inference", arguments.patient, "--threads", arguments.threads]
        found[runtime] = run([*command, "--files", *(folder / file for file in files)])
    keras = found[KERAS]
    for precision in PYTORCH if torch else ():
        script = Path(__file__).with_name("pytorch_unet.py")
        one = run([torch, script, json.dumps(settings | {"precision": precision})])
        if one["weights"] != settings["weights"]:
            sys.exit("error: benchmarks/pytorch_unet.py: the network differs from brainseg.model.unet")
        rest = {key: keras[key] for key in ("rest_s", "rest_cpu_s", "slices")}
        whole = {"s": one["network_s"] + rest["rest_s"], "cpu_s": one["network_cpu_s"] + rest["rest_cpu_s"]}
        found[f"PyTorch, {precision}"] = rest | whole
    return found


def run(command: list[Any]) -> dict[str, Any]:
    """The JSON that a command prints, and the time it takes."""
    began = time.monotonic()
    result = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"error: {command[0]} failed:\n{result.stderr.strip()}")
    return {"process_s": time.monotonic() - began, **json.loads(result.stdout.splitlines()[-1])}


def measure(file: Path, rest: Path, patient: Path, threads: int) -> dict[str, Any]:
    """Measure a file: start-up and a patient, seconds; the same without network; processor time; peak memory, MB."""
    from brainseg.apply.segmenter import load_segmenter

    image = read_image(patient)
    began = time.monotonic()
    segmenter = load_segmenter(file, threads=threads)
    start = time.monotonic() - began
    seconds, processor, voxels = fastest(segmenter, image)
    found = {"start_s": start, "s": seconds, "cpu_s": processor, "slices": len(image), "voxels": voxels}
    found["peak_mb"] = peak_memory_mb()
    found["rest_s"], found["rest_cpu_s"], _ = fastest(load_segmenter(rest, threads=threads), image)
    return found


def fastest(segmenter: Any, image: Any) -> tuple[float, float, int]:
    """The shortest of some calls: seconds, seconds of processor time, and the voxels outlined."""
    seconds, processor = [], []
    for _ in range(REPEATS):
        began = time.monotonic(), time.process_time()
        mask, _ = segmenter.segment(image)
        seconds.append(time.monotonic() - began[0])
        processor.append(time.process_time() - began[1])
    return min(seconds), min(processor), int(mask.sum())


def report(rounds: list[dict[str, dict[str, Any]]]) -> None:
    """Print a row for each runtime."""
    print(
        "| runtime | slices/s | ratio to Keras | ratio to PyTorch, bfloat16 | slices/s of processor time | its ratio "
        "to Keras | network, ms per slice | the rest, ms per slice | start-up, s | whole process, s | peak memory, "
        "MB | voxels |"
    )
    print("| --- |" + " ---: |" * 11)
    for runtime in rounds[0]:

        def median(value: Any, runtime: str = runtime, digits: int = 2) -> str:
            try:
                return f"{statistics.median(value(each[runtime], each) for each in rounds):.{digits}f}"
            except KeyError:  # not measured
                return ""

        cells = [
            median(lambda own, _: own["slices"] / own["s"], digits=1),
            median(lambda own, all_: all_[KERAS]["s"] / own["s"]),
            median(lambda own, all_: all_[PYTORCH_BFLOAT16]["s"] / own["s"]),
            median(lambda own, _: own["slices"] / own["cpu_s"], digits=1),
            median(lambda own, all_: all_[KERAS]["cpu_s"] / own["cpu_s"]),
            median(lambda own, _: 1000 * (own["s"] - own["rest_s"]) / own["slices"], digits=1),
            median(lambda own, _: 1000 * own["rest_s"] / own["slices"], digits=1),
            median(lambda own, _: own["start_s"]),
            median(lambda own, _: own["process_s"], digits=1),
            median(lambda own, _: own["peak_mb"], digits=0),
            median(lambda own, _: own["voxels"], digits=0),
        ]
        print(f"| {runtime} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
