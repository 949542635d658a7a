"""predictions.csv and report.json, of all cases or of a shard, and what earlier calls have finished."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from brainseg.apply.measures import COLUMNS
from brainseg.apply.outcome import Outcome, OutputOptions
from brainseg.apply.segmenter import Segmenter
from brainseg.errors import UserError
from brainseg.reading import DamagedFileError, read_json
from brainseg.terminal import printable
from brainseg.writing import atomic_write

REPORT, TABLE = "report.json", "predictions.csv"
PART = re.compile(r"report\.(\d+)-of-(\d+)\.json")


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Every n-th case, beginning with one of the first n.

    Attributes:
        number: of the shard, from 1.
        of: how many shards there are.
    """

    number: int
    of: int

    @property
    def mark(self) -> str:
        """What the names of its tables have in addition."""
        return f"{self.number}-of-{self.of}"

    def positions(self, cases: int) -> range:
        """The positions of its cases, from 0, given the number of all."""
        return range(self.number - 1, cases, self.of)


def parse_shard(text: str) -> Shard:
    """Parse the argument I/N.

    Raises:
        UserError: if it is no such argument.
    """
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise UserError(
            f"--shard {printable(text)}: expected I/N with I from 1 to N, such as 3/8 for the third of eight"
        )
    return Shard(number=int(found[1]), of=int(found[2]))


@dataclass(kw_only=True)
class Records:
    """The tables of a call, written whole after each case.

    Attributes:
        out: folder of the tables.
        settings: what a result depends on besides its input, from `settings_of`.
        names: of all cases in the output, those of other shards among them.
        shard: whose cases the tables have; None: all.
        outcomes: by the position of the case.
    """

    out: Path
    settings: Mapping[str, Any]
    names: list[str]
    shard: Shard | None = None
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    def add(self, position: int, outcome: Outcome) -> None:
        """Add the outcome of a case, in place of an earlier one of the same case, and write the tables."""
        self.outcomes[position] = outcome
        self.write()

    def write(self) -> None:
        """Write both tables, in the order of the cases."""
        import pandas as pd

        outcomes = [self.outcomes[position] for position in sorted(self.outcomes)]
        rows = [outcome.row for outcome in outcomes if outcome.row is not None]
        content: dict[str, Any] = {"settings": self.settings}
        if self.shard is not None:
            content["shard"] = {**asdict(self.shard), "cases": len(self.names), "names_sha256": self._names_digest}
        content["cases"] = [asdict(outcome) for outcome in outcomes]
        table, report = table_paths(self.out, self.shard)
        with atomic_write(table) as temporary:
            pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(temporary, index=False, lineterminator="\n")
        with atomic_write(report) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @property
    def _names_digest(self) -> str:
        return hashlib.sha256("\n".join(self.names).encode()).hexdigest()


def table_paths(out: Path, shard: Shard | None = None) -> tuple[Path, Path]:
    """predictions.csv and report.json, or those of a shard, such as report.3-of-8.json."""
    paths = out / TABLE, out / REPORT
    if shard is None:
        return paths
    table, report = (path.with_name(f"{path.stem}.{shard.mark}{path.suffix}") for path in paths)
    return table, report


def settings_of(segmenter: Segmenter, options: OutputOptions) -> dict[str, Any]:
    """What a result depends on besides its input."""
    chosen = {name: value for name, value in asdict(options).items() if name != "key"}
    return {
        "version": version("brain-segmentation"),
        "model_sha256": segmenter.digest,
        **asdict(segmenter.point),
        "flip": segmenter.flip,
        **chosen,
        "anonymised": None if options.key is None else hashlib.sha256(options.key).hexdigest()[:16],
    }


def outcome_from(content: Mapping[str, Any]) -> Outcome:
    """An outcome as report.json has it.

    Raises:
        TypeError: if it is none.
    """
    if not isinstance(content.get("case"), str) or not isinstance(content.get("row"), dict | None):
        raise TypeError("a case without a name, or with a row that is no table row")
    lists = {name: tuple(content[name]) for name in ("inputs", "outputs", "notes") if name in content}
    return Outcome(**{**content, **lists})


def read_finished(out: Path, settings: Mapping[str, Any]) -> dict[str, Outcome]:
    """The cases that earlier calls have finished with the same settings, by name; reports of shards count, too.

    A report that is not readable counts as missing.
    """
    return {outcome.case: outcome for path in sorted(out.glob("report*.json")) for outcome in _finished(path, settings)}


def _finished(path: Path, settings: Mapping[str, Any]) -> Iterator[Outcome]:
    with suppress(OSError, DamagedFileError, LookupError, TypeError):
        report = read_json(path)
        if report["settings"] == settings:
            yield from [outcome_from(case) for case in report["cases"] if case["status"] in ("done", "kept")]
