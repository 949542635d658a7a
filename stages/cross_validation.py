"""Join the folds of the cross-validation: each patient once, scored by a network that never saw them.

Reads:  data/index.csv, metrics/index.json; of each fold cv/folds/K/data/split.csv, metrics/patients.csv and
        metrics/evaluate.json
Writes: cv/metrics/cross_validation.json, patients.csv, sites.csv, folds.csv; cv/plots/dice_distribution.png
Params: split.folds
"""

import argparse
from pathlib import Path

import pandas as pd

from brainseg.evaluation import cross_validation as pooling
from brainseg.evaluation.summary import site_table
from brainseg.figures.cross_validation import BUDA, draw_dice_distribution
from brainseg.files import INDEX_COLUMNS, read_table, write_json, write_table
from brainseg.params import Params
from stages.common import run

WHOSE = {
    "published": f"On patients of the same set, 110 of them in 22 folds: {BUDA}.",
    "synthetic": "Synthetic patients: these scores say nothing about people, and no published one is a yardstick.",
    "other": "Not the published Kaggle set: its published scores are of other patients.",
}


def main(params: Params, arguments: argparse.Namespace) -> None:
    out = arguments.out
    index = read_table(Path("data/index.csv"), INDEX_COLUMNS)
    folds = pooling.read_folds(out / "folds", params.split.folds)
    patients, table = pooling.pool(folds, set(index.patient_id)), pooling.fold_table(folds)
    metrics, kind = pooling.summarise(patients, table), pooling.patient_source(patients, Path("metrics/index.json"))

    write_json(out / "metrics/cross_validation.json", metrics)
    write_table(out / "metrics/patients.csv", patients)
    write_table(out / "metrics/sites.csv", site_table(patients))
    write_table(out / "metrics/folds.csv", table)
    draw_dice_distribution(patients, out / "plots/dice_distribution.png", kind=kind)
    report(table, metrics, WHOSE[kind])


def report(table: pd.DataFrame, metrics: dict[str, float | int], whose: str) -> None:
    """Print the folds, and all patients together."""
    print(table.to_string(index=False, float_format="{:.3f}".format, na_rep="-"))
    for name in ("mean", "median"):
        low, high = (metrics[f"cv_dice_{name}_ci_{end}"] for end in ("low", "high"))
        value = metrics[f"cv_dice_{name}"]
        print(f"Dice of all {metrics['cv_patients']} patients, {name:<6} {value:.3f}, 95 % {low:.3f} to {high:.3f}")
    print(f"{metrics['cv_dice_left_out']} patients without a Dice left out. {whose}")
    print("cv/metrics/ has the tables, cv/plots/dice_distribution.png shows each patient")
    print("Next: dvc --cd cv metrics diff, to compare with the last commit")


if __name__ == "__main__":
    run(main, __doc__)
