"""Measure what each optimisation of the training step gains, and how long each part of making a slice takes.

    python -m benchmarks.step_parts [--size 256] [--rounds 3]

The first table is of training steps on batches in memory: a network of 16 filters, TensorFlow on the CPU, each variant
in a process of its own, rounds alternating between the variants. The second table is of the parts of making an
augmented slice, in one thread.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from brainseg.params import TrainParams, load_params

# norm: which batch normalisation. dropout: the first level with dropout. The other keys are parameters of train.
PLAIN = {"norm": "keras", "dropout": 0, "precision": "float32"}
THREE = {"norm": "fused", "dropout": 2, "precision": "bfloat16"}
VARIANTS = {
    "plain Keras, float32": PLAIN,
    "dropout on the low-resolution grids only": PLAIN | {"dropout": 2},
    "fused batch normalisation": PLAIN | {"norm": "fused"},
    "bfloat16": PLAIN | {"precision": "bfloat16"},
    "fused batch normalisation and low-resolution dropout, float32": {
        "norm": "fused",
        "dropout": 2,
        "precision": "float32",
    },
    "all three": THREE,
    "all three, residual blocks": THREE | {"block": "residual"},
    "all three, residual blocks, deep supervision": THREE | {"block": "residual", "deep_supervision": True},
}
BATCH, STEPS, WARM_UP = 16, 4, 2


def variant_params(variant: dict[str, object], size: int) -> TrainParams:
    """Change the section train of params.yaml as a variant needs it."""
    changes = {
        "input_size": size,
        "filters": 16,
        "block": "plain",
        "deep_supervision": False,
        "context_slices": 0,
        "contralateral_flair": False,
        **{name: value for name, value in variant.items() if name not in ("norm", "dropout")},
    }
    return TrainParams.model_validate(load_params().train.model_dump() | changes)


def time_steps(variant: dict[str, object], size: int) -> float:
    """Measure the slices/s of the training step in this process.

    Args:
        variant: one of `VARIANTS`.
        size: height and width of the input, pixels.
    """
    from brainseg.model.backend import configure

    params = variant_params(variant, size)
    runtime = configure(params)
    from keras import layers

    from brainseg.model import unet
    from brainseg.training.deep_supervision import with_deep_supervision
    from brainseg.training.fit import compile_model
    from brainseg.training.fused_norm import FusedBatchNormalization

    unet.DROPOUT_FROM_LEVEL = variant["dropout"]  # type: ignore[assignment]
    norm = FusedBatchNormalization if variant["norm"] == "fused" else layers.BatchNormalization
    model = unet.unet_from_params(params, norm)
    if params.deep_supervision:
        model = with_deep_supervision(model)
    compile_model(model, params, runtime, steps=1)
    rng = np.random.default_rng(0)
    images = rng.normal(size=(BATCH, size, size, 3)).astype(np.float32)
    masks = (rng.random((BATCH, size, size, 1)) < 0.01).astype(np.float32)
    seconds = []
    for _ in range(WARM_UP + STEPS):
        start = time.perf_counter()
        model.train_on_batch(images, masks)
        seconds.append(time.perf_counter() - start)
    return BATCH / statistics.median(seconds[WARM_UP:])


def time_slice(size: int, repeats: int = 200) -> dict[str, float]:
    """Measure the parts of making an augmented slice with every kind of augmentation switched on.

    Args:
        size: height and width of the slice, pixels.
        repeats: how often each part runs.

    Returns:
        Part -> median time, microseconds.
    """
    from brainseg.imaging.volume import Volume
    from brainseg.training.augmentation import augment, intensity_lookup, random_matrix, warp
    from brainseg.training.slice_store import SliceStore

    rng = np.random.default_rng(0)
    augmentation = load_params().train.augmentation.model_copy(
        update={"gain": 0.2, "gamma": 0.2, "noise": 0.1, "missing_both": 0.1, "missing_post_contrast": 0.1}
    )
    volume = Volume(
        patient_id="P",
        image=rng.integers(0, 256, (8, size, size, 3), dtype=np.uint8),
        mask_true=rng.random((8, size, size)) < 0.01,
        slice_numbers=np.arange(8),
    )
    noise = rng.standard_normal(2**20, np.float32)
    out = np.empty((size, size, 3), np.float32)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        store = SliceStore(Path(folder), context_slices=0, normalisation="brain_zscore")
        stored = store.add(volume, set(range(8)))[3]
        sample, ones = store.read(stored), np.ones(3, np.float32)
        box = sample.patient.preprocessing.box
        rgb = np.ascontiguousarray(sample.image_and_mask[..., :3])
        matrix = random_matrix(rng, augmentation, box, size)
        table = intensity_lookup(sample.patient, gain=ones, exponent=ones * 1.1)
        parts: dict[str, Callable[[], object]] = {
            "read the slice from the store": lambda: store.read(stored),
            "draw the warp": lambda: random_matrix(rng, augmentation, box, size),
            "draw the intensity look-up table": lambda: intensity_lookup(
                sample.patient, gain=ones, exponent=ones * 1.1
            ),
            "warp image and mask": lambda: warp(sample.image_and_mask, matrix, size),
            "look the grey levels up": lambda: cv2.LUT(rgb, table[None], dst=out),
            "whole slice, with noise": lambda: augment(sample, rng, augmentation, size=size, noise=noise, out=out),
        }
        medians = {}
        for name, part in parts.items():
            seconds = []
            for _ in range(repeats):
                start = time.perf_counter()
                part()
                seconds.append(time.perf_counter() - start)
            medians[name] = 1e6 * statistics.median(seconds)
    return medians


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256, help="pixels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--variant", help=argparse.SUPPRESS)  # given to the processes that this one starts
    arguments = parser.parse_args()
    if arguments.variant:
        print(time_steps(json.loads(arguments.variant), arguments.size))
        return
    measured: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(arguments.rounds):
        for name, variant in VARIANTS.items():
            command = [sys.executable, "-m", "benchmarks.step_parts", "--size", str(arguments.size)]
            done = subprocess.run(
                [*command, "--variant", json.dumps(variant)], capture_output=True, text=True, check=True
            )
            measured[name].append(float(done.stdout.split()[-1]))
    first = statistics.median(measured["plain Keras, float32"])
    print(
        f"| training step, {arguments.size} x {arguments.size}, 16 filters, batch {BATCH} | slices/s | ratio |\n"
        "| --- | ---: | ---: |"
    )
    for name, values in measured.items():
        print(f"| {name} | {statistics.median(values):.1f} | {statistics.median(values) / first:.2f} |")
    print("\n| making a slice, one thread | microseconds |\n| --- | ---: |")
    for name, value in time_slice(arguments.size).items():
        print(f"| {name} | {value:.0f} |")


if __name__ == "__main__":
    main()
