"""Cases that a table names, and cases whose file names follow a template."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from brainseg.dataset.filenames import compile_template, normalise
from brainseg.errors import UserError
from brainseg.imaging.volume import FLAIR, SEQUENCES
from brainseg.reading import DamagedFileError, parse_rows, read_text
from brainseg.scans.case_source import CaseSource
from brainseg.scans.file_kinds import FileKind, walk
from brainseg.scans.names import SHORT_NAMES, safe_name
from brainseg.scans.nifti_groups import taken_as_flair
from brainseg.scans.slice_groups import number_fault, slice_case
from brainseg.terminal import printable

COLUMNS = ("case", *SHORT_NAMES, "mask")
PLACEHOLDERS = ("patient_id", "slice_number")


def read_case_table(path: Path) -> list[CaseSource]:
    """Read a CSV file with the columns case, flair, t1, t1ce and mask; all but case and flair may be missing or empty.

    Args:
        path: the table; its paths are relative to its own folder, or absolute.

    Returns:
        A case for each row, of NIfTI files. That they exist is checked when they are read.

    Raises:
        UserError: if it is not such a table, or names a case twice.
    """
    where = printable(str(path))
    try:
        names, rows = parse_rows(read_text(path))
    except FileNotFoundError:
        raise UserError(f"{where}: not found. Check the path.") from None
    except DamagedFileError as error:
        expected = f"CSV with the columns {', '.join(COLUMNS)}"
        raise UserError(f"{where}: not a table ({error}). Expected: {expected}.") from None
    names = [name.strip().lower() for name in names]
    if len(set(names)) < len(names) or not {"case", "flair"} <= set(names) <= set(COLUMNS):
        found = printable(", ".join(names))
        raise UserError(f"{where}: columns {found}. Expected: case, flair and, if there are any, t1, t1ce, mask.")
    cases: dict[str, CaseSource] = {}
    for line, values in rows:
        row = dict(zip(names, (value.strip() for value in values), strict=True))
        case_id = safe_name(row["case"])
        if not row["case"] or not row["flair"] or case_id.lower() in cases:
            fault = f"{printable(case_id)} a second time" if row["case"] and row["flair"] else "no case or no FLAIR"
            raise UserError(f"{where}: line {line}: {fault}. Expected: each case once, with the path of its FLAIR.")
        cases[case_id.lower()] = CaseSource(
            case_id=case_id,
            kind="nifti",
            place=path.parent,
            sequences={role: path.parent / row[name] for name, role in SHORT_NAMES.items() if row.get(name)},
            mask=path.parent / row["mask"] if row.get("mask") else None,
        )
    if not cases:
        raise UserError(f"{where}: no cases. Expected: one row for each case.")
    return list(cases.values())


def match_pattern(root: Path, pattern: str, mask_pattern: str | None = None) -> list[CaseSource]:
    """Find the cases below a folder whose file names follow a template.

    Args:
        root: names are relative to it.
        pattern: of images, with {patient_id} and * as in data.pattern of params.yaml; with {slice_number} each file is
            a slice, without it a whole scan.
        mask_pattern: of masks, with the same placeholders.

    Returns:
        Cases sorted by patient_id.

    Raises:
        UserError: if a template is invalid, or no name fits.
    """
    files = {normalise(path.relative_to(root).as_posix()): (kind, path) for kind, path in _scan_files(root)}
    images = _match("--pattern", pattern, files)
    masks = _match("--mask-pattern", mask_pattern, files) if mask_pattern is not None else {}
    if not images:
        some = "\n".join(f"  {printable(name)}" for name in sorted(files)[:5])
        raise UserError(f"{printable(str(root))}: no file name fits {pattern!r}. Names that were found:\n{some}")
    if "{slice_number}" in pattern:
        return [_slices(root, name, images[name], masks.get(name, {})) for name in sorted(images)]
    return [_volume(patient_id, images[patient_id], masks.get(patient_id, {}), files) for patient_id in sorted(images)]


def _scan_files(root: Path) -> list[tuple[FileKind, Path]]:
    return [
        (kind, path)
        for folder in walk(root)
        for kind in (FileKind.PICTURE, FileKind.STACK, FileKind.NIFTI)
        for path in folder.of(kind)
    ]


def _match(option: str, pattern: str, files: Mapping[str, tuple[FileKind, Path]]) -> dict[str, dict[int, list[Path]]]:
    """The files that fit a template, by patient_id and slice number (0 without)."""
    try:
        rule = compile_template(option, pattern, PLACEHOLDERS)
    except UserError as error:
        raise UserError(str(error).removeprefix("params.yaml: ")) from None
    if "{patient_id}" not in pattern:
        raise UserError(f"{option}: {pattern!r}. Expected: a template with {{patient_id}}.")
    found: dict[str, dict[int, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for name, (_, path) in sorted(files.items()):
        match = rule.fullmatch(name)
        if match:
            found[match["patient_id"]][int(match.groupdict().get("slice_number") or 0)].append(path)
    return found


def _slices(
    root: Path, patient_id: str, images: Mapping[int, list[Path]], masks: Mapping[int, list[Path]]
) -> CaseSource:
    where = f"{root}: {patient_id}"
    twice = [paths for paths in images.values() if len(paths) > 1]
    fault = number_fault(where, images)
    if twice:
        listed = ", ".join(printable(path.name) for path in twice[0])
        fault = f"{printable(where)}: {listed} have the same slice number. Expected: one picture for each slice."
    numbers = sorted(images)
    by_stem = {images[number][0].stem: masks[number][0] for number in numbers if number in masks}
    case = slice_case(safe_name(patient_id), images[numbers[0]][0].parent, [images[n][0] for n in numbers], by_stem, "")
    return replace(case, fault=fault)


def _volume(
    patient_id: str,
    images: Mapping[int, list[Path]],
    masks: Mapping[int, list[Path]],
    files: Mapping[str, tuple[FileKind, Path]],
) -> CaseSource:
    """A case that is one file."""
    paths = images[0]
    kinds = {path: kind for kind, path in files.values()}
    path = paths[0]
    mask = masks[0][0] if masks else None
    fault = None
    if len(paths) > 1:
        fault = f"{printable(patient_id)}: {len(paths)} files, such as {printable(path.name)}. Expected: one."
    if kinds[path] is FileKind.PICTURE:
        fault = f"{printable(str(path))}: one slice. Expected: {{slice_number}} in the pattern."
    common = {"case_id": safe_name(patient_id), "place": path.parent, "mask": mask, "fault": fault}
    if kinds[path] is FileKind.STACK:
        return CaseSource(kind="multipage_tiff", images=(path,), **common)  # type: ignore[arg-type]
    notes = taken_as_flair(path)
    return CaseSource(kind="nifti", sequences={SEQUENCES[FLAIR]: path}, notes=notes, **common)  # type: ignore[arg-type]
