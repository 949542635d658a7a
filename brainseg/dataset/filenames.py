"""Which files of a folder are pictures, and what their names say."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from brainseg.errors import UserError
from brainseg.imaging.raster import IMAGE_SUFFIXES

# Any run of characters within one folder's or file's name, as short as will do; broken Unicode and control characters
# are left out because no table could hold them.
RUN = r"[^/\x00-\x1f\x7f\ud800-\udfff]"
WORDS = {
    "patient_id": f"{RUN}+?",
    "slice_number": "[0-9]{1,9}",
    "site": f"{RUN}+?",
}


def compile_template(key: str, template: str, words: tuple[str, ...]) -> re.Pattern[str]:
    """Make a regular expression of a template of data.pattern, to be used with `fullmatch`.

    Args:
        key: the template's key in params.yaml, for the message.
        template: text with {word} and *; a word that stands twice must be the same text in both places; * is any run
            of characters, also none, without "/".
        words: the words that may stand in it, of `WORDS`.

    Returns:
        The expression, with a group for each word that stands in the template.

    Raises:
        UserError: if another word or a single brace stands in it.
    """
    expression = ""
    seen = set()
    for part in re.split(r"(\{[^{}]*\}|\*)", template):
        word = part[1:-1]
        if part == "*":
            expression += f"{RUN}*?"
        elif part.startswith("{") and word in seen:
            expression += f"(?P={word})"
        elif part.startswith("{") and word in words:
            expression += f"(?P<{word}>{WORDS[word]})"
            seen.add(word)
        elif "{" in part or "}" in part:
            known = ", ".join(f"{{{name}}}" for name in words)
            raise UserError(f"params.yaml: {key}: {part!r} in {template!r}. Expected: {known}, *, or plain text")
        else:
            expression += re.escape(part)
    return re.compile(expression)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a folder holds.

    Attributes:
        pictures: POSIX paths relative to the folder, sorted, of all that is named like a picture.
        empty: the highest sub-folders that hold no picture at any depth.
        unreadable: sub-folders that could not be listed, and why.
    """

    pictures: tuple[str, ...]
    empty: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]


def list_pictures(root: Path) -> Listing:
    """Walk a folder.

    Left out are hidden files and folders, macOS' __MACOSX, and all files that are not named like a picture.

    Args:
        root: a folder; links are followed.

    Returns:
        What is in it. A folder that is named like a picture counts as a picture, to be reported by who reads it.
    """
    pictures: list[str] = []
    folders: list[str] = []
    errors: list[OSError] = []
    for folder, names, files in os.walk(root, onerror=errors.append, followlinks=True):
        here = Path(folder)
        names[:] = [name for name in names if not _is_hidden(name) and not _is_loop(here / name)]
        found = [name for name in (*names, *files) if not _is_hidden(name) and name.lower().endswith(IMAGE_SUFFIXES)]
        names[:] = [name for name in names if name not in found]
        pictures += [(here / name).relative_to(root).as_posix() for name in found]
        folders += [(here / name).relative_to(root).as_posix() for name in names]
    unreadable = {
        Path(error.filename).relative_to(root).as_posix(): (error.strerror or str(error)).lower() for error in errors
    }
    full = {parent.as_posix() for name in (*pictures, *unreadable) for parent in (Path(name), *Path(name).parents)}
    full.add(".")  # an empty root is the caller's to report
    empty = [name for name in folders if name not in full and Path(name).parent.as_posix() in full]
    return Listing(
        pictures=tuple(sorted(pictures)), empty=tuple(sorted(empty)), unreadable=tuple(sorted(unreadable.items()))
    )


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _is_loop(folder: Path) -> bool:
    """Whether a link leads back to a folder that holds it."""
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())
