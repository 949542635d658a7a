"""Finding DICOM studies in folders, exports with a DICOMDIR, and zip archives. Each study is a case."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from pydicom.dataset import Dataset
from pydicom.uid import MediaStorageDirectoryStorage

from brainseg.reading import DamagedFileError
from brainseg.scans.case_source import CaseSource
from brainseg.scans.dicom_listing import DicomFile, Opener, list_files
from brainseg.scans.dicom_reading import NotDicomError, quiet, read_header
from brainseg.scans.names import safe_name
from brainseg.terminal import printable


@dataclass(frozen=True, kw_only=True)
class StudyFiles:
    """What reading a study needs; `brainseg.scans.case_source.CaseSource.detail`.

    Attributes:
        files: sorted.
        chosen: the series that the user named, by name of the sequence: a SeriesInstanceUID, a series number or a
            folder.
    """

    files: tuple[DicomFile, ...] = field(repr=False)
    chosen: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Index:
    """What was found in all files.

    Attributes:
        studies: files by StudyInstanceUID.
        damaged: file and reason.
        missing: by StudyInstanceUID, how many files a DICOMDIR names that are not there.
        listed: studies that a DICOMDIR names.
    """

    studies: dict[str, list[DicomFile]] = field(default_factory=dict)
    damaged: list[tuple[DicomFile, str]] = field(default_factory=list)
    missing: Counter[str] = field(default_factory=Counter)
    listed: set[str] = field(default_factory=set)


def find_dicom_cases(inputs: Sequence[Path], chosen: Mapping[str, str] = MappingProxyType({})) -> list[CaseSource]:
    """Find the studies in folders, files and zip archives. Of each file little more than its study is read.

    Files that are not DICOM are passed over. A study that has a fault is in the list, so that it is reported.

    Args:
        inputs: folders, nested or not, zip archives and files.
        chosen: as for `StudyFiles`.

    Returns:
        A case for each study, in the order of their files; empty if there is no DICOM file.

    Raises:
        UserError: if an input does not exist, an archive cannot be read, or there are too many files.
    """
    index = _index_files(list_files(inputs))
    roots = [path.absolute() for path in inputs]
    cases = [_make_case(uids, index, roots, chosen) for uids in _group_by_folder(index)]
    for file, reason in _lost_files(index):
        case_id, place = _case_id([file], roots)
        detail = StudyFiles(files=(file,))
        fault = printable(f"{file}: {reason}. Copy it again.")
        cases.append(CaseSource(case_id=case_id, kind="dicom", place=place, detail=detail, fault=fault))
    for number, (uid, count) in enumerate(index.missing.items(), 1):
        if uid not in index.studies:
            fault = printable(f"{inputs[0]}: {_missing_fault(count)}.")
            detail = StudyFiles(files=())
            cases.append(
                CaseSource(case_id=f"missing_study_{number}", kind="dicom", place=inputs[0], detail=detail, fault=fault)
            )
    cases.sort(key=lambda case: case.detail.files[:1])
    counts = Counter(case.case_id for case in cases)
    return [_make_unique(case) if counts[case.case_id] > 1 else case for case in cases]


def _index_files(files: Iterable[DicomFile]) -> _Index:
    index, all_files, directories = _Index(), set(), []
    with Opener() as opener:
        for file in files:
            all_files.add(_comparable(file.path / file.member))
            try:
                header, _ = read_header(file, opener, ["SOPClassUID", "StudyInstanceUID"])
                with quiet():
                    if header.file_meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
                        directories.append((file, read_header(file, opener)[0]))
                        continue
                    study = str(header.get("StudyInstanceUID") or "")
                if not study:
                    raise DamagedFileError("no StudyInstanceUID in its header")
                index.studies.setdefault(study, []).append(file)
            except NotDicomError:
                continue
            except DamagedFileError as error:
                index.damaged.append((file, str(error)))
    for file, directory in directories:
        try:
            with quiet():
                _read_directory(file, directory, all_files, index)
        except DamagedFileError as error:
            index.damaged.append((file, str(error)))
    return index


def _read_directory(file: DicomFile, directory: Dataset, all_files: set[str], index: _Index) -> None:
    """Compare a DICOMDIR with the files that are there. Its records stand in the order of the tree."""
    study = ""
    for record in directory.get("DirectoryRecordSequence") or ():
        if record.get("DirectoryRecordType") == "STUDY":
            study = str(record.get("StudyInstanceUID") or "")
            index.listed.add(study)
        name = record.get("ReferencedFileID")
        if name and record.get("DirectoryRecordType") == "IMAGE":
            parts = [name] if isinstance(name, str) else list(name)
            if _comparable(file.folder.joinpath(*parts)) not in all_files:
                index.missing[study] += 1


def _comparable(path: Path) -> str:
    """A path as it is compared: names on a CD are in capitals, but often shown in small letters."""
    return str(PurePosixPath(path)).casefold()


def _group_by_folder(index: _Index) -> list[list[str]]:
    """Studies one by one; studies whose files lie in one folder, without a DICOMDIR that lists them, together."""
    group_of = {uid: {uid} for uid in index.studies}
    by_folder: dict[Path, set[str]] = {}
    for uid, files in index.studies.items():
        for file in files:
            by_folder.setdefault(file.folder, set()).add(uid)
    for uids in by_folder.values():
        if not uids <= index.listed:
            merged = set().union(*(group_of[uid] for uid in uids))
            group_of.update(dict.fromkeys(merged, merged))
    return [sorted(group) for group in {id(group): group for group in group_of.values()}.values()]


def _make_case(uids: list[str], index: _Index, roots: list[Path], chosen: Mapping[str, str]) -> CaseSource:
    files = sorted(file for uid in uids for file in index.studies[uid])
    folders = {file.folder for file in files}
    damaged = [(file, reason) for file, reason in index.damaged if file.folder in folders]
    faults = []
    if len(uids) > 1:
        counts = sorted((len(index.studies[uid]) for uid in uids), reverse=True)
        faults.append(
            f"{len(uids)} studies (StudyInstanceUID) in one folder, with {' and '.join(map(str, counts))} files. "
            "Expected: one. Move each to a folder of its own"
        )
    if missing := sum(index.missing[uid] for uid in uids):
        faults.append(_missing_fault(missing))
    if damaged:
        faults.append(
            f"{len(damaged)} damaged file(s) beside {len(files)} others, the first: {damaged[0][0]}: {damaged[0][1]}. "
            "Copy the study again"
        )
    case_id, place = _case_id(files, roots)
    return CaseSource(
        case_id=case_id,
        kind="dicom",
        place=place,
        detail=StudyFiles(files=tuple(files), chosen=chosen),
        fault=printable(f"{place}: {'; '.join(faults)}.") if faults else None,
    )


def _missing_fault(count: int) -> str:
    return f"{count} image(s) that DICOMDIR names are missing. Copy the export again as a whole"


def _lost_files(index: _Index) -> list[tuple[DicomFile, str]]:
    """Damaged files without a study in their folder."""
    folders = {file.folder for files in index.studies.values() for file in files}
    return [(file, reason) for file, reason in index.damaged if file.folder not in folders]


def _case_id(files: Sequence[DicomFile], roots: list[Path]) -> tuple[str, Path]:
    """The name of a case, and the folder that holds all of its files."""
    folder = Path(os.path.commonpath([file.folder.absolute() for file in files]))
    for root in roots:
        if root in folder.parents:
            return safe_name("_".join(folder.relative_to(root).parts)), folder
    return safe_name(folder.stem if folder.is_file() else folder.name), folder


def _make_unique(case: CaseSource) -> CaseSource:
    """Add a digest of the names of the files to the name of a case that another one has, too."""
    names = "\n".join(str(file) for file in case.detail.files)
    return replace(case, case_id=f"{case.case_id}_{hashlib.sha256(os.fsencode(names)).hexdigest()[:8]}")
