"""Recognising scans by the content and the names of files: from what the user names to cases that can be read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from brainseg.errors import UserError
from brainseg.imaging.volume import FLAIR, SEQUENCES
from brainseg.scans.case_source import CaseSource
from brainseg.scans.file_kinds import FileKind, Folder, kind_of, walk
from brainseg.scans.names import SHORT_NAMES, image_stem, is_mask, is_result, parse_name, safe_name, stem_of
from brainseg.scans.nifti_groups import group_nifti, taken_as_flair
from brainseg.scans.slice_groups import group_slices
from brainseg.scans.tables import match_pattern, read_case_table
from brainseg.terminal import printable

EXPECTED = (
    "a folder with numbered slices (TIFF, PNG, JPEG, BMP), a multi-page TIFF, NIfTI files (.nii, .nii.gz), DICOM, or a "
    "folder of such folders"
)
MAX_PREFIXES = 5  # names of folders that are put before a case's name, to tell it from others


@dataclass(frozen=True, kw_only=True)
class InputOptions:
    """What the user says about the input, besides naming it.

    Attributes:
        sequences: the file of each sequence, by its name in `SEQUENCES`; or, if DICOM is the input, the series.
        channels: names of the volumes of a 4-D NIfTI in order: flair, t1, t1ce, or anything else for one that is not
            used, such as t2.
        pattern: template of image names, see `brainseg.scans.tables.match_pattern`.
        mask_pattern: template of mask names.
        table: a CSV file that names the cases.
    """

    sequences: Mapping[str, str] = field(default_factory=dict)
    channels: Sequence[str] = ()
    pattern: str | None = None
    mask_pattern: str | None = None
    table: Path | None = None


def find_cases(inputs: Sequence[Path], options: InputOptions | None = None) -> list[CaseSource]:
    """Find the cases in the files and folders that the user named.

    Args:
        inputs: files and folders.
        options: what the user says about them.

    Returns:
        At least one case, each with a name of its own. A case that cannot be read has a `fault`, so that the others go
        on. No pixels are read yet.

    Raises:
        UserError: if nothing is recognised, or options do not fit together.
    """
    options = options or InputOptions()
    if options.mask_pattern is not None and options.pattern is None:
        raise UserError("--mask-pattern names the masks of what --pattern names. Expected: both, or neither.")
    if options.table is not None:
        if inputs or options.sequences or options.pattern:
            raise UserError("A table of cases names all files. Expected: no other input, no --flair and no --pattern.")
        return _with_unique_names(read_case_table(options.table))
    if options.sequences and not inputs:
        folders = [Path(text) for text in options.sequences.values()]
        if all(folder.is_dir() for folder in folders):
            if not (cases := _from_dicom(folders, options)):
                listed = ", ".join(printable(str(folder)) for folder in folders)
                raise UserError(f"{listed}: no DICOM. Expected: a folder with one series of DICOM, or a NIfTI file.")
            return _with_unique_names(cases)
        return [_named_files(options.sequences)]
    if not inputs:
        raise UserError(f"No input. Expected: {EXPECTED}.")
    cases = []
    for path in dict.fromkeys(inputs):
        if not path.exists():
            raise UserError(f"{printable(str(path))}: not found. Check the path.")
        if options.pattern is not None:
            if not path.is_dir():
                raise UserError(f"{printable(str(path))}: a file. Expected with --pattern: the folder of the files.")
            cases += match_pattern(path, options.pattern, options.mask_pattern)
        else:
            cases += _from_folder(path, options) if path.is_dir() else [*_from_file(path, options)]
    if options.sequences and any(case.kind != "dicom" for case in cases):
        raise UserError(
            "--flair, --t1 and --t1ce name the files of one case, or series of DICOM. "
            "Expected: no other input with files."
        )
    return _with_unique_names([_with_channels(case, options.channels) for case in cases])


def _from_folder(root: Path, options: InputOptions) -> list[CaseSource]:
    folders = [folder for folder in walk(root) if folder.files]
    kinds = {kind for folder in folders for kind in folder.files} - {FileKind.OTHER, FileKind.ARCHIVE}
    if FileKind.DICOM in kinds and kinds & {FileKind.NIFTI, FileKind.STACK}:
        counts = "\n".join(f"  {printable(str(folder.path))}: {folder.describe()}" for folder in folders[:10])
        raise UserError(
            f"{printable(str(root))}: DICOM and other scans. Expected: one form of files. Name the folder that is "
            f"meant. Found:\n{counts}"
        )
    if kinds and FileKind.DICOM not in kinds:
        cases = [case for folder in folders for case in _from_files_of(folder)]
    else:
        cases = _from_dicom([root], options)
    pictures = sum(len(folder.of(FileKind.PICTURE)) for folder in folders)
    if FileKind.DICOM in kinds and pictures:  # discs have the logos of a viewer
        note = f"{pictures} picture(s) beside the DICOM files were passed over."
        cases = [replace(case, notes=(note, *case.notes)) for case in cases]
    if not cases:
        found = Counter({kind: sum(len(folder.of(kind)) for folder in folders) for kind in FileKind})
        listed = ", ".join(f"{count} {kind.value}" for kind, count in found.items() if count) or "no files"
        raise UserError(f"{printable(str(root))}: no scan. Found: {listed}. Expected: {EXPECTED}.")
    return cases


def _from_dicom(paths: Sequence[Path], options: InputOptions) -> list[CaseSource]:
    from brainseg.scans.dicom_studies import find_dicom_cases  # pydicom is imported for DICOM only

    return find_dicom_cases(paths, options.sequences)


def _from_files_of(folder: Folder) -> list[CaseSource]:
    """The cases in the files directly in a folder; none if there are only results and masks."""
    scans = {
        kind: paths
        for kind in (FileKind.PICTURE, FileKind.STACK, FileKind.NIFTI)
        if (paths := [path for path in folder.of(kind) if not is_result(path)]) and not all(map(is_mask, paths))
    }
    if len(scans) > 1:
        fault = (
            f"{printable(str(folder.path))}: {folder.describe()} in one folder. Expected: one form of files. Name the "
            "files that are meant, or separate them."
        )
        case_id = safe_name(folder.path.absolute().name)
        return [CaseSource(case_id=case_id, kind="slices", place=folder.path, fault=fault)]
    for kind, paths in scans.items():
        if kind is FileKind.NIFTI:
            return group_nifti(folder.path, paths)
        return _stacks(paths) if kind is FileKind.STACK else [group_slices(folder.path, paths)]
    return []


def _stacks(paths: Sequence[Path]) -> list[CaseSource]:
    """A case for each multi-page TIFF that is no mask, with the mask that has its name."""
    masks = {path.parent / image_stem(path).lower(): path for path in paths if is_mask(path)}
    images = [path for path in paths if not is_mask(path)]
    return [
        CaseSource(
            case_id=safe_name(path.stem),
            kind="multipage_tiff",
            place=path.parent,
            images=(path,),
            mask=masks.get(path.parent / path.stem.lower()),
        )
        for path in images
    ]


def _from_file(path: Path, options: InputOptions) -> list[CaseSource]:
    where = printable(str(path))
    kind = kind_of(path)
    if kind is FileKind.NIFTI:
        name = parse_name(path)
        if name.role not in (None, SEQUENCES[FLAIR]):
            raise UserError(
                f"{where}: by its name it is {name.role}, not FLAIR. Expected: FLAIR. If it is FLAIR: --flair with "
                "this file; if it is one sequence of several: name its folder."
            )
        case_id = safe_name(name.case.rstrip("_-. ") or path.absolute().parent.name)
        notes = taken_as_flair(path) if not options.channels else ()
        return [_flair_case(case_id, path, notes)]
    if kind is FileKind.STACK:
        return _stacks([path])
    if kind is FileKind.PICTURE:
        raise UserError(f"{where}: one slice. Expected: the folder with all slices of the scan. Name that folder.")
    cases = _from_dicom([path], options)
    if not cases:
        raise UserError(f"{where}: not a scan. Expected: {EXPECTED}.")
    return cases


def _flair_case(case_id: str, path: Path, notes: tuple[str, ...]) -> CaseSource:
    sequences = {SEQUENCES[FLAIR]: path}
    return CaseSource(case_id=case_id, kind="nifti", place=path.parent, sequences=sequences, notes=notes)


def _named_files(sequences: Mapping[str, str]) -> CaseSource:
    if SEQUENCES[FLAIR] not in sequences:
        raise UserError("No FLAIR. Expected: --flair with a file; it is the one sequence that every case needs.")
    paths = {name: Path(text) for name, text in sequences.items()}
    flair = paths[SEQUENCES[FLAIR]]
    if len(set(paths.values())) < len(paths):
        raise UserError("One file for two sequences. Expected: a file for each; leave out what is missing.")
    name = parse_name(flair)
    case_id = (name.case.rstrip("_-. ") if name.role else stem_of(flair)) or flair.absolute().parent.name
    return CaseSource(case_id=safe_name(case_id), kind="nifti", place=flair.parent, sequences=paths)


def _with_channels(case: CaseSource, names: Sequence[str]) -> CaseSource:
    """State the order of the volumes of a 4-D NIfTI."""
    if not names:
        return case
    channels = tuple(SHORT_NAMES.get(name.strip().lower(), "") for name in names)
    used = [name for name in channels if name]
    if SEQUENCES[FLAIR] not in used or len(set(used)) < len(used):
        raise UserError(
            f"--channels: {printable(','.join(names))}. Expected: flair once, t1 and t1ce at most once, and any other "
            "name for a volume that is not used, in the order of the file, such as flair,t1,t1ce,t2."
        )
    if case.fault is not None:
        return case
    if case.kind != "nifti" or len(case.sequences) > 1:
        raise UserError(
            f"{printable(case.case_id)}: --channels is for one 4-D NIfTI per case. Expected: no --channels "
            "for this input."
        )
    path = case.sequences[SEQUENCES[FLAIR]]
    return replace(case, sequences=dict.fromkeys(used, path), channels=channels, notes=())


def _with_unique_names(cases: list[CaseSource]) -> list[CaseSource]:
    """Put the names of folders before the names of cases that would otherwise be the same, in any case of letters."""
    depths = [0] * len(cases)
    for _ in range(MAX_PREFIXES):
        names = [_name(case, depth) for case, depth in zip(cases, depths, strict=True)]
        counts = Counter(name.casefold() for name in names)
        if max(counts.values(), default=1) == 1:
            return [replace(case, case_id=name) for case, name in zip(cases, names, strict=True)]
        depths = [depth + (counts[name.casefold()] > 1) for depth, name in zip(depths, names, strict=True)]
    twice = [case for case, name in zip(cases, names, strict=True) if counts[name.casefold()] > 1]
    listed = "\n".join(f"  {printable(str(case.place))}" for case in twice[:10])
    raise UserError(f"{len(twice)} cases have the same name:\n{listed}\nExpected: different names. Rename the folders.")


def _name(case: CaseSource, depth: int) -> str:
    """The name of a case after those of as many folders as `depth` says, from the outermost."""
    folders = [folder.name for folder in (case.place.absolute(), *case.place.absolute().parents)]
    if safe_name(folders[0]) == case.case_id:
        folders.pop(0)
    return safe_name("_".join([*reversed(folders[:depth]), case.case_id])) if depth else case.case_id
