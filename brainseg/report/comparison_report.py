"""The page that compares two runs: their scores side by side, and which patients moved."""

import math
from pathlib import Path
from typing import Any

from brainseg.evaluation.comparison import MIN_PATIENTS, RunComparison
from brainseg.metrics import bootstrap
from brainseg.report.page import write_page

LABELS = {"better": "B is better", "worse": "B is worse", "unclear": "unclear", "too few": "too few patients"}


def write_comparison(path: Path, comparison: RunComparison, name_a: str, name_b: str, *, made: str) -> None:
    """Write the page.

    Args:
        path: the HTML file to write.
        comparison: from `brainseg.evaluation.comparison.compare`.
        name_a: of the first run, as the user gave it.
        name_b: of the second run.
        made: when and by what, from `brainseg.report.provenance.provenance`.
    """
    both = comparison.patients[["dice_a", "dice_b"]].dropna()  # or the means would not differ by the difference
    dice = {run: both[f"dice_{run}"] for run in ("a", "b")}
    write_page(
        path,
        "comparison.html",
        names={"a": name_a, "b": name_b},
        headline=[
            {
                "name": run.upper(),
                "dice": sorted(dice[run].tolist()),
                "mean": bootstrap.interval(dice[run]),
                "median": bootstrap.interval(dice[run], statistic="median"),
            }
            for run in dice
        ],
        difference=comparison.differences["dice"],
        verdict=LABELS[comparison.verdict("dice")],
        scores=_score_rows(comparison),
        patients=moved_patients(comparison),
        comparison=comparison,
        min_patients=MIN_PATIENTS,
        made=made,
    )


def moved_patients(comparison: RunComparison) -> list[dict[str, Any]]:
    """The patients by how far their Dice moved, largest gain first; those without a Dice in a run come last.

    Returns:
        Of each: patient_id, dice of a and b, change, and the style of the change: better, worse or other.
    """
    rows = []
    for patient_id, row in comparison.patients.iterrows():
        change = float(row["dice_b"] - row["dice_a"])
        style = "better" if change > 0 else "worse" if change < 0 else "other"
        rows.append(
            {"patient_id": patient_id, "a": row["dice_a"], "b": row["dice_b"], "change": change, "style": style}
        )
    return sorted(rows, key=lambda row: (math.isnan(row["change"]), -row["change"], str(row["patient_id"])))


def _score_rows(comparison: RunComparison) -> list[dict[str, Any]]:
    rows = []
    for name, difference in comparison.differences.items():
        a, b = comparison.patients[[f"{name}_a", f"{name}_b"]].dropna().mean()
        verdict = LABELS[comparison.verdict(name)]
        rows.append({"name": name, "a": a, "b": b, "difference": difference, "verdict": verdict})
    return rows
