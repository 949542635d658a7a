"""Reports printed in the terminal: the scores of a run, a cross-validation, the comparison of two runs."""

import sys
from collections.abc import Mapping

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from brainseg.evaluation.comparison import RunComparison
from brainseg.evaluation.threshold_search import ThresholdSearch

WIDTH = 110  # columns, where the output is not a terminal
LEAK = """\
The split is by slice: the network was trained on the neighbours of these test slices, so the numbers
measure memory and say nothing about a new patient. split.strategy: patient makes ones that do."""
LEGEND = """\
mean with its 95 % interval and median over patients; left out: patients whose value is undefined; pooled:
all pixels or slices together; finds nothing, FLAIR > t: means of two untrained baselines, which outline
nothing, and FLAIR above {flair_threshold:g} standard deviations, chosen on validation. Intervals from few
patients are too narrow (docs/evaluation.md).
models/operating_point.json; metrics/evaluate.json, scores.csv, patients.csv, sites.csv; tables under plots/
Next: dvc metrics diff, dvc plots show, brainseg compare HEAD workspace, and the figures: dvc repro visualise"""
COMPARISON_LEGEND = """\
An interval that includes 0 does not prove that the runs are equal: with few patients it is wide. One score
in twenty excludes 0 by chance: decide which one counts before you look. The interval does not include the
variation between training runs: another seed changes scores too. See docs/evaluation.md."""


def print_scores(
    scores: pd.DataFrame,
    patients: pd.DataFrame,
    sites: pd.DataFrame,
    metrics: Mapping[str, float | int],
    *,
    search: ThresholdSearch,
    leaky: bool,
) -> None:
    """Print what the stage evaluate found: the operating point, every score beside the baselines, and the sites.

    Args:
        scores: metrics/scores.csv, indexed by name.
        patients: metrics/patients.csv.
        sites: metrics/sites.csv.
        metrics: metrics/evaluate.json, names without leaky_.
        search: the search for the operating point on the validation patients.
        leaky: whether slices of one patient are in several subsets.
    """
    smallest = metrics["smallest_lesion"]
    lesions = f"lesions of fewer than {smallest} voxels removed" if smallest else "no lesion removed"
    print(f"{len(search.dice)} validation patients: threshold {metrics['threshold']:g}, {lesions}; ", end="")
    print(f"their mean Dice {metrics['validation_dice_mean']:.3f}")
    print(f"{len(patients)} test patients, {patients['slices'].sum()} slices\n")
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    console.print(_score_rows(scores), "")
    console.print(_site_rows(sites), "")
    if leaky:
        print(LEAK)
    print(LEGEND.format(flair_threshold=search.flair_threshold))


def print_cross_validation(folds: pd.DataFrame, metrics: Mapping[str, float | int], remark: str) -> None:
    """Print the folds, and the Dice of all patients together.

    Args:
        folds: cv/metrics/folds.csv.
        metrics: cv/metrics/cross_validation.json.
        remark: a sentence on which published scores the patients can be compared with.
    """
    print(folds.to_string(index=False, float_format="{:.3f}".format, na_rep="-"))
    for name in ("mean", "median"):
        low, high = (metrics[f"cv_dice_{name}_ci_{end}"] for end in ("low", "high"))
        value = metrics[f"cv_dice_{name}"]
        print(f"Dice of all {metrics['cv_patients']} patients, {name:<6} {value:.3f}, 95 % {low:.3f} to {high:.3f}")
    print(f"{metrics['cv_dice_left_out']} patients without a Dice left out. {remark}")
    print("cv/metrics/ has the tables, cv/plots/dice_distribution.png shows each patient")
    print("Next: dvc --cd cv metrics diff, to compare with the last commit")


def print_comparison(comparison: RunComparison, name_a: str, name_b: str) -> None:
    """Print the difference of each score of two runs, and the patients that changed most.

    Args:
        comparison: the two runs.
        name_a: of the first run, as the user gave it.
        name_b: of the second run.
    """
    print(f"A: {name_a}\nB: {name_b}")
    print(f"{len(comparison.patients)} test patients in both; ", end="")
    print(f"only in A {comparison.only_a}, only in B {comparison.only_b}", end="")
    others = comparison.other_slices
    print(f"; left out, scored on other slices or outlines: {others}" if others else "")
    print(f"\n{'mean over patients':<24}{'A':>9}{'B':>9}{'B - A':>9}  {'95 % interval':<20}{'left out':>8}  verdict")
    for name, difference in comparison.differences.items():
        both = comparison.patients[[f"{name}_a", f"{name}_b"]].dropna()
        a, b = both.mean()
        interval = f"{difference.ci_low:+.4f} to {difference.ci_high:+.4f}" if difference.count > 1 else "-"
        numbers = f"{a:9.4f}{b:9.4f}{difference.value:+9.4f}" if difference.count else f"{'-':>9}" * 3
        print(f"{name:<24}{numbers}  {interval:<20}{difference.left_out:>8}  {comparison.verdict(name)}")
    changes = comparison.largest_changes()
    print(f"\nDice changed most{'' if len(changes) else ': in no patient'}")
    for patient_id, row in changes.iterrows():
        print(f"  {patient_id:<30}{row['dice_a']:7.3f} ->{row['dice_b']:7.3f}  {row['change']:+.3f}")
    print(f"\n{COMPARISON_LEGEND}")


def _score_rows(scores: pd.DataFrame) -> Table:
    """One row per score: mean, interval, median, patients left out, pooled, and the two baselines."""
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    table.add_column("score", no_wrap=True)
    for heading in ("mean", "95 % interval", "median", "left\nout", "pooled", "finds\nnothing", "FLAIR\n> t"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, row in scores.iterrows():
        cell = {column: "-" if pd.isna(value) else f"{value:.3f}" for column, value in row.items()}
        interval = "-" if cell["ci_low"] == "-" else f"{cell['ci_low']} to {cell['ci_high']}"
        cell["left_out"] = f"{row['left_out']:.0f}"
        columns = ("median", "left_out", "pooled", "background", "flair")
        table.add_row(str(name).replace("binary_", ""), cell["mean"], interval, *(cell[column] for column in columns))
    return table


def _site_rows(sites: pd.DataFrame) -> Table:
    """One row per site: number of patients, their Dice, and the mean Dice of the FLAIR-threshold baseline."""
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    for heading in ("site", "patients", "mean Dice", "median", "minimum", "maximum", "FLAIR > t"):
        table.add_column(heading, justify="left" if heading == "site" else "right", no_wrap=True)
    columns = ("dice_mean", "dice_median", "dice_min", "dice_max", "flair_dice_mean")
    for _, row in sites.iterrows():
        numbers = ("-" if pd.isna(row[column]) else f"{row[column]:.3f}" for column in columns)
        table.add_row(str(row["site"]), str(row["patients"]), *numbers)
    return table
