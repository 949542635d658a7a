"""Reports printed in the terminal: the scores of a run, a cross-validation, the comparison of two runs."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from brainseg.evaluation.comparison import DIGITS, MIN_PATIENTS, RunComparison
from brainseg.evaluation.threshold_search import ThresholdSearch
from brainseg.terminal import printable
from brainseg.text_table import format_number, format_table, format_text

LEAK = """
The split is by slice: the network was trained on the neighbours of these test slices, so the numbers measure memory
and say nothing about a new patient. split.strategy: patient makes ones that do."""
LEGEND = """
mean with its 95 % interval and median over patients; left out: patients whose value is undefined; finds nothing,
FLAIR > t: means of two untrained baselines, which outline nothing, and FLAIR above {flair_threshold:g} standard
deviations, chosen on validation. Intervals from few patients are too narrow (docs/evaluation.md)."""
FILES = """
{metrics}/ has evaluate.json for dvc metrics, scores.csv with all scores, also of all pixels pooled, patients.csv
and sites.csv."""
NEXT = "Next: dvc metrics diff, dvc plots show, brainseg compare HEAD workspace, and the figures: dvc repro visualise"
NEXT_CROSS_VALIDATION = "Next: dvc --cd cv metrics diff, to compare with the last commit"
COMPARISON_LEGEND = f"""
verdict: B is better or worse if the 95 % interval excludes 0, unclear if it includes 0; too few: no verdict from fewer
than {MIN_PATIENTS} patients. Unclear does not mean equal: with few patients the interval is wide. One score in twenty
excludes 0 by chance: decide which one counts before you look. The interval does not include the variation between
training runs: another seed changes scores too. See docs/evaluation.md."""


def print_scores(
    scores: pd.DataFrame,
    patients: pd.DataFrame,
    sites: pd.DataFrame,
    metrics: Mapping[str, float | int],
    *,
    search: ThresholdSearch,
    leaky: bool,
    out: Path,
) -> None:
    """Print what the stage evaluate found: the operating point, every score beside the baselines, and the sites.

    Args:
        scores: metrics/scores.csv, indexed by name.
        patients: metrics/patients.csv.
        sites: metrics/sites.csv.
        metrics: metrics/evaluate.json, names without leaky_.
        search: the search for the operating point on the validation patients.
        leaky: whether slices of one patient are in several subsets.
        out: folder that the stage's files are relative to.
    """
    smallest = metrics["smallest_lesion"]
    lesions = f"lesions of fewer than {smallest} voxels removed" if smallest else "no lesion removed"
    print(
        format_text(
            f"{len(search.dice)} validation patients: threshold {metrics['threshold']:g}, {lesions}; their mean Dice "
            f"{format_number(metrics['validation_dice_mean'])}",
            f"{len(patients)} test patients, {patients['slices'].sum()} slices",
        )
    )
    print(f"\n{_score_rows(scores)}\n\n{_site_rows(sites)}\n")
    legend = [LEGEND.format(flair_threshold=search.flair_threshold), FILES.format(metrics=out / "metrics")]
    print(format_text(*[LEAK] * leaky, *legend, *[NEXT] * (out == Path())))


def print_cross_validation(folds: pd.DataFrame, metrics: Mapping[str, float | int], remark: str) -> None:
    """Print the table of the folds, and the Dice of all patients with its intervals.

    Args:
        folds: cv/metrics/folds.csv.
        metrics: cv/metrics/cross_validation.json.
        remark: a sentence on which published scores the patients can be compared with.
    """
    headings = ["fold", "test\npatients", "mean\nDice", "median\nDice", "threshold", "smallest\nlesion"]
    print(
        format_table(
            [*headings, "validation\nmean Dice"],
            [
                [
                    str(row.fold),
                    str(row.test_patients),
                    format_number(row.dice_mean),
                    format_number(row.dice_median),
                    f"{row.threshold:g}",
                    str(row.smallest_lesion),
                    format_number(row.validation_dice_mean),
                ]
                for row in folds.itertuples()
            ],
        )
    )
    lines = []
    for name in ("mean", "median"):
        value, low, high = (format_number(metrics[f"cv_dice_{name}{end}"]) for end in ("", "_ci_low", "_ci_high"))
        lines.append(f"Dice of all {metrics['cv_patients']} patients, {name} {value}, 95 % interval {low} to {high}")
    lines.append(f"{metrics['cv_dice_left_out']} patients without a Dice left out. {remark}")
    lines.append("cv/metrics/ has the tables, cv/plots/dice_distribution.png shows each patient")
    print("\n" + format_text(*lines, NEXT_CROSS_VALIDATION))


def print_comparison(comparison: RunComparison, name_a: str, name_b: str) -> None:
    """Print the difference of each score of two runs, and the patients that changed most.

    Args:
        comparison: the two runs.
        name_a: of the first run, as the user gave it.
        name_b: of the second run.
    """
    counts = f"only in A {comparison.only_a}, only in B {comparison.only_b}"
    if comparison.other_slices:
        counts += f"; left out, scored on other slices or outlines: {comparison.other_slices}"
    print(f"A: {printable(name_a)}\nB: {printable(name_b)}")
    print(format_text(f"{len(comparison.patients)} test patients in both; {counts}") + "\n")
    rows = []
    for name, difference in comparison.differences.items():
        a, b = comparison.patients[[f"{name}_a", f"{name}_b"]].dropna().mean()
        low, high = (format_number(end, DIGITS, sign=True) for end in (difference.ci_low, difference.ci_high))
        interval = f"{low} to {high}" if difference.count >= MIN_PATIENTS else "-"
        numbers = [format_number(a), format_number(b), format_number(difference.value, DIGITS, sign=True), interval]
        rows.append([name, *numbers, str(difference.left_out), comparison.verdict(name)])
    headings = ["mean over patients", "A", "B", "B - A", "95 % interval", "left\nout", "verdict"]
    print(format_table(headings, rows) + "\n")
    changes = comparison.largest_changes()
    if len(changes):
        values = changes[["dice_a", "dice_b"]].map(format_number)
        values["change"] = changes["change"].map(lambda change: format_number(change, sign=True))
        rows = [[str(row.Index), row.dice_a, row.dice_b, row.change] for row in values.itertuples()]
        print(format_table(["Dice changed most", "A", "B", "B - A"], rows))
    else:
        print("Dice changed most: in no patient")
    print("\n" + format_text(COMPARISON_LEGEND))


def _score_rows(scores: pd.DataFrame) -> str:
    """One row per score: mean, interval, median, patients left out, and the two baselines."""
    rows = []
    for name, row in scores.iterrows():
        cell = {column: format_number(value) for column, value in row.items()}
        interval = "-" if cell["ci_low"] == "-" else f"{cell['ci_low']} to {cell['ci_high']}"
        left_out = f"{row['left_out']:.0f}"
        rows.append([str(name), cell["mean"], interval, cell["median"], left_out, cell["background"], cell["flair"]])
    headings = ["score", "mean", "95 % interval", "median", "left\nout", "finds\nnothing", "FLAIR\n> t"]
    return format_table(headings, rows)


def _site_rows(sites: pd.DataFrame) -> str:
    """One row per site: number of patients, their Dice, and the mean Dice of the FLAIR-threshold baseline."""
    columns = ["dice_mean", "dice_median", "dice_min", "dice_max", "flair_dice_mean"]
    rows = [
        [str(row["site"]), str(row["patients"]), *(format_number(row[column]) for column in columns)]
        for _, row in sites.iterrows()
    ]
    return format_table(["site", "patients", "mean Dice", "median", "minimum", "maximum", "FLAIR > t"], rows)
