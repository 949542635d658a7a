"""Finding the image files below a folder."""

import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from brainseg.imaging.raster import IMAGE_SUFFIXES

# Folders of operating systems and network drives, which hold deleted files, previews or nothing, in lower case.
SYSTEM_FOLDERS = frozenset(
    (
        *("__macosx", "network trash folder", "temporary items"),
        *("$recycle.bin", "recycler", "system volume information", "found.000"),
        *("lost+found", "lost.dir"),
        *("@eadir", "@recycle", "@recently-snapshot", "@tmp", "#recycle", "#snapshot", "~snapshot"),
    )
)


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

    Other files, hidden files and folders, and `SYSTEM_FOLDERS` are skipped. Links are followed, but each folder is
    listed once, under its own name rather than that of a link, so links to each other come to an end.

    Args:
        root: an existing folder.

    Returns:
        The files. A folder whose name has an image suffix is listed as a file, so that reading it reports a fault.
    """
    files: list[str] = []
    folders: list[str] = []
    unreadable: dict[str, str] = {}
    waiting, links = ["."], deque[str]()
    visited = set()
    while waiting or links:
        if not waiting:  # all real folders first
            link = links.popleft()
            if _leads_to_new_folder(root / link, root):
                waiting.append(link)
            continue
        here = waiting.pop()
        try:
            status = (root / here).stat()
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(str(root / here)) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            unreadable[here] = (error.strerror or str(error)).lower()
            continue
        if here != ".":
            folders.append(here)
        for entry in entries:
            path = entry.name if here == "." else f"{here}/{entry.name}"
            if _is_hidden(entry.name):
                continue
            if entry.name.lower().endswith(IMAGE_SUFFIXES):
                files.append(path)
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            elif entry.is_symlink():
                links.append(path)
    not_empty = {parent.as_posix() for name in (*files, *unreadable) for parent in (Path(name), *Path(name).parents)}
    not_empty.add(".")  # the caller reports an empty root
    empty = [name for name in folders if name not in not_empty and Path(name).parent.as_posix() in not_empty]
    return FolderListing(
        files=tuple(sorted(files)),
        empty_folders=tuple(sorted(empty)),
        unreadable_folders=tuple(sorted(unreadable.items())),
    )


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM_FOLDERS


def _leads_to_new_folder(link: Path, root: Path) -> bool:
    """Return whether a link leads to a folder that contains neither the link nor data.root."""
    try:
        target = link.resolve(strict=True)
        contains = link.parent.resolve().is_relative_to(target) or root.resolve().is_relative_to(target)
        return target.is_dir() and not contains
    except PermissionError:
        return True  # listing it will fail, which is reported
    except (OSError, RuntimeError):  # no target, or the link itself; the latter is a RuntimeError before Python 3.13
        return False
