"""Measure the time and memory that the metrics take for 110 patients of 36 slices of 256 x 256 pixels.

    python -m benchmarks.metrics

The patients are synthetic: the tumour is an ellipsoid, and the prediction is a distorted one. In every second patient
the prediction also has a distant lesion and scattered pixels, so that the bounding boxes are as large as poor
predictions make them. Generating the patients is not timed.
"""

import argparse
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import surface_distance
from medpy.metric import binary
from numpy.typing import NDArray

from benchmarks.measure import peak_memory_mb
from brainseg.imaging.volume import BoolArray, FloatArray
from brainseg.metrics import bootstrap, calibration, detection, lesions, overlap, probability, surface

SHAPE = (36, 256, 256)
COMPARED = 6  # patients for the other implementations, which are slow
OURS = "brainseg"
STATISTICS: tuple[bootstrap.Statistic, ...] = ("mean", "median")
AXES = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]


@dataclass(frozen=True, kw_only=True)
class SyntheticPatient:
    """One synthetic patient; all arrays have the shape (36, 256, 256)."""

    mask_true: BoolArray
    probability: FloatArray
    head: BoolArray


class Clock(defaultdict[str, float]):
    """Seconds by name; `with clock.running(name):` times a block."""

    def __init__(self) -> None:
        super().__init__(float)

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Add the seconds that the block takes."""
        start = time.perf_counter()
        yield
        self[name] += time.perf_counter() - start


def ellipsoid(centre: NDArray[np.float64], radii: NDArray[np.float64]) -> FloatArray:
    """Return the distance from the centre relative to the radii, shape (36, 256, 256), float32; 1 on the surface."""
    parts = (((axis - c) / r) ** 2 for axis, c, r in zip(AXES, centre, radii, strict=True))
    distance: FloatArray = np.sqrt(sum(parts)).astype(np.float32)
    return distance


def make_patient(number: int) -> SyntheticPatient:
    rng = np.random.default_rng(number)
    centre, radii = rng.uniform((10, 90, 90), (26, 160, 160)), rng.uniform((3, 12, 12), (8, 40, 40))
    mask_true = ellipsoid(centre, radii) < 1
    predicted = ellipsoid(centre + rng.normal(0, (0.5, 3, 3)), radii * rng.uniform(0.8, 1.2))
    probability_map = 1 / (1 + np.exp(np.clip((predicted - 1) * 8, -30, 30))).astype(np.float32)
    head = ellipsoid(np.array([18, 128, 128]), np.array([20, 120, 100])) < 1
    if number % 2:
        probability_map[ellipsoid(np.array([4, 40, 128]), np.array([2, 9, 9])) < 1] = 0.9
        probability_map[head & (rng.random(SHAPE, np.float32) < 0.0005)] = 0.6
    return SyntheticPatient(
        mask_true=mask_true, probability=probability_map.astype(np.float16).astype(np.float32), head=head
    )


def measure(patient: SyntheticPatient, clock: Clock) -> dict[str, float]:
    """Compute every metric of one patient."""
    mask_true, probability_map, head = patient.mask_true, patient.probability, patient.head
    mask_pred = probability_map >= 0.5
    with clock.running("overlap, volume"):
        slices = [overlap.count(mask_true=t, mask_pred=p) for t, p in zip(mask_true, mask_pred, strict=True)]
        counts = sum(slices, overlap.Confusion())
        values = {"dice": counts.dice, "volume_error": counts.volume_error}
    with clock.running("losses"):
        probability.binary_cross_entropy(mask_true=mask_true, probability=probability_map)
        probability.soft_dice_loss(mask_true=mask_true, probability=probability_map)
    with clock.running("surface"):
        distances = surface.surface_distances(mask_true=mask_true, mask_pred=mask_pred)
        values |= {"hd95_px": distances.hd95, "assd_px": distances.assd, "nsd_2px": distances.nsd(2)}
    with clock.running("lesions"):
        scores = lesions.match_lesions(mask_true=mask_true, mask_pred=mask_pred)
        values |= {"lesion_dice": scores.lesion_dice, "lesion_false_positives": float(scores.false_positives)}
    with clock.running("slice detection"):
        values |= {"slice_sensitivity": detection.count_slices(mask_true=mask_true, mask_pred=mask_pred).sensitivity}
        slice_score, slice_true = probability_map.sum(axis=(1, 2)), np.asarray(mask_true.any(axis=(1, 2)))
        values |= {"slice_auc": detection.auc(slice_true=slice_true, slice_score=slice_score)}
    with clock.running("calibration"):
        histogram = calibration.histogram_inside(mask_true=mask_true, probability=probability_map, head=head)
        table = calibration.reliability(histogram)
        values |= {"brier_loss": calibration.brier_loss(histogram)}
        values |= {"expected_calibration_error": table.expected_calibration_error}
    return values


def compare(clock: Clock) -> None:
    """Time the surface distances of this project and of other implementations, on the first patients."""
    for number in range(COMPARED):
        patient = make_patient(number)
        mask_true, mask_pred = patient.mask_true, patient.probability >= 0.5
        with clock.running(OURS):
            distances = surface.surface_distances(mask_true=mask_true, mask_pred=mask_pred)
            _ = distances.hd95, distances.assd, distances.nsd(2)
        with clock.running("medpy"):  # has no NSD
            binary.hd95(mask_pred, mask_true)
            binary.assd(mask_pred, mask_true)
        with clock.running("surface-distance"):
            distances = surface_distance.compute_surface_distances(mask_true, mask_pred, (1, 1, 1))
            surface_distance.compute_robust_hausdorff(distances, 95)
            surface_distance.compute_average_surface_distance(distances)
            surface_distance.compute_surface_dice_at_tolerance(distances, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=110)
    patients = parser.parse_args().patients
    warnings.filterwarnings("ignore", "Please import", DeprecationWarning)  # from surface-distance's imports

    clock = Clock()
    rows = [measure(make_patient(number), clock) for number in range(patients)]
    print(f"{patients} patients of {' x '.join(map(str, SHAPE))}: seconds")
    for name, seconds in clock.items():
        print(f"  {name:28}{seconds:8.2f}")
    print(f"  {'all':28}{sum(clock.values()):8.2f}   peak memory {peak_memory_mb():.0f} MB")

    draws = Clock()
    print("Means of the synthetic patients, with 95 % intervals")
    for name in rows[0]:
        values = [row[name] for row in rows]
        for statistic in STATISTICS:
            with draws.running(statistic):
                found = bootstrap.interval(values, seed=1, statistic=statistic)
            if statistic == "mean":
                print(f"  {name:28}{found.value:9.4f}   {found.ci_low:9.4f} {found.ci_high:9.4f}")
    for name, seconds in draws.items():
        print(f"Bootstrap of one {name}, 10,000 resamples of {patients}: {seconds / len(rows[0]):.3f} s")

    others = Clock()
    compare(others)
    print(f"Surface distances of {COMPARED} patients: seconds, and ratio to brainseg")
    for name, seconds in others.items():
        print(f"  {name:28}{seconds:8.2f}{seconds / others[OURS]:8.1f}")


if __name__ == "__main__":
    main()
