"""Write docs/parameters.md: types and ranges from brainseg.params, meanings from the comments in presets/phantom.yaml.

From the project's root: python docs/make_parameters.py > docs/parameters.md
"""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from brainseg.params import Params

PRESETS = Path(__file__).parents[1] / "presets"
NAMES = ("phantom", "lgg", "lgg-cpu", "notebook")
LINE = re.compile(r"(?P<indent> *)(?P<key>\w+):(?P<value>.*?)(?: +# (?P<comment>.*))?")
ITEM = re.compile(r" *- (?P<value>\S+)")
TYPES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true` or `false`"}
BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
    "multipleOf": "a multiple of",
}
INTRODUCTION = """\
# Parameters

Every parameter stands in `params.yaml`, none has a hidden default. An unknown key, a missing key, a wrong type and a
value out of range are refused before a stage starts, all in one message.

A parameter file is complete. The presets in [`presets/`](../presets) are such files: copy one over `params.yaml`, or
change single values with `dvc exp run -S train.epochs=20`.

This page is made by `python docs/make_parameters.py > docs/parameters.md`, from the types in
[`brainseg/params.py`](../brainseg/params.py) and the comments in [`presets/phantom.yaml`](../presets/phantom.yaml).
"""
RULES = """\
## Rules over several parameters

- `split.folds` counts from 0 without a gap. There are at least as many patients as folds.
- `split.validation: test` is allowed with `split.strategy: slice` only.
- `split.test_patients` goes with `split.strategy: patient` only. The list it names lies in
  [`held_out/`](../held_out/README.md).
- `split.test_share` and `split.validation_share` together are below 1.
- `evaluate.threshold` and `evaluate.smallest_lesion` are numbers where `split.validation` is `test`: no patients
  are left to choose them on.
- `train.warm_up` is below `train.epochs`.
- `data.pattern.image` and `data.pattern.mask` each hold `{patient_id}` and `{slice_number}`, and differ.
  `data.pattern.site` holds `{site}`, or is `null`.
"""


def read_lines(path: Path) -> dict[str, tuple[str, str]]:
    """What each line of a parameter file says; a line without a comment has that of the group above it.

    Args:
        path: the file, every key and item of a list on a line of its own, a key two blanks deeper than its group.

    Returns:
        dotted key -> value as it is written, without quotes, a list as [a, b]; comment, "" where there is none.
    """
    lines: dict[str, tuple[str, str]] = {}
    above: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        match = LINE.fullmatch(line)
        if match:
            above = [*above[: len(match["indent"]) // 2], match["key"]]
            _, comment_above = lines.get(".".join(above[:-1]), ("", ""))
            value = match["value"].strip().strip("\"'") or "null"  # as DVC rewrites it
            lines[".".join(above)] = (value, match["comment"] or comment_above)
        elif item := ITEM.fullmatch(line):
            value, comment = lines[".".join(above)]
            items = [item["value"]] if value == "null" else [value.strip("[]"), item["value"]]
            lines[".".join(above)] = (f"[{', '.join(items)}]", comment)
    return lines


def allowed(schema: dict[str, Any]) -> str:
    """Type and range of a parameter in words, from its JSON schema."""
    if "anyOf" in schema:
        return ", or ".join("`null`" if one["type"] == "null" else allowed(one) for one in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        return f"list of at least {schema['minItems']}: {allowed(schema['items'])}"
    words = [TYPES[schema["type"]]]
    words += [f"{words_of} {schema[name]:g}" for name, words_of in BOUNDS.items() if name in schema]
    if schema.get("minLength"):
        words.append("not empty")
    return ", ".join(words)


def leaves(schema: dict[str, Any], section: dict[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Dotted key and schema of each parameter of a section, groups within it entered."""
    for name, field in section["properties"].items():
        if "$ref" in field:
            yield from leaves(schema, schema["$defs"][field["$ref"].rpartition("/")[2]], f"{prefix}.{name}")
        else:
            yield f"{prefix}.{name}", field


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table, with its newline."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def make_page() -> str:
    """The whole of docs/parameters.md."""
    schema = Params.model_json_schema()
    lines = {name: read_lines(PRESETS / f"{name}.yaml") for name in NAMES}
    parts = [INTRODUCTION]
    differing = []
    for name, field in schema["properties"].items():
        section = schema["$defs"][field["$ref"].rpartition("/")[2]]
        rows = []
        for key, leaf in leaves(schema, section, name):
            values = tuple(f"`{lines[preset][key][0]}`" for preset in NAMES)
            rows.append((f"`{key}`", allowed(leaf), values[0], lines["phantom"][key][1]))
            if len(set(values)) > 1:
                differing.append((f"`{key}`", *values))
        head = ("parameter", "allowed", "in `phantom`", "meaning, unit and reason")
        parts.append(f"## {name}\n\n{section['description']}\n\n{table(head, rows)}")
    parts.append(RULES)
    parts.append(
        f"## What the presets differ in\n\n{table(('parameter', *(f'`{name}`' for name in NAMES)), differing)}"
    )
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(make_page())
