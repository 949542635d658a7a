"""Which NIfTI files make up a case, by BraTS, BIDS and similar names."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from brainseg.imaging.volume import FLAIR, SEQUENCES
from brainseg.scans.case_source import CaseSource
from brainseg.scans.names import NamedFile, parse_name, safe_name, stem_of
from brainseg.terminal import printable

LISTED = 10  # files in a message
NAMES = (
    "names that end in _flair, _t1, _t1ce (or BraTS' t2f, t1n, t1c; BIDS' FLAIR, T1w, ce-..._T1w), or --flair, --t1 "
    "and --t1ce with one file each, or a table of cases"
)


def taken_as_flair(path: Path) -> tuple[str, ...]:
    """The note for a file whose name does not say which sequence it is."""
    return (f"{printable(path.name)} is taken as FLAIR.",)


def group_nifti(folder: Path, paths: Sequence[Path]) -> list[CaseSource]:
    """Make cases of the NIfTI files in one folder.

    Args:
        folder: where they are.
        paths: the files directly in it, at least one.

    Returns:
        The cases; none if there are only masks. A single file without a known name is FLAIR; several such files are
        ambiguous, and become a case with a fault that lists them.
    """
    named = {path: parse_name(path) for path in paths}
    cases: dict[str, list[Path]] = defaultdict(list)
    unknown = []
    for path, name in named.items():
        if name.role is None:
            unknown.append(path)
        else:
            cases[name.case.lower()].append(path)
    scans = [files for files in cases.values() if not all(named[path].role == "mask" for path in files)]
    if not scans:
        return [_single(folder, unknown, [path for files in cases.values() for path in files])] if unknown else []
    notes = _left_out(unknown)
    return [_with_notes(_case(folder, files, named), notes) for files in scans]


def _single(folder: Path, paths: Sequence[Path], masks: Sequence[Path] = ()) -> CaseSource:
    """A case of one FLAIR file without a known name, or the fault that there are several."""
    if len(paths) > 1:
        fault = (
            f"{printable(str(folder))}: {len(paths)} NIfTI files, and it is not clear which sequences of which cases "
            f"they are:\n{_list(paths)}\nExpected: {NAMES}. If each is the FLAIR of a case: "
            "--pattern '{patient_id}.nii.gz'."
        )
        return CaseSource(case_id=safe_name(folder.absolute().name), kind="nifti", place=folder, fault=fault)
    (path,) = paths
    return CaseSource(
        case_id=safe_name(stem_of(path)),
        kind="nifti",
        place=folder,
        sequences={SEQUENCES[FLAIR]: path},
        mask=masks[0] if len(masks) == 1 else None,
        notes=taken_as_flair(path),
    )


def _case(folder: Path, paths: Sequence[Path], named: dict[Path, NamedFile]) -> CaseSource:
    """A case of the files that have the same name but for the sequence."""
    case_id = safe_name(named[paths[0]].case.rstrip("_-. ") or folder.absolute().name)
    by_role: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        by_role[str(named[path].role)].append(path)
    where = f"{printable(str(folder))}: {printable(case_id)}"
    twice = next((role for role in SEQUENCES if len(by_role[role]) > 1), None)
    fault = None
    if twice is not None:
        fault = (
            f"{where}: {len(by_role[twice])} files of the sequence {twice}:\n{_list(by_role[twice])}\nExpected: one. "
            "Name the one that is wanted with --flair, --t1 or --t1ce."
        )
    elif not by_role[SEQUENCES[FLAIR]]:
        fault = f"{where}: no FLAIR:\n{_list(paths)}\nExpected: FLAIR at least; {NAMES}."
    if fault is not None:
        return CaseSource(case_id=case_id, kind="nifti", place=folder, fault=fault)
    return CaseSource(
        case_id=case_id,
        kind="nifti",
        place=folder,
        sequences={role: by_role[role][0] for role in SEQUENCES if by_role[role]},
        mask=by_role["mask"][0] if len(by_role["mask"]) == 1 else None,
        notes=_left_out([*by_role["other"], *(by_role["mask"] if len(by_role["mask"]) > 1 else [])]),
    )


def _left_out(paths: Sequence[Path]) -> tuple[str, ...]:
    listed = ", ".join(printable(path.name) for path in paths[:LISTED])
    return (f"Left out: {listed}{', ...' if len(paths) > LISTED else ''}.",) if paths else ()


def _with_notes(case: CaseSource, notes: tuple[str, ...]) -> CaseSource:
    return replace(case, notes=(*case.notes, *notes))


def _list(paths: Sequence[Path]) -> str:
    more = f"\n  and {len(paths) - LISTED} more" if len(paths) > LISTED else ""
    return "\n".join(f"  {printable(path.name)}" for path in paths[:LISTED]) + more
