"""Finding the image files of a folder, and reading patient and slice number from their names."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from brainseg.errors import UserError
from brainseg.imaging.raster import IMAGE_SUFFIXES

# A character of the name of one file or folder. Control characters and broken Unicode cannot be stored in a table.
CHARACTER = r"[^/\x00-\x1f\x7f\ud800-\udfff]"
PLACEHOLDERS = {
    "patient_id": f"{CHARACTER}+?",
    "slice_number": "[0-9]{1,9}",
    "site": f"{CHARACTER}+?",
}


def compile_template(key: str, template: str, placeholders: tuple[str, ...]) -> re.Pattern[str]:
    """Compile a file name template into a regular expression, to be used with `fullmatch`.

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
    expression = ""
    seen = set()
    for part in re.split(r"(\{[^{}]*\}|\*)", template):
        name = part[1:-1]
        if part == "*":
            expression += f"{CHARACTER}*?"
        elif part.startswith("{") and name in seen:
            expression += f"(?P={name})"
        elif part.startswith("{") and name in placeholders:
            expression += f"(?P<{name}>{PLACEHOLDERS[name]})"
            seen.add(name)
        elif "{" in part or "}" in part:
            known = ", ".join(f"{{{placeholder}}}" for placeholder in placeholders)
            raise UserError(f"params.yaml: {key}: {part!r} in {template!r}. Expected: {known}, *, or plain text")
        else:
            expression += re.escape(part)
    return re.compile(expression)


@dataclass(frozen=True, kw_only=True)
class FolderListing:
    """The image files of a folder, and the sub-folders that have none.

    Attributes:
        files: POSIX paths relative to the folder, sorted, of all images and masks at any depth.
        empty_folders: sub-folders without image files at any depth; of nested ones only the outermost.
        unreadable_folders: sub-folders that could not be listed, each with the reason.
    """

    files: tuple[str, ...]
    empty_folders: tuple[str, ...]
    unreadable_folders: tuple[tuple[str, str], ...]


def list_image_files(root: Path) -> FolderListing:
    """List the files below a folder whose suffix is that of an image format.

    Other files, hidden files and folders, and the __MACOSX folders of macOS archives are skipped.

    Args:
        root: an existing folder; symbolic links are followed.

    Returns:
        The files. A folder whose name has an image suffix is listed as a file, so that reading it reports a fault.
    """
    files: list[str] = []
    folders: list[str] = []
    errors: list[OSError] = []
    for folder, folder_names, file_names in os.walk(root, onerror=errors.append, followlinks=True):
        here = Path(folder)
        folder_names[:] = [name for name in folder_names if not _is_hidden(name) and not _is_loop(here / name)]
        found = [
            name
            for name in (*folder_names, *file_names)
            if not _is_hidden(name) and name.lower().endswith(IMAGE_SUFFIXES)
        ]
        folder_names[:] = [name for name in folder_names if name not in found]
        files += [(here / name).relative_to(root).as_posix() for name in found]
        folders += [(here / name).relative_to(root).as_posix() for name in folder_names]
    unreadable = {
        Path(error.filename).relative_to(root).as_posix(): (error.strerror or str(error)).lower() for error in errors
    }
    not_empty = {parent.as_posix() for name in (*files, *unreadable) for parent in (Path(name), *Path(name).parents)}
    not_empty.add(".")  # the caller reports an empty root
    empty = [name for name in folders if name not in not_empty and Path(name).parent.as_posix() in not_empty]
    return FolderListing(
        files=tuple(sorted(files)),
        empty_folders=tuple(sorted(empty)),
        unreadable_folders=tuple(sorted(unreadable.items())),
    )


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _is_loop(folder: Path) -> bool:
    """Return whether a folder is a symbolic link to a folder that contains it."""
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())
