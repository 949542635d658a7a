"""Pairing images with their masks by file name, never by the order of a list."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from brainseg.dataset.filenames import UNUSABLE, compile_template, normalise
from brainseg.dataset.kaggle_lgg import KAGGLE_PAGE
from brainseg.dataset.listing import FolderListing, list_image_files
from brainseg.errors import UserError
from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.faults import Fault
from brainseg.imaging.raster import IMAGE_SUFFIXES
from brainseg.params import PatternParams

# How to get the data sets that the presets name.
HOW_TO_GET = {
    "data/kaggle_3m": "It is not part of this project. Download it with `brainseg download`; or download it by hand"
    f" from {KAGGLE_PAGE} and unpack it so that data/kaggle_3m contains the patients' folders",
    "data/phantom": "`dvc repro` creates it",
}


@dataclass(frozen=True, kw_only=True)
class SlicePair:
    """The image and the mask of one slice, as paths relative to data.root; None if a file is missing."""

    patient_id: str
    slice_number: int
    image_path: str | None
    mask_path: str | None


def list_data_root(root: Path) -> FolderListing:
    """List the image files of a data set.

    Args:
        root: data.root.

    Returns:
        The listing, with at least one file.

    Raises:
        UserError: if root is missing, is not a folder, cannot be read or has no image files. The message says how to
            get the data sets that the presets name.
    """
    hint = HOW_TO_GET.get(root.as_posix(), "Set data.root in params.yaml to the folder with the patients' folders")
    try:
        if root.is_symlink() and not root.exists():
            raise UserError(f"{root}: data.root is a link to {root.readlink()}, which does not exist. {hint}.")
        if not root.exists():
            raise UserError(f"{root}: data.root does not exist. {hint}.")
        if not root.is_dir():
            raise UserError(f"{root}: data.root is a file. Expected: a folder. {hint}.")
        listing = list_image_files(root)
    except PermissionError:
        raise UserError(f"{root}: no permission to read data.root. Give yourself read permission.") from None
    if not listing.files and "." in dict(listing.unreadable_folders):
        raise UserError(f"{root}: no permission to read data.root. Give yourself read permission: chmod -R u+rX {root}")
    if not listing.files:
        raise UserError(f"{root}: data.root has no images. Expected: files {', '.join(IMAGE_SUFFIXES)}. {hint}.")
    return listing


def pair_by_name(paths: Sequence[str], root: Path, pattern: PatternParams) -> tuple[list[SlicePair], list[Fault]]:
    """Pair images and masks that have the same patient and slice number in their names.

    Args:
        paths: POSIX paths relative to data.root.
        root: data.root, for the error message.
        pattern: the templates of the file names.

    Returns:
        The pairs, sorted by patient_id and slice_number, including those with one file missing; and the faults found
        in the names. A patient_id is normalised as by `brainseg.dataset.filenames.normalise`; paths are as on disk.

    Raises:
        UserError: if a template is invalid, or if no name fits but names relative to a sub-folder would. The message
            names that sub-folder.
    """
    rules = {
        role: compile_template(f"data.pattern.{role}", template, ("patient_id", "slice_number"))
        for role, template in (("image", pattern.image), ("mask", pattern.mask))
    }
    found, faults = _parse_names(paths, rules)
    if len(faults) == len(paths) and all(fault.kind is FaultKind.UNKNOWN_NAME for fault in faults):
        _suggest_sub_folder(paths, root, list(rules.values()))
    pairs = []
    for patient_id, number in sorted(found["image"].keys() | found["mask"].keys()):
        image, mask = (found[role].get((patient_id, number)) for role in ("image", "mask"))
        pairs.append(SlicePair(patient_id=patient_id, slice_number=number, image_path=image, mask_path=mask))
        if mask is None and image is not None:
            expected = _fill_template(pattern.mask, rules["image"], image)
            faults.append(Fault(FaultKind.MISSING_MASK, image, f"no {expected}"))
        if image is None and mask is not None:
            expected = _fill_template(pattern.image, rules["mask"], mask)
            faults.append(Fault(FaultKind.MISSING_IMAGE, mask, f"no {expected}"))
    return pairs, faults


def find_gaps(pairs: Sequence[SlicePair]) -> list[Fault]:
    """Find missing slice numbers, counted from 1, or from 0 for a patient who has a slice 0.

    Args:
        pairs: sorted by patient_id and slice_number. A slice with one file missing is not a gap.

    Returns:
        One fault for each patient with gaps.
    """
    numbers: dict[str, list[int]] = {}
    for pair in pairs:
        numbers.setdefault(pair.patient_id, [0]).append(pair.slice_number)
    faults = []
    for patient_id, present in numbers.items():
        gaps = [(before + 1, after - 1) for before, after in pairwise(present) if after - before > 1]
        missing = ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in gaps)
        if gaps:
            found = f"{len(present) - 1} slices, the last is {present[-1]}; missing: {missing}"
            faults.append(Fault(FaultKind.SLICE_GAP, patient_id, found))
    return faults


def _parse_names(
    paths: Sequence[str], rules: Mapping[str, re.Pattern[str]]
) -> tuple[dict[str, dict[tuple[str, int], str]], list[Fault]]:
    """Find the image and the mask of each (patient_id, slice_number); the first path counts if there are two."""
    found: dict[str, dict[tuple[str, int], str]] = {"image": {}, "mask": {}}
    faults = []
    for path in paths:
        matches = {role: match for role, rule in rules.items() if (match := rule.fullmatch(normalise(path)))}
        if len(matches) != 1:
            kind = FaultKind.AMBIGUOUS_NAME if matches else FaultKind.UNKNOWN_NAME
            unusable = "has a control character or broken Unicode, and " if UNUSABLE.search(path) else ""
            faults.append(Fault(kind, path, "fits both templates" if matches else f"{unusable}fits neither template"))
            continue
        ((role, match),) = matches.items()
        patient_id, number = match["patient_id"], int(match["slice_number"])
        first = found[role].setdefault((patient_id, number), path)
        if first != path:
            same = " under the same name in another Unicode form" if normalise(first) == normalise(path) else ""
            text = f"{role} {number} of {patient_id} again, already found in {first}{same}"
            faults.append(Fault(FaultKind.DUPLICATE_SLICE, path, text))
    return found, faults


def _fill_template(template: str, rule: re.Pattern[str], path: str) -> str:
    """Name the other file of a slice, with the placeholders written as in `path`."""
    match = rule.fullmatch(normalise(path))
    assert match is not None  # `path` was parsed with this rule
    for name, text in match.groupdict().items():
        template = template.replace(f"{{{name}}}", text)
    return template


def _suggest_sub_folder(paths: Sequence[str], root: Path, rules: list[re.Pattern[str]]) -> None:
    """Raise an error that names the sub-folders from which the names fit; the archive of the Kaggle set has two."""
    counts: Counter[str] = Counter()
    for path in paths:
        parts = Path(path).parts
        for depth in range(1, len(parts)):
            if any(rule.fullmatch(normalise("/".join(parts[depth:]))) for rule in rules):
                counts["/".join(parts[:depth])] += 1
                break
    if counts:
        choices = "\n".join(f"  root: {root / folder}    # {count} files" for folder, count in sorted(counts.items()))
        raise UserError(
            f"{root}: no file name fits data.pattern, but names in its sub-folders do. Set data.root in params.yaml to"
            f"{' one of' if len(counts) > 1 else ''}\n{choices}"
        )
