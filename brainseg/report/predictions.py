"""The output folder of `brainseg predict`, read back: its cases, and the scans and masks that belong to them."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from brainseg.apply.records import REPORT, TABLE
from brainseg.errors import UserError
from brainseg.reading import DamagedFileError, parse_rows, read_json, read_text, sha256_of
from brainseg.scans.case_source import CaseSource
from brainseg.scans.cases import read_scan
from brainseg.scans.scan import Scan

SETTINGS = ("model_sha256", "threshold", "smallest_lesion", "flip")  # what an outline depends on besides its scan


class _Case(BaseModel):
    """What the page uses of a case in report.json."""

    case: str
    status: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class _Report(BaseModel):
    settings: dict[str, Any]
    cases: tuple[_Case, ...]


@dataclass(frozen=True, kw_only=True)
class PredictedCase:
    """A case that was outlined.

    Attributes:
        name: of the case.
        row: its row of predictions.csv, text by column.
        inputs: SHA-256 of each of its files, hexadecimal.
        outputs: files that were written, relative to the folder.
        notes: messages about it; empty if the output is anonymised, because they may name files.
    """

    name: str
    row: dict[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """The output of `brainseg predict`.

    Attributes:
        folder: where it is.
        settings: of report.json.
        cases: that were outlined, in the order of predictions.csv.
        failed: name and reason of those that were not.
    """

    folder: Path
    settings: dict[str, Any]
    cases: tuple[PredictedCase, ...]
    failed: tuple[tuple[str, str], ...]

    @property
    def run(self) -> str:
        """32 hexadecimal digits that stand for these scans, outlined by this model with these settings."""
        settings = {name: self.settings.get(name) for name in SETTINGS}
        cases = sorted((case.name, *case.inputs) for case in self.cases)
        return hashlib.sha256(json.dumps([settings, cases], sort_keys=True).encode()).hexdigest()[:32]


def is_predictions(folder: Path) -> bool:
    """Whether a folder is the output of `brainseg predict`, by the names of its files."""
    return (folder / REPORT).is_file() and (folder / TABLE).is_file()


def read_predictions(folder: Path) -> Predictions:
    """Read predictions.csv and report.json.

    Raises:
        UserError: if a file is missing or damaged, or they do not belong together.
    """
    path = folder / REPORT
    try:
        report = _Report.model_validate(read_json(path))
        path = folder / TABLE
        names, lines = parse_rows(read_text(path))
    except (FileNotFoundError, DamagedFileError, ValidationError) as error:
        reason = "not found" if isinstance(error, FileNotFoundError) else str(error).partition("\n")[0]
        raise UserError(f"{path}: not as brainseg predict writes it ({reason}). Outline the scans again") from None
    rows = {row["case"]: row for _, values in lines if "case" in (row := dict(zip(names, values, strict=True)))}
    done = [case for case in report.cases if case.status != "failed"]
    if set(rows) != {case.case for case in done}:
        raise UserError(
            f"{folder}: {TABLE} and {REPORT} have different cases. Outline the scans again: brainseg predict --resume"
        )
    known = {case.case: case for case in done}
    anonymous = report.settings.get("anonymised") is not None
    return Predictions(
        folder=folder,
        settings=report.settings,
        cases=tuple(
            PredictedCase(
                name=name,
                row=row,
                inputs=known[name].inputs,
                outputs=known[name].outputs,
                notes=() if anonymous else known[name].notes,
            )
            for name, row in rows.items()
        ),
        failed=tuple(
            (case.case, "" if anonymous else "\n".join(case.notes)) for case in report.cases if case.status == "failed"
        ),
    )


def match_scans(predictions: Predictions, sources: Sequence[CaseSource]) -> Iterator[tuple[PredictedCase, Scan]]:
    """Read scans again, and find the case of each by the digests of its files, not by its name or place.

    Args:
        predictions: the output folder.
        sources: from `brainseg.scans.recognise.find_cases`.

    Yields:
        Cases with their scans, one in memory at a time. Scans that were not outlined, or have changed, are passed over.
    """
    wanted = {case.inputs: case for case in predictions.cases}
    for source in sources:
        try:
            scan = read_scan(source, with_masks=bool(predictions.settings.get("evaluate")))
        except (UserError, OSError):  # it was not outlined either
            continue
        case = wanted.pop(tuple(sha256_of(path) for path in scan.source.paths), None)
        if case is not None:
            yield case, scan
