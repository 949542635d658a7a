"""When and by what a page was made. Only commands add it: the files of a stage have no date, so that they repeat."""

import subprocess
from datetime import datetime
from importlib.metadata import version
from pathlib import Path


def provenance(folder: Path = Path()) -> str:
    """Describe when and by what a page was made.

    Args:
        folder: whose git revision is named, if it is in a git repository.

    Returns:
        Such as "26 November 2026, 10:15, brainseg 0.1.0, revision 0498cf3"; "+" after the revision: with changes.
    """
    now = datetime.now()
    parts = [f"{now.day} {now:%B %Y, %H:%M}", f"brainseg {version('brain-segmentation')}"]
    if revision := _revision(folder):
        parts.append(f"revision {revision}")
    return ", ".join(parts)


def _revision(folder: Path) -> str:
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty=+"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository
        return ""
