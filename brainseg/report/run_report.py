"""plots/report.html, the report of a run: what its pages show, computed from the tables that the stages wrote."""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from brainseg.dataset.kaggle_lgg import PUBLISHED_DICE_MEAN, PUBLISHED_DICE_MEDIAN
from brainseg.dataset.summary import index_counts
from brainseg.evaluation.cases import Case
from brainseg.evaluation.cross_validation import PatientSource
from brainseg.metrics import bootstrap
from brainseg.metrics.bootstrap import Interval
from brainseg.params import Params
from brainseg.prediction.operating_point import OperatingPoint
from brainseg.report.page import write_page
from brainseg.report.run_charts import learning_curves, precision_recall, reliability, thresholds, volumes
from brainseg.report.slices import encode_slices

SITE_COLOURS = 7  # further sites share the last colour of the style sheet
FLAIR_ALONE = "This model, FLAIR alone"
SECTIONS = ("split", "train", "predict", "evaluate", "visualise")  # of params.yaml, that the page lists


@dataclass(frozen=True, kw_only=True)
class RunTables:
    """What the report of a run is made of; tables as `brainseg.files.read_table` returns them.

    Attributes:
        index: data/index.csv.
        split: data/split.csv.
        patients: metrics/patients.csv.
        history: models/history.csv.
        precision_recall: plots/precision_recall.csv.
        reliability: plots/reliability.csv.
        thresholds: plots/dice_by_threshold.csv.
        point: models/operating_point.json.
        source: where the patients come from; published scores are shown for the published set only.
    """

    index: pd.DataFrame
    split: pd.DataFrame
    patients: pd.DataFrame
    history: pd.DataFrame
    precision_recall: pd.DataFrame
    reliability: pd.DataFrame
    thresholds: pd.DataFrame
    point: OperatingPoint
    source: PatientSource


def rank_patients(patients: pd.DataFrame) -> pd.DataFrame:
    """Sort metrics/patients.csv by Dice, best first, then by identifier; patients without a Dice come last."""
    return patients.sort_values(["dice", "patient_id"], ascending=[False, True], ignore_index=True)


def choose_shown(patients: pd.DataFrame, count: int) -> list[str]:
    """Choose the patients of the slice viewer: all, or the best, the worst and evenly spaced ones between.

    Args:
        patients: metrics/patients.csv.
        count: at most this many; with 3: the best, the median and the worst.

    Returns:
        Their identifiers, best first.
    """
    ranked = rank_patients(patients)["patient_id"].tolist()
    places = np.unique(np.linspace(0, len(ranked) - 1, min(count, len(ranked))).round().astype(int))
    return [ranked[place] for place in places.tolist()]


def keep_slices(
    cases: Iterable[Case], point: OperatingPoint, *, shown: Sequence[str], into: dict[str, dict[str, Any]]
) -> Iterator[Case]:
    """Pass patients through, and keep the encoded slices of those that the viewer shows.

    Args:
        cases: from `brainseg.evaluation.cases.read_cases`.
        point: how probabilities become a mask.
        shown: identifiers of the patients to keep.
        into: receives patient_id -> the result of `brainseg.report.slices.encode_slices`.

    Yields:
        The same cases, so that each is read once.
    """
    for case in cases:
        volume = case.volume
        if volume.patient_id in shown:
            into[volume.patient_id] = encode_slices(
                volume.image,
                point.mask_of(case.probability),
                slice_numbers=volume.slice_numbers,
                mask_true=volume.mask_true,
                probability=case.probability,
            )
        yield case


def write_run_report(
    path: Path, tables: RunTables, slices: dict[str, dict[str, Any]], params: Params, *, warnings: Sequence[str] = ()
) -> None:
    """Write the report. It has no date, revision or machine in it: the same run gives the same bytes.

    Args:
        path: the HTML file to write.
        tables: of the run.
        slices: of the patients in the viewer, from `keep_slices`.
        params: of the run. `data.root` is left out, because it is a place on this machine.
        warnings: shown at the top.
    """
    ranked = rank_patients(tables.patients)
    sites = {site: min(place, SITE_COLOURS - 1) for place, site in enumerate(sorted(set(ranked["site"])))}
    rows = [
        {**row, "place": place, "colour": sites[row["site"]], "shown": row["patient_id"] in slices}
        for place, row in enumerate(ranked.to_dict("records"), 1)
    ]
    scores = headline(tables)
    parameters = params.model_dump(include=set(SECTIONS))
    write_page(
        path,
        "run.html",
        patients=rows,
        headline=scores,
        needs_t1=params.train.augmentation.missing_both == 0 and FLAIR_ALONE in [row["name"] for row in scores],
        sites=sites,
        slices=[(row["place"], slices[row["patient_id"]]) for row in rows if row["shown"]],
        point=tables.point,
        charts=[
            *learning_curves(tables.history),
            thresholds(tables.thresholds),
            precision_recall(tables.precision_recall, tables.point),
            reliability(tables.reliability),
            volumes(rows),
        ],
        subsets=subset_rows(tables.index, tables.split),
        shared=shared_patients(tables.split),
        data=index_counts(tables.index),
        parameters={section: _flatten(parameters[section]) for section in SECTIONS},
        parameters_digest=hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:32],
        warnings=warnings,
        source=tables.source,
    )


def headline(tables: RunTables) -> list[dict[str, Any]]:
    """The rows of the first picture: Dice of the model, of baselines, and the published one.

    Returns:
        Of each: name, note, the patients' dice (list), and mean and median as `Interval`, NaN where undefined.
    """
    patients = tables.patients
    rows = [_row("This model", "", patients["dice"])]
    if "dice_flair_alone" in patients and patients["dice_flair_alone"].notna().any():
        rows.append(_row(FLAIR_ALONE, "T1 and T1ce withheld", patients["dice_flair_alone"]))
    rows.append(_row("FLAIR above a threshold", "untrained", patients["flair_dice"]))
    rows.append(_row("Outlining nothing", "untrained", (patients["dice"] * 0).where(patients["tumour_pixels"] > 0)))
    if tables.source == "published":
        published = {"mean": PUBLISHED_DICE_MEAN, "median": PUBLISHED_DICE_MEDIAN}
        without = {
            name: Interval(value=value, ci_low=math.nan, ci_high=math.nan, count=110, left_out=0)
            for name, value in published.items()
        }
        rows.append({"name": "Published", "note": "110 patients, Buda et al. 2019", "dice": [], **without})
    return rows


def subset_rows(index: pd.DataFrame, split: pd.DataFrame) -> list[dict[str, Any]]:
    """Patients, slices and slices with tumour of each subset."""
    joined = split.merge(index, on=["patient_id", "slice_number"])
    rows = []
    for subset in ("train", "validation", "test"):
        slices = joined[joined["subset"] == subset]
        tumour = int((slices["tumour_pixels"] > 0).sum())
        patients = slices["patient_id"].nunique()
        rows.append({"subset": subset, "patients": patients, "slices": len(slices), "tumour": tumour})
    return rows


def shared_patients(split: pd.DataFrame) -> int:
    """How many patients have slices in more than one subset: the leak check."""
    return int(split[["patient_id", "subset"]].drop_duplicates()["patient_id"].duplicated().sum())


def _row(name: str, note: str, dice: pd.Series) -> dict[str, Any]:
    return {
        "name": name,
        "note": note,
        "dice": sorted(dice.dropna().tolist()),
        "mean": bootstrap.interval(dice),
        "median": bootstrap.interval(dice, statistic="median"),
    }


def _flatten(section: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """(dotted name, value) of the parameters of a section, values as YAML writes them."""
    rows: list[tuple[str, str]] = []
    for name, value in section.items():
        if isinstance(value, dict):
            rows += _flatten(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", json.dumps(value, ensure_ascii=False).strip('"')))
    return rows
