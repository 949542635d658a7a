"""What one call of `brainseg view` hands to the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from brainseg.errors import UserError
from brainseg.scans.file_kinds import walk
from brainseg.terminal import printable
from brainseg.view.verdicts import Review


@dataclass(frozen=True, kw_only=True)
class Session:
    """Files to open, or patients to look through.

    Attributes:
        files: path below the address files/ -> file, for a scan that is opened at once.
        review: patients with outlines; None if there are none to look through.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    review: Review | None = None

    def find(self, name: str) -> Path | None:
        """The file behind an address such as files/0/scan.nii.gz; None if there is none."""
        return self._all.get(name)

    def describe(self) -> dict[str, Any]:
        """What the page asks for first."""
        patients = self.review.patients if self.review is not None else ()
        return {
            "files": [quote(f"files/{name}") for name in self.files],
            "patients": [
                {
                    "case": patient.case,
                    "files": [quote(f"files/{name}") for name in patient.files],
                    "mask": [quote(f"files/{name}") for name in patient.mask],
                    **dict(zip(("verdict", "note"), self.review.verdict_of(patient.case), strict=True)),
                }
                for patient in patients
                if self.review is not None
            ],
        }

    @property
    def _all(self) -> dict[str, Path]:
        named = dict(self.files)
        for patient in self.review.patients if self.review is not None else ():
            named |= {**patient.files, **patient.mask}
        return {f"files/{name}": path for name, path in named.items()}


def named_files(inputs: Sequence[Path]) -> dict[str, Path]:
    """The files that the user named, those in folders included, by a path that keeps the names of folders.

    Raises:
        UserError: if a file or folder is not found or cannot be read.
    """
    found: dict[str, Path] = {}
    for number, given in enumerate(inputs):
        if not given.exists():
            raise UserError(f"{printable(str(given))}: not found. Check the path.")
        if given.is_dir():
            below = [path for folder in walk(given) for paths in folder.files.values() for path in paths]
            top = given.absolute().parent
            found |= {f"{number}/{path.absolute().relative_to(top).as_posix()}": path for path in sorted(below)}
            if not below:
                raise UserError(f"{printable(str(given))}: no files. Expected: the files of a scan. Check the path.")
        elif given.is_file():
            found[f"{number}/{given.name}"] = given
        else:  # reading a named pipe would block
            raise UserError(f"{printable(str(given))}: not a regular file. Expected: a file with a scan.")
    return found
