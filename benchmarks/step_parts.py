"""Where the time of a training step and of a batch goes: each remedy alone and all together.

    python -m benchmarks.step_parts [--size 256] [--rounds 3]

The first table takes a network of 16 filters through training steps on batches in memory, TensorFlow on the CPU, each
variant in a process of its own, rounds in turn. The second takes the parts of making an augmented slice, one thread.
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

PLAIN = {"norm": "keras", "dropout": 0, "precision": "float32"}
VARIANTS = {
    "Keras as it comes, float32": PLAIN,
    "dropout on the low grids only": PLAIN | {"dropout": 2},
    "fused batch normalisation": PLAIN | {"norm": "fused"},
    "bfloat16": PLAIN | {"precision": "bfloat16"},
    "fused and low dropout, float32": {"norm": "fused", "dropout": 2, "precision": "float32"},
    "all three": {"norm": "fused", "dropout": 2, "precision": "bfloat16"},
    "all three, residual blocks": {"norm": "fused", "dropout": 2, "precision": "bfloat16", "block": "residual"},
    "all three, residual blocks, deep supervision": {
        "norm": "fused",
        "dropout": 2,
        "precision": "bfloat16",
        "block": "residual",
        "deep_supervision": True,
    },
}
BATCH, STEPS, WARM_UP = 16, 4, 2


def time_steps(variant: dict[str, object], size: int) -> float:
    """Slices a second of the training step."""
    from brainseg.model.backend import configure

    given = {"block": "plain", "deep_supervision": False, "context_slices": 0, "contralateral_flair": False} | {
        name: value for name, value in variant.items() if name in TrainParams.model_fields and name != "dropout"
    }
    train = load_params().train.model_copy(update={"size": size, "filters": 16, **given})
    runtime = configure(train)
    from keras import layers

    from brainseg.model import unet as network
    from brainseg.training import deep_supervision as trainee
    from brainseg.training import fit as training
    from brainseg.training.fused_norm import FusedBatchNormalization

    network.DROPOUT_FROM_LEVEL = variant["dropout"]  # type: ignore[assignment]
    norm = FusedBatchNormalization if variant["norm"] == "fused" else layers.BatchNormalization
    model = network.unet_from_params(train, norm)
    if train.deep_supervision:
        model = trainee.with_deep_supervision(model)
    training.compile_model(model, train, runtime, steps=1)
    rng = np.random.default_rng(0)
    images = rng.normal(size=(BATCH, size, size, 3)).astype(np.float32)
    masks = (rng.random((BATCH, size, size, 1)) < 0.01).astype(np.float32)
    seconds = []
    for _ in range(WARM_UP + STEPS):
        began = time.perf_counter()
        model.train_on_batch(images, masks)
        seconds.append(time.perf_counter() - began)
    return BATCH / statistics.median(seconds[WARM_UP:])


def time_slice(size: int, repeats: int = 200) -> dict[str, float]:
    """Microseconds of each part of making an augmented slice with every change on."""
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
        entry = store.add(volume, set(range(8)))[3]
        sample, ones = store.read(entry), np.ones(3, np.float32)
        box = sample.patient.preprocessing.box
        rgb = np.ascontiguousarray(sample.image_and_mask[..., :3])
        matrix = random_matrix(rng, augmentation, box, size)
        table = intensity_lookup(sample.patient, gain=ones, exponent=ones * 1.1)
        parts: dict[str, Callable[[], object]] = {
            "read from the store": lambda: store.read(entry),
            "draw the warp": lambda: random_matrix(rng, augmentation, box, size),
            "draw the grey table": lambda: intensity_lookup(sample.patient, gain=ones, exponent=ones * 1.1),
            "warp image and mask": lambda: warp(sample.image_and_mask, matrix, size),
            "look grey levels up": lambda: cv2.LUT(rgb, table[None], dst=out),
            "whole slice, with noise": lambda: augment(sample, rng, augmentation, size=size, noise=noise, out=out),
        }
        found = {}
        for name, part in parts.items():
            seconds = []
            for _ in range(repeats):
                began = time.perf_counter()
                part()
                seconds.append(time.perf_counter() - began)
            found[name] = 1e6 * statistics.median(seconds)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256, help="pixels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--variant", help=argparse.SUPPRESS)  # what a process of its own measures
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
    first = statistics.median(measured["Keras as it comes, float32"])
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
