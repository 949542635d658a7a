"""Score the test patients beside the model that finds nothing (step 20), on their own grid, without TensorFlow.

Reads:  data/index.csv, data/split.csv, data/predictions/<patient_id>.npz, models/history.csv, the masks under data.root
Writes: metrics/evaluate.json, metrics/patients.csv; tables to plot: plots/history.csv, plots/precision_recall.csv,
        plots/confusion.csv, plots/dice_by_patient.csv
Params: evaluate; split.strategy, because a slice split leaks; data.root, to find the masks
"""

import argparse
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from brainseg import evaluation, scoring
from brainseg.errors import UserError
from brainseg.params import Params
from brainseg.tables import HISTORY_COLUMNS, INDEX_COLUMNS, SPLIT_COLUMNS, read_table, write_json, write_table
from stages.common import run


def main(params: Params, arguments: argparse.Namespace) -> None:
    out, threshold = arguments.out, params.evaluate.threshold
    index = read_table(Path("data/index.csv"), INDEX_COLUMNS)
    split = read_table(out / "data/split.csv", SPLIT_COLUMNS)
    history = read_table(out / "models/history.csv", HISTORY_COLUMNS)
    validation, test = (
        scoring.score_subset(
            scoring.subset_rows(index, split, subset),
            root=Path(params.data.root),
            predictions=out / "data/predictions",
            threshold=threshold,
        )
        for subset in ("validation", "test")
    )
    if not test.patients:
        raise UserError("data/split.csv: no test slice, so nothing to score. Write it again: dvc repro --force split")

    leaky = params.split.strategy == "slice"
    metrics = evaluation.summarise(test, validation, threshold=threshold, leaky=leaky)
    patients = evaluation.patient_table(test.patients)
    write_json(out / "metrics/evaluate.json", metrics)
    write_table(out / "metrics/patients.csv", patients)
    write_table(out / "plots/history.csv", evaluation.history_table(history))
    write_table(out / "plots/precision_recall.csv", evaluation.curve_table(test.histogram))
    write_table(out / "plots/confusion.csv", evaluation.confusion_table(test.patients))
    write_table(out / "plots/dice_by_patient.csv", evaluation.dice_table(patients))
    report(evaluation.score_table(test), metrics, leaky=leaky)


def report(scores: pd.DataFrame, metrics: dict[str, float | int], *, leaky: bool) -> None:
    """Print each score beside the all-background model's."""
    mark = "leaky_" if leaky else ""
    patients, slices, threshold = (metrics[mark + name] for name in ("test_patients", "test_slices", "threshold"))
    print(f"{patients} test patients, {slices} slices, threshold {threshold:g}")
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    table.add_column("score", no_wrap=True)
    background = "all-\nbackground\n"
    for column in ("mean", "median", "left\nout", "pooled", f"{background}mean", f"{background}pooled"):
        table.add_column(column, justify="right")
    for name, row in scores.iterrows():
        cells = {key: "-" if pd.isna(value) else f"{value:.4f}" for key, value in row.items()}
        cells["left_out"] = f"{row['left_out']:.0f}"
        table.add_row(mark + str(name).removeprefix("binary_").removesuffix("_loss"), *cells.values())
    Console().print(table, "")
    if leaky:
        print(
            "The split is by slice: the network was trained on the neighbours of these test slices, so the numbers\n"
            "measure memory and say nothing about a new patient. split.strategy: patient makes ones that do."
        )
    print(
        "mean and median over patients, those left out whose value is undefined; pooled: all pixels at once\n"
        "metrics/evaluate.json, metrics/patients.csv with a row per patient, tables under plots/\n"
        "Next: dvc metrics diff, dvc plots show, and the pictures: dvc repro visualise"
    )


if __name__ == "__main__":
    run(main, __doc__)
