"""Templates of file names, by which patient and slice number are read from a path."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from enum import Enum

from brainseg.errors import UserError

# A character of the name of one file or folder. Control characters, the marks that change the direction of writing, and
# broken Unicode cannot be stored in a table or would garble a terminal.
CHARACTER = r"[^/\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
UNUSABLE = re.compile(CHARACTER.replace("[^/", "["))
PLACEHOLDERS = {
    "patient_id": f"{CHARACTER}+?",
    "slice_number": "[0-9]{1,9}",
    "site": f"{CHARACTER}+?",
}
ANY = f"{CHARACTER}*?"


class Part(Enum):
    """A part of a template, by how many texts it can match at a given position."""

    FIXED = "one text: plain text, or a placeholder for the second time"
    PLACEHOLDER = "several texts, of which one is remembered"
    STAR = "any text without a slash"


def compile_template(key: str, template: str, placeholders: tuple[str, ...]) -> re.Pattern[str]:
    """Compile a file name template into a regular expression, to be used with `fullmatch` on a normalised path.

    Args:
        key: the template's key in params.yaml, for the error message.
        template: text with {placeholder} and *. A placeholder that occurs twice stands for the same text; * stands for
            any characters, or none, except "/".
        placeholders: the keys of `PLACEHOLDERS` that may occur in the template.

    Returns:
        The expression, with one named group for each placeholder in the template.

    Raises:
        UserError: if the template has another placeholder or a single brace.
    """
    parts = list(_parse(key, normalise(template), placeholders))
    return re.compile(f"(?={_join(list(_loosen(parts)))}\\Z){_join(parts)}")


def normalise(path: str) -> str:
    """Normalise a path or a template to Unicode's form C: macOS writes an umlaut as two characters, Linux as one."""
    return unicodedata.normalize("NFC", path)


def _parse(key: str, template: str, placeholders: tuple[str, ...]) -> Iterator[tuple[Part, str]]:
    """Split a template into parts, each with its regular expression."""
    seen = set()
    for text in re.split(r"(\{[^{}]*\}|\*+)", template):
        name = text[1:-1]
        if text.startswith("*"):
            yield Part.STAR, ANY
        elif "{" not in text and "}" not in text:
            yield Part.FIXED, re.escape(text)
        elif text != f"{{{name}}}" or name not in placeholders:
            known = ", ".join(f"{{{placeholder}}}" for placeholder in placeholders)
            raise UserError(f"params.yaml: {key}: {text!r} in {template!r}. Expected: {known}, *, or plain text")
        elif name in seen:
            yield Part.FIXED, f"(?P={name})"
        else:
            yield Part.PLACEHOLDER, f"(?P<{name}>{PLACEHOLDERS[name]})"
            seen.add(name)


def _join(parts: Sequence[tuple[Part, str]]) -> str:
    """Join parts to an expression that does not try a * again for which the first try was good enough.

    Between two *, the earliest match of fixed parts is good enough, because the second * can take up the rest. This
    keeps the time from growing as a power of the number of *.
    """
    expression = ""
    waiting: str | None = None  # the last * and the fixed parts behind it
    for part, text in parts:
        if part is Part.STAR:
            expression += f"(?>{waiting})" if waiting not in (None, ANY) else ""
            waiting = ANY
        elif part is Part.FIXED and waiting is not None:
            waiting += text
        else:
            expression += (waiting or "") + text
            waiting = None
    return expression + (waiting or "")


def _loosen(parts: Sequence[tuple[Part, str]]) -> Iterator[tuple[Part, str]]:
    """Replace placeholders by a character and a *, so that most names that do not fit are recognised at once."""
    for part, text in parts:
        if part is Part.PLACEHOLDER:
            yield Part.FIXED, "[0-9]" if PLACEHOLDERS["slice_number"] in text else CHARACTER
        if part is Part.FIXED and not text.startswith("(?P="):
            yield part, text
        else:
            yield Part.STAR, ANY
