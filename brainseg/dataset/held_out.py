"""Lists of held-out patients: text files with one patient_id per line."""

import re
from collections.abc import Collection
from pathlib import Path

from brainseg.dataset.filenames import normalise
from brainseg.errors import UserError
from brainseg.reading import DamagedFileError, read_text
from brainseg.terminal import printable

HELD_OUT = Path("held_out")  # a dependency of the stage split, so that DVC runs it again after a list was edited
MAX_BYTES = 10_000_000  # of a list; one of 100,000 patients has 2 MB
MAX_LISTED = 5  # patients that a message lists
COMMENT = re.compile(r"(^|\s)#.*")  # as in YAML and shells: P#1 has none


def read_held_out(path: Path, known: Collection[str]) -> set[str]:
    """Read a list of held-out patients.

    Args:
        path: a file in `HELD_OUT`. Text after a # at the start of a line or after a space is a comment, unless the
            whole line is the patient_id of one of the patients.
        known: the patient_ids of the data set, normalised as by `brainseg.dataset.filenames.normalise`.

    Returns:
        The patient_ids of the list: some of `known`, but not all.

    Raises:
        UserError: if the file is elsewhere, missing, or not a text file in UTF-8; if it lists no patient, all of them,
            or one that is not known.
    """
    if path.parent != HELD_OUT:
        raise UserError(
            f"split.test_patients: {path} is not in {HELD_OUT}/, where DVC notices changes of the list. Move it there"
        )
    try:
        lines = read_text(path, max_bytes=MAX_BYTES).splitlines()
    except FileNotFoundError:
        raise UserError(
            f"split.test_patients: {path} not found. Write it with one patient_id per line, or set null. If it exists "
            "and the experiment is queued: git add it, then queue again, because DVC copies only what git knows"
        ) from None
    except DamagedFileError as error:
        raise UserError(
            f"{path}: not a readable list of patients: {error}. Expected: a text file with one patient_id per line. "
            "Save it as plain text in an editor, with UTF-8 as the encoding."
        ) from None
    patients = set(known)
    names = (normalise(line.strip()) for line in lines)
    listed = {name if name in patients else COMMENT.sub("", name).strip() for name in names} - {""}
    if unknown := sorted(listed - patients):
        shown = ", ".join(printable(name[:100]) for name in unknown[:MAX_LISTED])
        raise UserError(
            f"{path}: {len(unknown)} of {len(listed)} patients are not in data.root: "
            f"{shown}{', ...' * (len(unknown) > MAX_LISTED)}. Correct the list or data.root"
        )
    if not listed or listed == patients:
        raise UserError(
            f"{path}: lists {len(listed)} patients. Expected: some, but not all, of the {len(patients)} in data.root"
        )
    return listed
