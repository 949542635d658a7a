"""Verdicts on outlines: the files that the quality-control page exports, read back."""

import hashlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from brainseg.errors import UserError
from brainseg.files import parse_table
from brainseg.reading import DamagedFileError, read_json, read_text
from brainseg.terminal import printable

VERDICTS = ("accept", "reject", "unsure", "")  # "": a note only
COLUMNS = {"run": "str", "case": "str", "verdict": "str", "note": "str"}


class _Row(BaseModel):
    case: str
    verdict: str
    note: str = ""


class _Export(BaseModel):
    run: str
    verdicts: tuple[_Row, ...]


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """What was decided about the cases of a run.

    Attributes:
        cases: name of the case -> verdict, one of `VERDICTS`, and note.
        digest: of the file, so that a page knows which file it was made with; "" without a file.
    """

    cases: dict[str, tuple[str, str]]
    digest: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """How many cases have each verdict."""
        found = Counter(verdict for verdict, _ in self.cases.values())
        return {verdict: found[verdict] for verdict in VERDICTS if verdict}


def read_verdicts(path: Path, *, run: str, cases: Collection[str]) -> Verdicts:
    """Read verdicts that the page exported as CSV or JSON.

    Args:
        path: the file; JSON if its name ends in .json.
        run: of the predictions that they should belong to, see `brainseg.report.predictions.Predictions.run`.
        cases: names of its cases.

    Raises:
        UserError: if the file is missing or damaged, belongs to another run, or has an unknown case or verdict.
    """
    shown = printable(str(path))
    try:
        rows = _read_json(path) if path.suffix.lower() == ".json" else _read_csv(path)
    except FileNotFoundError:
        raise UserError(f"{shown}: not found. Name a file that the quality-control page exported") from None
    except (DamagedFileError, ValidationError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"{shown}: not verdicts as the quality-control page exports them ({reason})") from None
    for row in rows:
        if row["run"] != run:
            raise UserError(
                f"{shown}: verdicts of another run, {printable(row['run'][:32])}; this one is {run}. Expected: "
                "verdicts on the same scans, outlined by the same model with the same settings"
            )
        if row["case"] not in cases:
            raise UserError(f"{shown}: {printable(row['case'])} is not a case of this run")
        if row["verdict"] not in VERDICTS:
            words = ", ".join(verdict for verdict in VERDICTS if verdict)
            raise UserError(f"{shown}: {printable(row['case'])} has the verdict {printable(row['verdict'])!r}. "
                            f"Expected: {words}, or nothing")  # fmt: skip
    if len({row["case"] for row in rows}) < len(rows):
        raise UserError(f"{shown}: a case occurs twice. Expected: one row for each case")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return Verdicts(cases={row["case"]: (row["verdict"], row["note"]) for row in rows}, digest=digest)


def _read_csv(path: Path) -> list[dict[str, Any]]:
    table = parse_table(read_text(path), COLUMNS)
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _read_json(path: Path) -> list[dict[str, Any]]:
    export = _Export.model_validate(read_json(path))
    return [{"run": export.run, **row.model_dump()} for row in export.verdicts]
