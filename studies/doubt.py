"""Measure how well `brainseg.prediction.doubt` tells bad outlines from good ones.

Every test patient of each run was predicted by networks that had not seen them. After a cross-validation, from the
project's root:

    python -m studies.doubt --out doubt.csv --picture doubt.png cv/folds/*

Reads:  data/index.csv, params.yaml, and of each run data/split.csv, data/predictions/, models/operating_point.json
Writes: one row per patient with Dice, doubt, its reasons and the other candidates; a picture of Dice against doubt; and
        prints how each candidate ranks the patients
"""

import argparse
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from rich.progress import track
from scipy.stats import spearmanr

from brainseg.evaluation.cases import Case, read_cases
from brainseg.figures.sheet import BLUE, FIGURE_STYLE, VERMILION, Sheet
from brainseg.files import INDEX_COLUMNS, SPLIT_COLUMNS, read_table, select_subset
from brainseg.imaging.head import find_head
from brainseg.imaging.volume import BoolArray
from brainseg.metrics.overlap import count
from brainseg.params import load_params
from brainseg.prediction.doubt import UNCERTAIN, doubt, doubt_reasons
from brainseg.prediction.operating_point import read_operating_point
from brainseg.prediction.postprocessing import label_lesions

BAD = 0.7  # Dice
MOST_DOUBTED = 10  # one patient in so many
SEED, RESAMPLES = 21, 2000
TICKS = (0.03, 0.05, 0.1, 0.2, 0.5, 1)


def continuity(mask: BoolArray) -> float:
    """Mean Dice of neighbouring slices of an outline, shape (S, H, W); 0 if no two neighbours are outlined."""
    lower, upper = mask[:-1], mask[1:]
    both = lower.any(axis=(1, 2)) & upper.any(axis=(1, 2))
    pairs = zip(lower[both], upper[both], strict=True)
    return float(np.mean([count(mask_true=a, mask_pred=b).dice for a, b in pairs])) if both.any() else 0.0


def candidates(case: Case, missing: tuple[str, ...], threshold_mask: BoolArray) -> dict[str, Any]:
    """What is known about an outline without its reference, each as a number that should be high in bad outlines."""
    maps, mask = case.probability, threshold_mask
    voxels = max(int(mask.sum()), 1)
    head = find_head(case.volume.image)
    _, labels = label_lesions(mask)
    return {
        "doubt": doubt(probability=maps, mask=mask),
        "1 - mean probability inside": 1 - float(maps[mask].mean()) if mask.any() else 1.0,
        "uncertain voxels / outlined": float(((maps > 0.1) & (maps < 0.9)).sum()) / voxels,
        "1 - Dice of neighbouring slices": 1 - continuity(mask),
        "small volume": -float(mask.sum()),
        "few slices": -float(mask.any(axis=(1, 2)).sum()),
        "lesions": float(labels.max(initial=0)),
        "sequences missing": float(len(missing)),
        "small head": -head.box.height / max(case.volume.image.shape[1:3]),
    }


def score_run(run: Path, index: pd.DataFrame, root: Path) -> list[dict[str, Any]]:
    """One row per test patient of a run."""
    split = read_table(run / "data/split.csv", SPLIT_COLUMNS)
    point = read_operating_point(run / "models/operating_point.json")
    rows = select_subset(index, split, "test")
    missing_of = rows.groupby("patient_id")["missing_sequences"].first()
    found = []
    cases = read_cases(rows, index=index, root=root, predictions=run / "data/predictions")
    for case in track(cases, description=str(run), total=len(missing_of)):
        mask = point.mask_of(case.probability)
        missing = tuple(filter(None, missing_of[case.volume.patient_id].split("+")))
        values = candidates(case, missing, mask)
        dice = count(mask_true=case.volume.mask_true, mask_pred=mask).dice
        reasons = "; ".join(doubt_reasons(values["doubt"], mask))
        found.append({"patient_id": case.volume.patient_id, "site": case.site, "dice": dice, **values, "why": reasons})
    return found


def correlation(values: pd.Series, dice: pd.Series) -> tuple[float, float, float]:
    """Spearman's rank correlation with Dice and its 95 % interval, patients resampled."""
    rng = np.random.default_rng(SEED)
    draws = rng.integers(len(dice), size=(RESAMPLES, len(dice)))
    resampled = [spearmanr(values.to_numpy()[draw], dice.to_numpy()[draw]).statistic for draw in draws]
    low, high = np.nanquantile(resampled, (0.025, 0.975))
    return float(spearmanr(values, dice).statistic), float(low), float(high)


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """One row per candidate: rank correlation, and the bad outlines among the most doubted patients."""
    bad = table["dice"] < BAD
    doubted = -(-len(table) // MOST_DOUBTED)
    rows = []
    for name in table.columns.drop(["patient_id", "site", "dice", "why"]):
        if (table[name] == table[name].iloc[0]).all():
            continue
        value, low, high = correlation(table[name], table["dice"])
        first = table[name].sort_values(ascending=False, kind="stable").index[:doubted]
        rows.append((name, value, low, high, f"{bad[first].sum()} of {bad.sum()}"))
    columns = ["candidate", "rank_correlation", "ci_low", "ci_high", f"bad_among_{doubted}_most_doubted"]
    return pd.DataFrame(rows, columns=columns).sort_values("rank_correlation", ignore_index=True)


@matplotlib.style.context(FIGURE_STYLE)
def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw Dice against doubt, one dot per patient."""
    sheet = Sheet(7.5, 4.15, title="Dice against doubt: patients whom the networks had not seen")
    axes = sheet.axes(0.85, 0.1, 6.3, 3.4)
    second_look = table["doubt"] >= UNCERTAIN
    for rows, colour, label in ((table[~second_look], BLUE, "others"), (table[second_look], VERMILION, "second look")):
        axes.scatter(
            rows["doubt"], rows["dice"], s=22, color=colour, alpha=0.75, label=f"{label}: {len(rows)} patients"
        )
    axes.axvline(UNCERTAIN, color="0.5", linewidth=0.8, linestyle=":")
    axes.set(xlabel="doubt", ylabel="Dice", xscale="log", xlim=(0.025, 1.1), ylim=(-0.03, 1))
    axes.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.set_xticks([], minor=True)
    axes.legend(loc="lower left", frameon=False)
    sheet.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs: the root, or folds of cv/")
    parser.add_argument("--out", type=Path, required=True, help="CSV for the patients")
    parser.add_argument("--picture", type=Path, required=True, help="PNG of Dice against doubt")
    arguments = parser.parse_args()
    index, root = read_table(Path("data/index.csv"), INDEX_COLUMNS), Path(load_params().data.root)
    table = pd.DataFrame([row for run in arguments.runs for row in score_run(run, index, root)])
    table.to_csv(arguments.out, index=False, float_format="%.6f")
    print(summarise(table).to_string(index=False, float_format="%.3f"))
    draw(table, arguments.picture)


if __name__ == "__main__":
    main()
