"""Score the test patients beside two models that anyone can have (step 20), on their own grid, without TensorFlow.

Threshold and smallest lesion are chosen on the validation patients first. docs/evaluation.md says what each number is.

Reads:  data/index.csv, data/split.csv, data/predictions/<patient_id>.npz, models/history.csv, the pictures under
        data.root
Writes: models/operating_point.json; metrics/evaluate.json, metrics/scores.csv, metrics/patients.csv, metrics/sites.csv;
        tables to plot: plots/history.csv, precision_recall.csv, confusion.csv, dice_by_patient.csv,
        dice_by_threshold.csv, reliability.csv, volumes.csv
Params: evaluate; split.strategy, because a slice split leaks; data.root, to find the pictures
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from brainseg.errors import UserError
from brainseg.evaluation import plot_tables, threshold_search
from brainseg.evaluation import summary as evaluation
from brainseg.evaluation.cases import read_cases, subset_rows
from brainseg.evaluation.patient_scores import score_cases
from brainseg.files import HISTORY_COLUMNS, INDEX_COLUMNS, SPLIT_COLUMNS, read_table, write_json, write_table
from brainseg.params import Params
from brainseg.prediction.operating_point import write_operating_point
from stages.common import run

LEAK = """\
The split is by slice: the network was trained on the neighbours of these test slices, so the numbers
measure memory and say nothing about a new patient. split.strategy: patient makes ones that do."""
LEGEND = """\
mean with its 95 % interval and median over patients, those left out whose value is undefined; pooled: all
pixels or slices at once; finds nothing, FLAIR > t: means of a model that outlines nothing, and of FLAIR
above {flair_threshold:g} deviations, chosen on validation. Few patients: intervals are too narrow (docs/evaluation.md)
models/operating_point.json; metrics/evaluate.json, scores.csv, patients.csv, sites.csv; tables under plots/
Next: dvc metrics diff, dvc plots show, brainseg compare HEAD workspace, and the pictures: dvc repro visualise"""


def main(params: Params, arguments: argparse.Namespace) -> None:
    out, leaky = arguments.out, params.split.strategy == "slice"
    index = read_table(Path("data/index.csv"), INDEX_COLUMNS)
    split = read_table(out / "data/split.csv", SPLIT_COLUMNS)
    history = read_table(out / "models/history.csv", HISTORY_COLUMNS)
    validation_rows, test_rows = (subset_rows(index, split, subset) for subset in ("validation", "test"))
    if not len(test_rows):
        raise UserError("data/split.csv: no test slice, so nothing to score. Write it again: dvc repro --force split")
    read = partial(read_cases, index=index, root=Path(params.data.root), predictions=out / "data/predictions")

    found = threshold_search.search(read(validation_rows), params.evaluate)
    point = threshold_search.choose(found, params.evaluate)
    test = score_cases(read(test_rows), point, flair_threshold=found.flair_threshold)
    scores, patients = evaluation.score_table(test), evaluation.patient_table(test.patients)
    sites = evaluation.site_table(patients)
    metrics = evaluation.summarise(scores, test, validation_dice=found.dice_at(point).tolist(), point=point)
    scores.index = pd.Index(evaluation.mark_leaky(list(scores.index), leaky=leaky), name="score")

    write_operating_point(out / "models/operating_point.json", point)
    names = evaluation.mark_leaky(list(metrics), leaky=leaky)
    write_json(out / "metrics/evaluate.json", dict(zip(names, metrics.values(), strict=True)))
    write_table(out / "metrics/scores.csv", scores.reset_index())
    write_table(out / "metrics/patients.csv", patients)
    write_table(out / "metrics/sites.csv", sites)
    for name, table in (
        ("history", plot_tables.thinned(history)),
        ("precision_recall", plot_tables.curve_table(test.histogram)),
        ("confusion", plot_tables.confusion_table(test.patients)),
        ("dice_by_patient", plot_tables.dice_table(patients)),
        ("dice_by_threshold", plot_tables.threshold_table(found, point)),
        ("reliability", plot_tables.reliability_table(test.head_histogram)),
        ("volumes", plot_tables.volume_table(patients)),
    ):
        write_table(out / f"plots/{name}.csv", table)

    drops = (
        f"lesions of fewer than {point.smallest_lesion} voxels dropped"
        if point.smallest_lesion
        else "no lesion dropped"
    )
    print(f"{len(found.dice)} validation patients: threshold {point.threshold:g}, {drops}; ", end="")
    print(f"their mean Dice {metrics['validation_dice_mean']:.3f}")
    print(f"{len(patients)} test patients, {len(test.slices)} slices\n")
    report(scores, sites)
    print(LEAK + "\n" if leaky else "", end="")
    print(LEGEND.format(flair_threshold=found.flair_threshold))


def report(scores: pd.DataFrame, sites: pd.DataFrame) -> None:
    """Print each score with its interval beside the two baselines, then the sites."""
    console = Console(width=None if sys.stdout.isatty() else 110, highlight=False)
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    table.add_column("score", no_wrap=True)
    for heading in ("mean", "95 % interval", "median", "left\nout", "pooled", "finds\nnothing", "FLAIR\n> t"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, row in scores.iterrows():
        cell = {column: "-" if pd.isna(value) else f"{value:.3f}" for column, value in row.items()}
        interval = "-" if cell["ci_low"] == "-" else f"{cell['ci_low']} to {cell['ci_high']}"
        columns = ("median", "left_out", "pooled", "background", "flair")
        cell["left_out"] = f"{row['left_out']:.0f}"
        table.add_row(str(name).replace("binary_", ""), cell["mean"], interval, *(cell[column] for column in columns))
    console.print(table, "")
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    for heading in ("site", "patients", "mean Dice", "median", "least", "most", "FLAIR > t"):
        table.add_column(heading, justify="left" if heading == "site" else "right", no_wrap=True)
    columns = ("dice_mean", "dice_median", "dice_min", "dice_max", "flair_dice_mean")
    for _, row in sites.iterrows():
        numbers = ("-" if pd.isna(row[column]) else f"{row[column]:.3f}" for column in columns)
        table.add_row(str(row["site"]), str(row["patients"]), *numbers)
    console.print(table, "")


if __name__ == "__main__":
    run(main, __doc__)
