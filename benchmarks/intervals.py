"""Measure how often the 95 % interval of few patients contains the true mean, and how wide it is.

    python -m benchmarks.intervals
    python -m benchmarks.intervals --patients metrics/patients.csv

Patients are drawn many times from a population whose mean Dice is known, and the intervals that contain this mean are
counted. The population is simulated, with the published mean and median of 110 patients (Buda et al. 2019), or is the
table of a patients.csv, from which patients are drawn with replacement.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats

from brainseg.dataset.kaggle_lgg import PUBLISHED_DICE_MEAN, PUBLISHED_DICE_MEDIAN
from brainseg.metrics.bootstrap import interval, paired_difference

SIZES = (3, 7, 10, 17, 28, 110)
RESAMPLES = 2000  # per interval
# A second model: its Dice is higher by this mean, with this standard deviation over patients.
DIFFERENCE_MEAN, DIFFERENCE_SD = 0.02, 0.05


def published_population() -> NDArray[np.float64]:
    """Draw the Dice of a million patients, shape (1000000,), from a beta distribution with the published statistics."""

    def distribution(a: float) -> Any:
        """Return the beta distribution with this first parameter and the published mean."""
        return stats.beta(a, a * (1 - PUBLISHED_DICE_MEAN) / PUBLISHED_DICE_MEAN)

    a = optimize.brentq(lambda a: distribution(a).median() - PUBLISHED_DICE_MEDIAN, 0.5, 50)
    return np.asarray(distribution(a).rvs(1_000_000, random_state=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=Path, help="patients.csv to draw from (default: the simulated population)")
    parser.add_argument("--draws", type=int, default=2000, help="per number of patients (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.patients:
        population = pd.read_csv(arguments.patients)["dice"].dropna().to_numpy()
    else:
        population = published_population()
    truth = population.mean()
    print(f"mean {truth:.3f}, median {np.median(population):.3f}, standard deviation {population.std():.3f}")
    print("patients   contains mean       half width   detects +0.02 of a second model")
    rng = np.random.default_rng(2)
    for size in SIZES:
        contained, half_widths, detected = 0, [], 0
        for _ in range(arguments.draws):
            values = rng.choice(population, size)
            found = interval(values, seed=1, resamples=RESAMPLES)
            contained += found.ci_low <= truth <= found.ci_high
            half_widths.append((found.ci_high - found.ci_low) / 2)
            better = values + rng.normal(DIFFERENCE_MEAN, DIFFERENCE_SD, size)
            detected += paired_difference(values_a=values, values_b=better, seed=1, resamples=RESAMPLES).ci_low > 0
        print(
            f"{size:8}{contained / arguments.draws:15.1%}{np.mean(half_widths):17.3f}{detected / arguments.draws:23.0%}"
        )


if __name__ == "__main__":
    main()
