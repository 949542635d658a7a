"""Score the test patients beside two untrained baselines (step 20), on their own grid, without TensorFlow.

Threshold and smallest lesion are chosen on the validation patients first. docs/evaluation.md explains every score.

Reads:  data/index.csv, data/split.csv, data/predictions/, models/history.csv, the images under data.root
Writes: models/operating_point.json; metrics/evaluate.json, metrics/scores.csv, metrics/patients.csv, metrics/sites.csv;
        tables to plot: plots/history.csv, precision_recall.csv, confusion.csv, dice_by_patient.csv,
        dice_by_threshold.csv, reliability.csv, volumes.csv
Params: evaluate; split.strategy, because a split by slice leaks; data.root
"""

import argparse
from functools import partial
from pathlib import Path

from brainseg.errors import UserError
from brainseg.evaluation import plot_tables, summary
from brainseg.evaluation.cases import read_cases
from brainseg.evaluation.console import print_scores
from brainseg.evaluation.patient_scores import score_cases
from brainseg.evaluation.threshold_search import choose_operating_point, search_thresholds
from brainseg.files import (
    HISTORY_COLUMNS,
    INDEX_COLUMNS,
    SPLIT_COLUMNS,
    read_table,
    select_subset,
    write_json,
    write_table,
)
from brainseg.params import Params
from brainseg.prediction.operating_point import write_operating_point
from stages.common import run


def main(params: Params, arguments: argparse.Namespace) -> str:
    out, leaky = arguments.out, params.split.strategy == "slice"
    index = read_table(Path("data/index.csv"), INDEX_COLUMNS)
    split = read_table(out / "data/split.csv", SPLIT_COLUMNS)
    history = read_table(out / "models/history.csv", HISTORY_COLUMNS)
    validation_rows, test_rows = (select_subset(index, split, subset) for subset in ("validation", "test"))
    if test_rows.empty:
        raise UserError("data/split.csv: no test slice, so nothing to score. Write it again: dvc repro --force split")
    read = partial(read_cases, index=index, root=Path(params.data.root), predictions=out / "data/predictions")

    search = search_thresholds(read(validation_rows), params.evaluate)
    point = choose_operating_point(search, params.evaluate)
    test = score_cases(read(test_rows, with_withheld=True), point, flair_threshold=search.flair_threshold)
    scores, patients = summary.score_table(test), summary.patient_table(test.patients)
    sites = summary.site_table(patients)
    metrics = summary.summarise(scores, patients, validation_dice=search.dice_at(point).tolist(), point=point)

    prefix = "leaky_" if leaky else ""
    scores = scores.add_prefix(prefix, axis="index")
    write_operating_point(out / "models/operating_point.json", point)
    write_json(out / "metrics/evaluate.json", {prefix + name: value for name, value in metrics.items()})
    write_table(out / "metrics/scores.csv", scores.reset_index(names="score"))
    write_table(out / "metrics/patients.csv", patients)
    write_table(out / "metrics/sites.csv", sites)
    for name, table in (
        ("history", plot_tables.thin(history)),
        ("precision_recall", plot_tables.curve_table(test.histogram, point)),
        ("confusion", plot_tables.confusion_table(test.patients)),
        ("dice_by_patient", plot_tables.dice_table(patients)),
        ("dice_by_threshold", plot_tables.threshold_table(search, point)),
        ("reliability", plot_tables.reliability_table(test.head_histogram)),
        ("volumes", plot_tables.volume_table(patients)),
    ):
        write_table(out / f"plots/{name}.csv", plot_tables.escape_text(table))
    print_scores(scores, patients, sites, metrics, search=search, leaky=leaky, out=out)
    return f"mean Dice {metrics['dice_mean']:.3f} of {len(patients)} test patients"


if __name__ == "__main__":
    run(main, __doc__)
