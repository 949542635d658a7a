"""Making a page from a template: one file with style and scripts inside, that opens from disk and loads nothing."""

import math
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from brainseg.terminal import printable
from brainseg.text_table import format_number
from brainseg.writing import atomic_write


def write_page(path: Path, template: str, **values: Any) -> None:
    """Fill a template and write the page.

    Args:
        path: the HTML file to write.
        template: name of a file in this folder.
        values: by the names that the template uses. Text is escaped, so that names of patients may contain markup.
    """
    text = _environment().get_template(template).render(**values)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("brainseg", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "shown": lambda text: printable(str(text))}
    environment.globals["inline"] = _inline
    return environment


def _number(value: float | None, digits: int = 3, *, sign: bool = False) -> str:
    """Format a number; an en dash if it is undefined, and a true minus."""
    if value is None or math.isnan(value):
        return "–"
    text = format_number(value, digits, sign=sign)
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", "−")


def _inline(name: str) -> Markup:
    """The text of a style sheet or script of this folder."""
    return Markup(Path(__file__).with_name(name).read_text(encoding="utf-8"))
