"""Merging the tables of all shards to predictions.csv and report.json, as one process would have written them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainseg.apply.outcome import Outcome
from brainseg.apply.records import PART, Records, Shard, outcome_from, table_paths
from brainseg.errors import UserError
from brainseg.reading import DamagedFileError, read_json
from brainseg.terminal import printable

AGAIN = "run it again with --resume"


def merge_shards(out: Path) -> list[Outcome]:
    """Write predictions.csv and report.json from those of the shards, which are then removed.

    Args:
        out: the folder in which all shards have written.

    Returns:
        What became of each case, in the order of the cases.

    Raises:
        UserError: if a shard is missing, is not finished, or had another model, other options or other cases.
    """
    where = printable(str(out))
    shards = _find_shards(out, where)
    parts = {shard: _read_part(table_paths(out, shard)[1]) for shard in shards}
    _check_same(parts, where)
    first = parts[shards[0]]
    records = Records(out=out, settings=first["settings"], names=[""] * first["shard"]["cases"])
    unfinished = []
    for shard, part in parts.items():
        positions = shard.positions(len(records.names))
        if len(part["cases"]) != len(positions):
            unfinished.append(f"{shard.number}/{shard.of} ({len(part['cases'])} of {len(positions)} cases)")
        records.outcomes.update(zip(positions, part["cases"], strict=False))
    if unfinished:
        raise UserError(f"{where}: not finished: shard {', '.join(unfinished[:10])}. Wait for it, or {AGAIN}.")
    records.write()
    for shard in shards:
        for path in table_paths(out, shard):
            path.unlink(missing_ok=True)
    return [records.outcomes[position] for position in sorted(records.outcomes)]


def _find_shards(out: Path, where: str) -> list[Shard]:
    """All shards, in order."""
    names = [path.name for path in out.iterdir()] if out.is_dir() else []
    found = {(int(match[2]), int(match[1])) for name in names if (match := PART.fullmatch(name))}
    if not found:
        raise UserError(
            f"{where}: nothing to merge. Expected: report.1-of-N.json to report.N-of-N.json, from --shard I/N"
        )
    counts = sorted({of for of, _ in found})
    if len(counts) > 1:
        listed = " and of ".join(map(str, counts))
        raise UserError(f"{where}: reports of {listed} shards. Expected: one number. Remove those that are not meant")
    (of,) = counts
    missing = [f"{number}/{of}" for number in range(1, of + 1) if (of, number) not in found]
    if missing:
        listed = ", ".join(missing[:10]) + ", ..." * (len(missing) > 10)
        raise UserError(f"{where}: {len(missing)} of {of} shards are missing: {listed}. Run them, then merge again")
    return [Shard(number=number, of=of) for number in range(1, of + 1)]


def _read_part(path: Path) -> dict[str, Any]:
    """The report of a shard, with outcomes as its cases."""
    try:
        content = read_json(path)
        count, digest = int(content["shard"]["cases"]), str(content["shard"]["names_sha256"])
        cases = [outcome_from(case) for case in content["cases"]]
        return {"settings": dict(content["settings"]), "shard": {"cases": count, "names": digest}, "cases": cases}
    except (OSError, DamagedFileError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{printable(str(path))}: not the report of a shard ({error}). Run the shard again.") from None


def _check_same(parts: Mapping[Shard, Mapping[str, Any]], where: str) -> None:
    """Refuse shards that were not made from the same cases, with the same model and options."""
    (first, reference), *others = parts.items()
    for shard, part in others:
        names = sorted(set(reference["settings"]) | set(part["settings"]))
        differing = [name for name in names if reference["settings"].get(name) != part["settings"].get(name)]
        between = f"{where}: shards {first.number}/{first.of} and {shard.number}/{shard.of}"
        if differing:
            values = "; ".join(
                f"{name} {json.dumps(reference['settings'].get(name))} and {json.dumps(part['settings'].get(name))}"
                for name in differing
            )
            raise UserError(f"{between} differ in {printable(values)}. Expected: the same model and options. {AGAIN}")
        if reference["shard"] != part["shard"]:
            counts = f"{reference['shard']['cases']} and {part['shard']['cases']} cases"
            raise UserError(f"{between} had different inputs ({counts}). Expected: the same. {AGAIN}")
