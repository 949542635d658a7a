"""From the files of a request to the answer: the mask in the form of the input, and its measures."""

import errno
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainseg.apply.outcome import Outcome, OutputOptions
from brainseg.apply.outline import outline_or_raise
from brainseg.apply.segmenter import Segmenter
from brainseg.errors import UserError
from brainseg.imaging.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, SEQUENCES
from brainseg.scans.case_source import CaseSource
from brainseg.scans.file_kinds import FileKind, kind_of
from brainseg.scans.recognise import InputOptions, find_cases
from brainseg.serve.uploads import FILE, describe_error, unpack
from brainseg.terminal import printable

CHANNELS = {"flair": FLAIR, "t1": PRE_CONTRAST, "t1ce": POST_CONTRAST}
# Of the result by its suffix: the name and the type of the answer.
ANSWERS = {
    ".gz": ("mask.nii.gz", "application/gzip"),
    ".dcm": ("segmentation.dcm", "application/dicom"),
    ".tif": ("mask.tif", "image/tiff"),
    ".zip": ("masks.zip", "application/zip"),
}
LEFT_OUT = ("case", "dice")  # measures of predictions.csv that a client knows, or that need a reference
MAX_HEADER = 4000  # characters of the measures; proxies and clients refuse headers above 8 KB


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a client gets.

    Attributes:
        content: of the file.
        name: of the file, the same for all scans of a kind.
        media_type: of the file.
        measures: JSON in ASCII on one line: the measures of predictions.csv, and `notes`.
    """

    content: bytes
    name: str
    media_type: str
    measures: str


def outline_files(files: Mapping[str, Path], segmenter: Segmenter, folder: Path, *, max_unpacked: int) -> Answer:
    """Outline the scan in the files of a request.

    Args:
        files: from `brainseg.serve.uploads.receive_files`.
        segmenter: the model.
        folder: for temporary files.
        max_unpacked: bytes that an archive may contain.

    Raises:
        UserError: if the files are not one scan that can be outlined.
        OSError, MemoryError: if disk or memory are full, see `is_full`.
    """
    try:
        case = _find_case(files, folder, max_unpacked)
        out = folder / "out"
        outcome = outline_or_raise(case, segmenter, out, OutputOptions())
    except (UserError, OSError) as error:
        if is_full(error):
            raise
        raise UserError(describe_error(error, folder)) from None
    written = [out / name for name in outcome.outputs]
    pictures = case.kind in ("kaggle", "slices")
    content = _pack(written, out) if pictures else written[0].read_bytes()
    name, media_type = ANSWERS[".zip" if pictures else written[0].suffix]
    return Answer(content=content, name=name, media_type=media_type, measures=_measures(outcome, folder))


def is_full(error: Exception) -> bool:
    """Whether disk or memory of the server are full, for which the client's files are not to blame."""
    full_disk = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return full_disk or isinstance(error, MemoryError)


def _find_case(files: Mapping[str, Path], folder: Path, max_unpacked: int) -> CaseSource:
    """The one case of a request."""
    if FILE not in files:
        sequences = {SEQUENCES[CHANNELS[field]]: str(path) for field, path in files.items()}
        return find_cases([], InputOptions(sequences=sequences))[0]
    path = files[FILE]
    archive = kind_of(path) is FileKind.ARCHIVE
    if archive:
        unpack(path, folder / "scan", max_bytes=max_unpacked)
    cases = find_cases([folder / "scan" if archive else path])
    if len(cases) > 1:
        listed = ", ".join(printable(case.case_id) for case in cases[:5])
        raise UserError(f"{len(cases)} scans: {listed}{', ...' * (len(cases) > 5)}. Expected: one scan per request.")
    return cases[0]


def _pack(paths: list[Path], folder: Path) -> bytes:
    """A zip archive of files, named relative to a folder; equal files give equal bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in paths:
            archive.writestr(zipfile.ZipInfo(path.relative_to(folder).as_posix()), path.read_bytes())
    return content.getvalue()


def _measures(outcome: Outcome, folder: Path) -> str:
    measures: dict[str, Any] = {name: value for name, value in (outcome.row or {}).items() if name not in LEFT_OUT}
    notes = [describe_error(note, folder) for note in outcome.notes]
    while len(text := json.dumps({**measures, "notes": notes})) > MAX_HEADER:
        notes.pop()
    return text
