"""The quality-control page: the outlines of `brainseg predict`, one case per screen, those in doubt first."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from brainseg.report.outlines import read_mask, read_probability
from brainseg.report.page import write_page
from brainseg.report.predictions import PredictedCase, Predictions, match_scans
from brainseg.report.slices import NAMES, encode_slices, picture_address
from brainseg.report.verdicts import Verdicts
from brainseg.scans.case_source import CaseSource
from brainseg.scans.scan import Scan
from brainseg.text_table import format_number

# Column of predictions.csv -> its name on the page; those that the output does not have are left out.
FACTS = {
    "volume_ml": "volume, ml",
    "voxels": "voxels",
    "lesions": "lesions",
    "slices_with_tumour": "slices",
    "touches_border": "at the border",
    "mean_probability_inside": "mean probability",
    "dice": "Dice",
    "sequences": "sequences",
}
PAGE_BYTES = 50e6  # of grey levels in a page; many or large scans are shown at a lower quality
WHOLE = ("voxels", "lesions", "slices_with_tumour")  # numbers without decimals
BY_DOUBT = "Sorted by doubt, the most doubtful first."
BY_PROBABILITY = (
    "Nothing rates doubt in this output, so cases are sorted by the mean probability inside their outline: empty "
    "outlines first, then the lowest."
)


def write_quality_control(
    path: Path, predictions: Predictions, scans: Sequence[CaseSource], verdicts: Verdicts, *, made: str
) -> dict[str, int]:
    """Write the page.

    Args:
        path: the HTML file to write.
        predictions: the output of `brainseg predict`.
        scans: its input, recognised again; may be empty.
        verdicts: that the page starts with.
        made: when and by what, from `brainseg.report.provenance.provenance`.

    Returns:
        How many cases are shown by their slices, by the overlay that predict wrote, and by numbers only.
    """
    cases, order = sort_cases(predictions.cases)
    most_bytes = PAGE_BYTES / max(1, len(cases))
    slices = {
        case.name: _encode(case, scan, predictions.folder, most_bytes) for case, scan in match_scans(predictions, scans)
    }
    overlays = {
        case.name: found for case in cases if case.name not in slices and (found := _overlay(case, predictions))
    }
    counts = {"slices": len(slices), "overlays": len(overlays), "numbers": len(cases) - len(slices) - len(overlays)}
    columns = {column: name for column, name in FACTS.items() if any(case.row.get(column) for case in cases)}
    rows = [
        {
            "case": case.name,
            "doubt": _fact("doubt", case.row.get("doubt", "")),
            "reasons": case.row.get("doubt_reasons", ""),
            "facts": [(name, _fact(column, case.row.get(column, ""))) for column, name in columns.items()],
            "notes": list(case.notes),
            "verdict": verdicts.cases.get(case.name, ("", "")),
        }
        for case in cases
    ]
    pictures = [slices.get(case.name) or overlays.get(case.name) for case in cases]
    write_page(
        path,
        "quality_control.html",
        rows=rows,
        pictures=pictures,
        order=order,
        counts=counts,
        failed=predictions.failed,
        run=predictions.run,
        base=verdicts.digest,
        settings=predictions.settings,
        anonymous=predictions.settings.get("anonymised") is not None,
        made=made,
    )
    return counts


def sort_cases(cases: Sequence[PredictedCase]) -> tuple[list[PredictedCase], str]:
    """Sort cases for checking, and say in a sentence how."""
    doubts = [_number(case.row.get("doubt", "")) for case in cases]
    if any(not math.isnan(doubt) for doubt in doubts):
        keys, order = [-math.inf if math.isnan(doubt) else -doubt for doubt in doubts], BY_DOUBT
    else:
        inside = [_number(case.row.get("mean_probability_inside", "")) for case in cases]
        keys, order = [-1.0 if math.isnan(value) else value for value in inside], BY_PROBABILITY
    ranked = sorted(zip(keys, cases, strict=True), key=lambda pair: (pair[0], pair[1].name))
    return [case for _, case in ranked], order


def _fact(column: str, text: str) -> str:
    """A value of predictions.csv as the page shows it; an en dash if it is empty."""
    if column == "sequences":
        return ", ".join(NAMES.get(name, name) for name in text.split()) or "–"
    number = _number(text)
    if math.isnan(number):
        return {"True": "yes", "False": "no", "": "–"}.get(text, text)
    return f"{number:,.0f}" if column in WHOLE else format_number(number)


def _number(text: str) -> float:
    """A number of predictions.csv; NaN if it is empty or not a number."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _encode(case: PredictedCase, scan: Scan, folder: Path, most_bytes: float) -> dict[str, Any]:
    encoded = encode_slices(
        scan.image,
        read_mask(folder, case.outputs, scan.grid),
        slice_numbers=np.arange(1, len(scan.image) + 1),
        mask_true=scan.mask_true,
        probability=read_probability(folder, case.outputs, scan.grid),
        most_bytes=most_bytes,
    )
    return {**encoded, "sides": scan.grid.affine is not None}


def _overlay(case: PredictedCase, predictions: Predictions) -> dict[str, str] | None:
    """The picture that predict wrote with --overlay."""
    for name in case.outputs:
        if name.endswith("_overlay.png") and (predictions.folder / name).is_file():
            return {"overlay": picture_address((predictions.folder / name).read_bytes())}
    return None
