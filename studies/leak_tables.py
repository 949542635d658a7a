"""The tables of `studies.leak`: two groups of patients, how far apart their scores are, and how sure that is."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from studies import leak_scores

LEAK = "the leak: first less second"


def gap_table(patients: pd.DataFrame) -> pd.DataFrame:
    """What each model claims, what it reaches, and the gap.

    Args:
        patients: rows of `count_cases` with the columns model and part; the parts claim and reached are looked at.

    Returns:
        A row a score and model. Columns score, model, and those of `contrast` for claim, reached and gap = claim -
        reached. The two parts are different patients, so they are resampled independently.
    """
    rows = []
    for name, score in leak_scores.SCORES.items():
        for model, group in patients.groupby("model"):
            parts = {part: group[group.part == part] for part in ("claim", "reached")}
            columns, _ = contrast(parts, score, "gap", paired=False)
            rows.append({"score": name, "model": model, **columns})
    return pd.DataFrame(rows)


def pair_table(patients: pd.DataFrame, models: Mapping[str, str], parts: Mapping[str, str]) -> pd.DataFrame:
    """Two models on the same slices.

    Args:
        patients: as for `gap_table`; both models have the same slices in each of `parts`.
        models: column -> name of the two models in `patients`.
        parts: part -> what it is called in the table, two of them.

    Returns:
        Three rows a score: one for each part, and the leak, which is the first part's difference less the second's.
        Columns score, slices_of, and those of `contrast` for the two models and difference = first - second; NaN for
        the models in the row of the leak. Patients are resampled with the values of both models.
    """
    rows = []
    for name, score in leak_scores.SCORES.items():
        values, draws = [], []
        for number, (part, words) in enumerate(parts.items()):
            group = patients[patients.part == part]
            sides = {column: group[group.model == model] for column, model in models.items()}
            columns, drawn = contrast(sides, score, "difference", paired=True, seed=number)
            values.append(columns["difference"])
            draws.append(drawn)
            rows.append({"score": name, "slices_of": words, **columns})
        leak = _with_interval("difference", values[0] - values[1], draws[0] - draws[1])
        rows.append({"score": name, "slices_of": LEAK, **leak})
    return pd.DataFrame(rows)


def contrast(
    sides: Mapping[str, pd.DataFrame], score: leak_scores.Score, difference: str, *, paired: bool, seed: int = 0
) -> tuple[dict[str, float | int], leak_scores.Array]:
    """A score of two groups of patients and by how much the first is higher.

    Args:
        sides: name -> rows of `count_cases`, two of them.
        score: which.
        difference: name of the first less the second.
        paired: the same patients twice: drawn together, and left out of both where one has no value.
        seed: other seed, other draws.

    Returns:
        For each side and the difference: its value by its name, and with _low and _high the 95 % interval, NaN with
        fewer than two patients. For each side with _left_out: patients without a value. Then the draws of the
        difference, shape (RESAMPLES,).
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
    """A value and the middle 95 % of its draws that have one. Efron & Tibshirani 1993, chapter 13.3."""
    known = draws[~np.isnan(draws)]
    low, high = np.quantile(known, [0.025, 0.975]).tolist() if len(known) else (np.nan, np.nan)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """A `gap_table` or `pair_table` as text: numbers with their intervals in brackets, - where there is none."""
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
    """A table of text in Markdown."""
    rows = [list(table.columns), ["---"] * table.shape[1], *table.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)
