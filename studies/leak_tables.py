"""The tables of `studies.leak`: differences between two groups of patients, with 95 % intervals."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from studies import leak_scores

LEAK = "the leak: first minus second"


def gap_table(patients: pd.DataFrame) -> pd.DataFrame:
    """Make the table of what each model claims, what it reaches, and the gap between them.

    Args:
        patients: rows of `count_cases` with the columns model and part; only the parts claim and reached are used.

    Returns:
        One row per score and model. Columns score, model, and those of `contrast` for claim, reached and gap = claim -
        reached. The two parts consist of different patients, so they are resampled independently.
    """
    rows = []
    for name, score in leak_scores.SCORES.items():
        for model, group in patients.groupby("model"):
            parts = {part: group[group.part == part] for part in ("claim", "reached")}
            columns, _ = contrast(parts, score, "gap", paired=False)
            rows.append({"score": name, "model": model, **columns})
    return pd.DataFrame(rows)


def pair_table(patients: pd.DataFrame, models: Mapping[str, str], parts: Mapping[str, str]) -> pd.DataFrame:
    """Make the table that compares two models on the same slices.

    Args:
        patients: as for `gap_table`; both models have the same slices in each of `parts`.
        models: column of the table -> name of the model in `patients`, two of them.
        parts: part -> its label in the table, two of them.

    Returns:
        Three rows per score: one for each part, and one for the leak, the difference on the first part minus the
        difference on the second. Columns score, slices_of, and those of `contrast` for the two models and difference =
        first - second; NaN for the models in the row of the leak. Patients are resampled with the values of both
        models.
    """
    rows = []
    for name, score in leak_scores.SCORES.items():
        values, draws = [], []
        for number, (part, label) in enumerate(parts.items()):
            group = patients[patients.part == part]
            sides = {column: group[group.model == model] for column, model in models.items()}
            columns, drawn = contrast(sides, score, "difference", paired=True, seed=number)
            values.append(columns["difference"])
            draws.append(drawn)
            rows.append({"score": name, "slices_of": label, **columns})
        leak = _with_interval("difference", values[0] - values[1], draws[0] - draws[1])
        rows.append({"score": name, "slices_of": LEAK, **leak})
    return pd.DataFrame(rows)


def contrast(
    sides: Mapping[str, pd.DataFrame], score: leak_scores.Score, difference: str, *, paired: bool, seed: int = 0
) -> tuple[dict[str, float | int], leak_scores.Array]:
    """Compute a score of two groups of patients and the difference between them.

    Args:
        sides: name -> rows of `count_cases`, two of them.
        score: the score to compute.
        difference: name of the first minus the second.
        paired: whether both groups are the same patients. They are then resampled together, and a patient without a
            value in one group is left out of both.
        seed: the same seed gives the same resamples.

    Returns:
        A row: for each side and the difference, the value under its name, and the 95 % interval under its name with
        _low and _high, NaN with fewer than two patients; for each side, the number of patients without a value under
        its name with _left_out. Then the differences of the resamples, shape (RESAMPLES,).
    """
    tables = {name: side.set_index("patient_id")[list(score.columns)] for name, side in sides.items()}
    known = {name: table.dropna() for name, table in tables.items()}
    first, second = known
    if paired:
        both = known[first].index.intersection(known[second].index)
        known = {name: table.loc[both] for name, table in known.items()}
    found = [
        leak_scores.estimate(table, score, seed=(leak_scores.SEED, seed if paired else seed + number))
        for number, table in enumerate(known.values())
    ]
    (value, draws), (other, other_draws) = found
    columns: dict[str, float | int] = {
        **_with_interval(first, value, draws),
        **_with_interval(second, other, other_draws),
        **_with_interval(difference, value - other, draws - other_draws),
        **{f"{name}_left_out": len(tables[name]) - len(known[name]) for name in known},
    }
    return columns, draws - other_draws


def _with_interval(name: str, value: float, draws: leak_scores.Array) -> dict[str, float]:
    """Return a value and its percentile interval: the middle 95 % of the draws that are not NaN.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.3.
    """
    known = draws[~np.isnan(draws)]
    low, high = np.quantile(known, [0.025, 0.975]).tolist() if len(known) else (np.nan, np.nan)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def format_intervals(table: pd.DataFrame) -> pd.DataFrame:
    """Format a `gap_table` or `pair_table` as text: values with their intervals in brackets, - for NaN."""
    text = table.iloc[:, :2].copy()
    numbers = [name.removesuffix("_low") for name in table.columns if name.endswith("_low")]
    for name in numbers:
        sign = "+" if name == numbers[-1] else ""  # the last one is a difference
        columns = table[[name, f"{name}_low", f"{name}_high"]].to_numpy()
        text[name] = [_cell(*row, sign=sign) for row in columns]
    left_out = table[[name for name in table.columns if name.endswith("_left_out")]]
    text["left out"] = [
        "-" if row.isna().any() else f"{row.iloc[0]:.0f}, {row.iloc[1]:.0f}" for _, row in left_out.iterrows()
    ]
    return text.rename(columns=lambda name: name.replace("_", " "))


def _cell(value: float, low: float, high: float, *, sign: str) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:{sign}.3f}" + ("" if np.isnan(low) else f" ({low:{sign}.3f} to {high:{sign}.3f})")


def markdown(table: pd.DataFrame) -> str:
    """Format a table of text as Markdown."""
    rows = [list(table.columns), ["---"] * table.shape[1], *table.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)
