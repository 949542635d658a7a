"""Patients that `brainseg predict` outlined, and what a person thinks of each outline, kept in OUT/verdicts.csv."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from brainseg.errors import UserError
from brainseg.report.predictions import Predictions, match_scans, read_predictions
from brainseg.report.verdicts import COLUMNS, VERDICTS, read_verdicts
from brainseg.scans.recognise import find_cases
from brainseg.scans.scan import Scan
from brainseg.terminal import printable
from brainseg.writing import atomic_write

TABLE = "verdicts.csv"
MASK_ENDINGS = ("_mask.nii.gz", "_mask.tif", "_mask.png", "_mask.bmp")
MAX_NOTE = 2000  # characters


@dataclass(frozen=True, kw_only=True)
class Patient:
    """An outline and the scan that it belongs to.

    Attributes:
        case: its name in the output.
        files: path below the address files/ -> file of the scan.
        mask: the same for the outline.
    """

    case: str
    files: Mapping[str, Path]
    mask: Mapping[str, Path]


@dataclass(frozen=True, kw_only=True)
class Outlined:
    """The output of `brainseg predict`, with its patients in the order of predictions.csv."""

    predictions: Predictions
    patients: tuple[Patient, ...]


def find_patients(out: Path, inputs: Sequence[Path]) -> Outlined:
    """Find the scans of the cases in an output folder, and the outlines that can be shown.

    Args:
        out: the output folder of `brainseg predict`.
        inputs: the files or folders that were outlined.

    Raises:
        UserError: if `out` is no such folder, or none of its cases can be shown.
    """
    predictions = read_predictions(out)
    patients: dict[str, Patient] = {}
    without_mask = 0
    for case, scan in match_scans(predictions, find_cases(inputs)):
        masks = [name for name in case.outputs if name.endswith(MASK_ENDINGS)]
        without_mask += not masks
        if masks:
            name = f"{len(patients)}"
            patients[case.name] = Patient(
                case=case.name,
                files={f"{name}/{path}": file for path, file in _files_of(scan).items()},
                mask={f"{name}/mask/{Path(mask).name}": out / mask for mask in masks},
            )
    if not patients:
        reason = "their outlines are DICOM segmentations; run predict with --nifti" if without_mask else "none matches"
        raise UserError(
            f"{printable(str(out))}: no case can be shown with the scans that were named ({reason}). Expected: the "
            "files that were outlined, unchanged"
        )
    ordered = tuple(patients[case.name] for case in predictions.cases if case.name in patients)
    return Outlined(predictions=predictions, patients=ordered)


def _files_of(scan: Scan) -> dict[str, Path]:
    """The files that show the scan; of NIfTI that is FLAIR, under a name which says so."""
    if scan.source.kind != "nifti":
        return {f"{scan.case_id}/{path.name}": path for path in scan.source.paths}
    path = scan.source.paths[0]
    return {f"{scan.case_id}_flair{'.nii.gz' if path.name.endswith('.gz') else '.nii'}": path}


class Review:
    """Verdicts on outlines: read from OUT/verdicts.csv, and written there whenever one changes."""

    def __init__(self, outlined: Outlined) -> None:
        """Read the verdicts that are there.

        Raises:
            UserError: if the table is damaged or belongs to other predictions.
        """
        self.patients = outlined.patients
        self._run = outlined.predictions.run
        self._names = [case.name for case in outlined.predictions.cases]
        self._path = outlined.predictions.folder / TABLE
        self._lock = Lock()
        known = read_verdicts(self._path, run=self._run, cases=self._names) if self._path.is_file() else None
        self._verdicts = dict(known.cases) if known is not None else {}

    def verdict_of(self, case: str) -> tuple[str, str]:
        """Verdict and note on a case; both empty if there are none."""
        return self._verdicts.get(case, ("", ""))

    def keep(self, case: str, verdict: str, note: str) -> None:
        """Keep a verdict, and write the table.

        Raises:
            ValueError: if the case or the verdict is unknown, or the note is too long.
            OSError: if the table cannot be written.
        """
        if case not in self._names or verdict not in VERDICTS or len(note) > MAX_NOTE:
            raise ValueError("expected a case of these predictions, a verdict, and a short note")
        with self._lock:
            self._verdicts[case] = (verdict, " ".join(note.split()))
            content = io.StringIO()
            writer = csv.writer(content, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows((self._run, name, *self._verdicts[name]) for name in self._names if name in self._verdicts)
            with atomic_write(self._path) as temporary:
                temporary.write_text(content.getvalue(), encoding="utf-8")
