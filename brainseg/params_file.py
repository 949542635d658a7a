"""Reading a parameter file as DVC reads it, and describing what is wrong with it."""

import difflib
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import Node
from ruamel.yaml.parser import ParserError
from ruamel.yaml.scanner import ScannerError

from brainseg.errors import UserError
from brainseg.reading import DamagedFileError, read_text
from brainseg.terminal import printable

MAX_BYTES = 100_000  # of a parameter file; the presets have 8,000
MAX_LISTED = 20  # faults that a message lists
MAX_WORD = 60  # characters of a value or a key that a message shows

# Names that parameter files used before, so that an old file gets a message with the new name.
RENAMED_KEYS = {
    "train.size": "train.input_size",
    "train.neighbours": "train.context_slices",
    "train.mirror": "train.contralateral_flair",
    "predict.flips": "predict.test_time_flip",
}
RENAMED_VALUES = {
    ("train.loss", "both"): "bce_dice",
    ("train.normalisation", "below_scalp"): "brain_zscore",
}


def read_parameters(path: Path) -> Any:
    """Read a parameter file with the YAML reader of DVC, so that DVC and the stages see the same values.

    That reader follows YAML 1.2: 010 is ten, yes is text, 1e-05 is a number, and a repeated key is a fault.

    Args:
        path: a YAML file.

    Returns:
        The content, not yet checked: any combination of dict, list, str, numbers, bool, None and dates.

    Raises:
        UserError: if the file is missing, is not a small regular file with UTF-8 text, or is not YAML.
    """
    try:
        text = read_text(path, max_bytes=MAX_BYTES)
    except FileNotFoundError:
        raise UserError(
            f"{path}: not found. Run from the project's root, or copy a preset: cp presets/phantom.yaml {path}"
        ) from None
    except DamagedFileError as error:
        reason = str(error)
    else:
        yaml = YAML(typ="safe", pure=True)
        yaml.Constructor = _Constructor
        try:
            return yaml.load(text)
        except YAMLError as error:
            reason = _explain(error, text)
        except RecursionError:
            reason = "nested too deeply"
        except Exception as error:  # ruamel.yaml raises classes of all kinds for unusual YAML, such as %YAML 1.3
            reason = f"unusual YAML ({type(error).__name__}: {printable(str(error)[:MAX_WORD])})"
    raise UserError(
        f"{path}: not a readable parameter file: {reason}. Expected: YAML in UTF-8, as in presets/phantom.yaml. "
        f"`git diff {path}` shows what was changed."
    )


def describe_faults(path: Path, error: ValidationError, model: type[BaseModel]) -> str:
    """Describe what pydantic found in the content of a parameter file.

    Args:
        path: the file.
        error: pydantic's error.
        model: the class that the content was checked against.

    Returns:
        One message with a line per fault, the first twenty of them.
    """
    faults = error.errors(include_url=False)
    # A renamed key is reported once, not as unknown and missing.
    renamed = {RENAMED_KEYS.get(_key(fault)) for fault in faults if fault["type"] == "extra_forbidden"}
    lines = [_describe(fault, model) for fault in faults if fault["type"] != "missing" or _key(fault) not in renamed]
    more = [f"and {len(lines) - MAX_LISTED} more"] if len(lines) > MAX_LISTED else []
    listed = "".join(f"  {line}\n" for line in lines[:MAX_LISTED] + more)
    return (
        f"{path}: {len(lines)} fault(s)\n{listed}"
        "docs/parameters.md explains every parameter with its unit and range; "
        f"`git diff {path}` shows what was changed."
    )


def shown(value: object) -> str:
    """Format a value of a parameter file for a message: on one line, escaped, and at most about 60 characters."""
    return _BRIEF.repr(value)


class _Brief(reprlib.Repr):
    """repr for values from files: short, also for huge numbers and for lists that contain themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 2
        self.maxstring = self.maxother = self.maxlong = MAX_WORD

    def repr_int(self, value: int, level: int) -> str:
        if abs(value) >= 10**MAX_WORD:
            return f"a whole number with more than {MAX_WORD} digits"
        return super().repr_int(value, level)

    def repr_date(self, value: object, _: int) -> str:
        return f"the date {value}"

    repr_datetime = repr_date


_BRIEF = _Brief()


class _Constructor(SafeConstructor):
    """Names the line of a value that Python cannot make, such as !!int abc, 2020-13-45 or a number of 5,000 digits."""

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (YAMLError, RecursionError):
            raise
        except Exception as error:  # int, float, datetime and lookups in tables raise a class each
            problem = f"a value that does not fit {str(node.tag).rpartition(':')[2]} ({str(error).partition(';')[0]})"
            raise ConstructorError(None, None, problem, node.start_mark) from None


def _explain(error: YAMLError, text: str) -> str:
    """Explain a fault of the YAML reader in one line, with the place in the file where it is known."""
    problem = getattr(error, "problem", None) or str(error)
    if problem.startswith("but "):  # the second half of a sentence
        problem = f"{getattr(error, 'context', '')} {problem}"
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = None if mark is None else mark.line + 1
    if (position := getattr(error, "position", None)) is not None:  # of a character that YAML does not allow
        line = text.count("\n", 0, position) + 1
    brief = " ".join(printable(problem.partition("\n")[0][: 3 * MAX_WORD]).split())
    if isinstance(error, (ParserError, ScannerError)):
        brief += " (a wrong indentation, or a missing quote or colon?)"
    return brief if line is None else f"line {line}: {brief}"


def _key(fault: Mapping[str, Any]) -> str:
    """The dotted name of the parameter that a fault is about."""
    return printable(".".join(str(part)[:MAX_WORD] for part in fault["loc"])) or "the file"


def _describe(fault: Mapping[str, Any], model: type[BaseModel]) -> str:
    """Describe one of pydantic's faults: the parameter, what was expected, and what was found."""
    key = _key(fault)
    if fault["type"] == "missing":
        return f"{key}: missing"
    if fault["type"] == "extra_forbidden":
        if key in RENAMED_KEYS:
            return f"{key}: renamed to {RENAMED_KEYS[key]}"
        *section, name = fault["loc"]
        near = difflib.get_close_matches(str(name)[:MAX_WORD], _known_keys(model, section), n=1)
        return f"{key}: unknown key" + (f"; did you mean {near[0]}?" if near else "")
    found = fault["input"]
    if isinstance(found, str) and (new_value := RENAMED_VALUES.get((key, found))):
        return f"{key}: `{found}` was renamed to `{new_value}`"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error":
        return f"{key}: {message}"
    if fault["type"] == "model_type":
        return f"{key}: expected a group of parameters, found {shown(found)}"
    quotes = "; put text in quotes" if fault["type"] == "string_type" and not isinstance(found, (dict, list)) else ""
    return f"{key}: {message}, found {shown(found)}{quotes}"


def _known_keys(model: type[BaseModel], section: Sequence[str | int]) -> list[str]:
    """The keys of a section of the parameters, or of a group in it."""
    for part in section:
        model = model.model_fields[str(part)].annotation  # type: ignore[assignment]
    return list(model.model_fields)
