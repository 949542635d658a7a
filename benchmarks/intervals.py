"""How far to trust a 95 % interval from few patients: how often it holds the truth, and how wide it is.

    python -m benchmarks.intervals
    python -m benchmarks.intervals --patients metrics/patients.csv

Patients are drawn from a population whose mean Dice is known, an interval is made of each draw, and those that hold the
mean are counted. The population is made up to have the published mean and median of 110 patients (Buda et al. 2019), or
is that of a patients.csv: there, patients are drawn from the table with replacement.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats

from brainseg.metrics.bootstrap import interval, paired_difference

MEAN, MEDIAN = 0.836, 0.873  # Buda et al. 2019, doi 10.1016/j.compbiomed.2019.05.002
SIZES = (3, 7, 10, 17, 28, 110)
RESAMPLES = 2000  # of each interval
CHANGE, SPREAD = 0.02, 0.05  # Dice: a second model that is so much better on average, by patient with this deviation


def published_population() -> NDArray[np.float64]:
    """Dice of a million made-up patients, shape (1000000,): a beta distribution with the published mean and median."""

    def miss(a: float) -> float:
        return float(stats.beta.median(a, a * (1 - MEAN) / MEAN)) - MEDIAN

    a = optimize.brentq(miss, 0.5, 50)
    return np.asarray(stats.beta(a, a * (1 - MEAN) / MEAN).rvs(1_000_000, random_state=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=Path, help="patients.csv to draw from")
    parser.add_argument("--draws", type=int, default=2000, help="of each size (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.patients:
        population = pd.read_csv(arguments.patients)["dice"].dropna().to_numpy()
    else:
        population = published_population()
    truth = population.mean()
    print(f"mean {truth:.3f}, median {np.median(population):.3f}, standard deviation {population.std():.3f}")
    print("patients   holds the mean   half its width   sees +0.02 of a second model")
    rng = np.random.default_rng(2)
    for size in SIZES:
        held, widths, seen = 0, [], 0
        for _ in range(arguments.draws):
            values = rng.choice(population, size)
            found = interval(values, seed=1, resamples=RESAMPLES)
            held += found.ci_low <= truth <= found.ci_high
            widths.append((found.ci_high - found.ci_low) / 2)
            better = values + rng.normal(CHANGE, SPREAD, size)
            seen += paired_difference(values_a=values, values_b=better, seed=1, resamples=RESAMPLES).ci_low > 0
        print(f"{size:8}{held / arguments.draws:15.1%}{np.mean(widths):17.3f}{seen / arguments.draws:23.0%}")


if __name__ == "__main__":
    main()
