"""The tables of the model card, Markdown."""

import pandas as pd

from brainseg.export.facts import Facts
from brainseg.metrics.bootstrap import Interval, interval, paired_difference
from brainseg.prediction.withheld import WITHHELD

WORST = 4  # patients that the card shows
SCORES = {
    "dice": "Dice",
    "iou": "IoU (Jaccard)",
    "sensitivity": "sensitivity",
    "precision": "precision",
    "nsd_2px": "surface Dice within 2 pixels",
    "hd95_px": "HD95, pixels (less is better)",
    "volume_error": "error of the volume, relative (less is better)",
    "lesion_sensitivity": "fraction of lesions found",
}
WITHOUT = {
    "flair_alone": "FLAIR alone",
    "without_pre_contrast": "without T1",
    "without_post_contrast": "without T1 after contrast agent",
}
assert WITHOUT.keys() == WITHHELD.keys()


def score_rows(patients: pd.DataFrame) -> str:
    """Each score with its interval; `patients` has the columns of metrics/patients.csv."""
    lines = ["| score | mean (95 % interval) | median | patients |", "| --- | --- | ---: | ---: |"]
    for name, words in SCORES.items():
        mean, median = interval(patients[name]), patients[name].median()
        lines.append(f"| {words} | {with_interval(mean)} | {_number(median)} | {mean.count} |")
    return "\n".join(lines) + "\n"


def site_rows(patients: pd.DataFrame) -> str:
    """Dice at each site."""
    sites = patients.groupby("site")["dice"].agg(["size", "mean", "median", "min"])
    lines = ["| site | test patients | mean Dice | median | lowest |", "| --- | ---: | ---: | ---: | ---: |"]
    lines += [
        f"| {site} | {row['size']:.0f} | {_numbers(row[['mean', 'median', 'min']])} |" for site, row in sites.iterrows()
    ]
    return "\n".join(lines) + "\n"


def missing_rows(patients: pd.DataFrame) -> str:
    """Dice without some of the sequences."""
    lines = ["| sequences | mean Dice (95 % interval) | difference (95 % interval) |", "| --- | --- | --- |"]
    lines.append(f"| all | {with_interval(interval(patients['dice']))} | |")
    for name, words in WITHOUT.items():
        dice = patients[f"dice_{name}"]
        difference = paired_difference(values_a=patients["dice"], values_b=dice)
        lines.append(f"| {words} | {with_interval(interval(dice))} | {with_interval(difference, sign='+')} |")
    return "\n".join(lines) + "\n"


def failure_rows(facts: Facts) -> str:
    """The worst patients; those of other data sets are not named, because a card is made to be shared."""
    worst = facts.patients.sort_values("dice", kind="stable").head(WORST)
    lines = ["| test patient | Dice | sensitivity | precision | tumour, voxels | outlined, voxels |"]
    lines.append("| --- | ---: | ---: | ---: | ---: | ---: |")
    for number, row in enumerate(worst.to_dict("records"), 1):
        name = f"number {number} from below" if facts.source == "other" else row["patient_id"]
        scores = _numbers(pd.Series(row)[["dice", "sensitivity", "precision"]])
        lines.append(f"| {name} | {scores} | {row['tumour_pixels']} | {row['predicted_pixels']} |")
    return f"The {len(worst)} test patients with the lowest Dice:\n\n" + "\n".join(lines) + "\n"


def with_interval(value: Interval, *, sign: str = "") -> str:
    """A number and its interval; `sign` is + to write it before positive ones."""
    if pd.isna(value.value):
        return "undefined"
    if pd.isna(value.ci_low):
        return f"{value.value:{sign}.3f}"
    return f"{value.value:{sign}.3f} ({value.ci_low:{sign}.3f} to {value.ci_high:{sign}.3f})"


def _numbers(values: pd.Series) -> str:
    return " | ".join(map(_number, values))


def _number(value: float) -> str:
    return "undefined" if pd.isna(value) else f"{value:.3f}"
