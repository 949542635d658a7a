"""Images and masks joined by what their names say, never by the order of a list."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from brainseg.dataset.filenames import Listing, compile_template, list_pictures
from brainseg.errors import UserError
from brainseg.imaging.faults import Fault, FaultKind
from brainseg.imaging.raster import IMAGE_SUFFIXES
from brainseg.params import PatternParams

SOURCES = {
    "data/kaggle_3m": "It is not part of this project: brainseg download fetches it; or download it by hand from"
    " https://www.kaggle.com/datasets/mateuszbuda/lgg-mri-segmentation and unpack it so that data/kaggle_3m holds the"
    " patients' folders",
    "data/phantom": "`dvc repro` makes it",
}


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The files of one slice, relative to data.root; in a faulty set one of them may be None."""

    patient_id: str
    slice_number: int
    image: str | None
    mask: str | None


def list_root(root: Path) -> Listing:
    """List data.root.

    Args:
        root: data.root.

    Returns:
        What is in it: at least one picture.

    Raises:
        UserError: if it is missing, no folder, not readable or holds no picture; with the way to get the known sets.
    """
    source = SOURCES.get(root.as_posix(), "data.root in params.yaml names the folder that holds the patients' folders")
    try:
        if not root.exists():
            raise UserError(f"{root}: data.root does not exist. {source}.")
        if not root.is_dir():
            raise UserError(f"{root}: data.root is a file. Expected: a folder. {source}.")
        listing = list_pictures(root)
    except PermissionError:
        raise UserError(f"{root}: data.root may not be read. Give yourself read permission.") from None
    if not listing.pictures and "." in dict(listing.unreadable):
        raise UserError(f"{root}: data.root may not be read. Give yourself read permission: chmod -R u+rX {root}")
    if not listing.pictures:
        raise UserError(f"{root}: data.root holds no pictures. Expected: files {', '.join(IMAGE_SUFFIXES)}. {source}.")
    return listing


def pair_by_name(pictures: Sequence[str], root: Path, pattern: PatternParams) -> tuple[list[Pair], list[Fault]]:
    """Join images and masks that are of the same patient and slice.

    Args:
        pictures: POSIX paths relative to data.root.
        root: data.root, for the message.
        pattern: how the names are read.

    Returns:
        The pairs, sorted by patient_id and slice_number, those with one file missing included; and the faults found in
        the names.

    Raises:
        UserError: if a template is wrong, or no name fits but those in a sub-folder would: the message names it.
    """
    rules = {
        kind: compile_template(f"data.pattern.{kind}", template, ("patient_id", "slice_number"))
        for kind, template in (("image", pattern.image), ("mask", pattern.mask))
    }
    found: dict[str, dict[tuple[str, int], str]] = {"image": {}, "mask": {}}
    faults = []
    for name in pictures:
        matches = {kind: match for kind, rule in rules.items() if (match := rule.fullmatch(name))}
        if len(matches) != 1:
            kind = FaultKind.BOTH if matches else FaultKind.NAME
            faults.append(Fault(kind, name, "fits both templates" if matches else "fits neither template"))
            continue
        ((role, match),) = matches.items()
        key = (match["patient_id"], int(match["slice_number"]))
        if key in found[role]:
            faults.append(Fault(FaultKind.TWICE, name, f"{role} {key[1]} of {key[0]} again, as {found[role][key]}"))
        found[role].setdefault(key, name)
    if all(fault.kind is FaultKind.NAME for fault in faults) and len(faults) == len(pictures):
        _look_elsewhere(pictures, root, list(rules.values()))
    pairs = []
    for key in sorted(found["image"].keys() | found["mask"].keys()):
        image, mask = found["image"].get(key), found["mask"].get(key)
        pairs.append(Pair(patient_id=key[0], slice_number=key[1], image=image, mask=mask))
        if mask is None and image is not None:
            faults.append(Fault(FaultKind.NO_MASK, image, f"no {_fill(pattern.mask, rules['image'], image)}"))
        if image is None and mask is not None:
            faults.append(Fault(FaultKind.NO_IMAGE, mask, f"no {_fill(pattern.image, rules['mask'], mask)}"))
    return pairs, faults


def find_gaps(pairs: Sequence[Pair]) -> list[Fault]:
    """Find slice numbers that are missing in a patient, counted from 1, or from 0 where there is a slice 0.

    Args:
        pairs: sorted by patient_id and slice_number; a slice of which one file is there is no gap.

    Returns:
        A fault for each patient with gaps.
    """
    numbers: dict[str, list[int]] = {}
    for pair in pairs:
        numbers.setdefault(pair.patient_id, [0]).append(pair.slice_number)
    faults = []
    for patient_id, present in numbers.items():
        gaps = [(before + 1, after - 1) for before, after in pairwise(present) if after - before > 1]
        text = ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in gaps)
        if gaps:
            faults.append(
                Fault(FaultKind.GAP, patient_id, f"{len(present) - 1} slices up to {present[-1]}, without {text}")
            )
    return faults


def _fill(template: str, rule: re.Pattern[str], name: str) -> str:
    """The name of the other file of a slice, with slice_number written as it is in `name`."""
    match = rule.fullmatch(name)
    assert match is not None  # the name was read with this rule
    for word, text in match.groupdict().items():
        template = template.replace(f"{{{word}}}", text)
    return template


def _look_elsewhere(pictures: Sequence[str], root: Path, rules: list[re.Pattern[str]]) -> None:
    """Raise if the names fit when they are read from sub-folders: the archive of the Kaggle set holds it twice."""
    inner: Counter[str] = Counter()
    for name in pictures:
        parts = Path(name).parts
        for depth in range(1, len(parts)):
            if any(rule.fullmatch("/".join(parts[depth:])) for rule in rules):
                inner["/".join(parts[:depth])] += 1
                break
    if inner:
        choices = "\n".join(f"  root: {root / folder}    # {count} pictures" for folder, count in sorted(inner.items()))
        raise UserError(
            f"{root}: no name fits data.pattern, but names below it do. Set data.root in params.yaml to"
            f"{' one of' if len(inner) > 1 else ''}\n{choices}"
        )
