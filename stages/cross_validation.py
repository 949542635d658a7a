"""Join the folds of the cross-validation: every patient once, scored by a network that was not trained on them.

Reads:  data/index.csv, metrics/index.json; of each fold cv/folds/K/data/split.csv, metrics/patients.csv and
        metrics/evaluate.json
Writes: cv/metrics/cross_validation.json, patients.csv, sites.csv, folds.csv; cv/plots/dice_distribution.png
Params: split.folds
"""

import argparse
from pathlib import Path

from brainseg.dataset.kaggle_lgg import PUBLISHED_DICE_MEAN, PUBLISHED_DICE_MEDIAN
from brainseg.evaluation import cross_validation
from brainseg.evaluation.console import print_cross_validation
from brainseg.evaluation.summary import site_table
from brainseg.figures.cross_validation import draw_dice_distribution
from brainseg.files import INDEX_COLUMNS, read_table, write_json, write_table
from brainseg.params import Params
from stages.common import run

REMARKS = {
    "published": "Published for this data set, 110 patients in 22 folds: "
    f"mean {PUBLISHED_DICE_MEAN}, median {PUBLISHED_DICE_MEDIAN} (Buda et al. 2019).",
    "synthetic": "Synthetic patients: these scores say nothing about people; do not compare them with published ones.",
    "other": "Not the published Kaggle set: its published scores are of other patients.",
}


def main(params: Params, arguments: argparse.Namespace) -> None:
    out = arguments.out
    index = read_table(Path("data/index.csv"), INDEX_COLUMNS)
    folds = cross_validation.read_folds(out / "folds", params.split.folds)
    patients = cross_validation.join_folds(folds, set(index.patient_id))
    table = cross_validation.fold_table(folds)
    metrics = cross_validation.summarise(patients, table)
    source = cross_validation.patient_source(patients, Path("metrics/index.json"))

    write_json(out / "metrics/cross_validation.json", metrics)
    write_table(out / "metrics/patients.csv", patients)
    write_table(out / "metrics/sites.csv", site_table(patients))
    write_table(out / "metrics/folds.csv", table)
    draw_dice_distribution(patients, out / "plots/dice_distribution.png", source=source)
    print_cross_validation(table, metrics, REMARKS[source])


if __name__ == "__main__":
    run(main, __doc__)
