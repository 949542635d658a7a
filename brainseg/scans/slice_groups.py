"""Which pictures of slices make up a case, and in which order."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from brainseg.scans.case_source import CaseSource
from brainseg.scans.names import image_stem, is_mask, safe_name, slice_number
from brainseg.terminal import printable

LISTED = 5  # names or numbers in a message


def group_slices(folder: Path, paths: Sequence[Path]) -> CaseSource:
    """Make a case of the pictures in one folder.

    Args:
        folder: where they are.
        paths: the pictures and masks directly in it, at least one picture.

    Returns:
        A case whose `fault` says what does not fit: several series of names, and missing or duplicate numbers.
    """
    images, masks = _split(paths)
    case_id = safe_name(folder.absolute().name)
    numbered: dict[str, dict[int, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for path in images:
        name, number = slice_number(path.stem) or (path.stem, 0)
        numbered[name][number].append(path)
    fault = _find_fault(folder, numbered, images, masks)
    if fault is not None:
        return CaseSource(case_id=case_id, kind="slices", place=folder, fault=fault)
    ((name, by_number),) = numbered.items()
    return slice_case(case_id, folder, [by_number[number][0] for number in sorted(by_number)], masks, name)


def slice_case(case_id: str, place: Path, images: Sequence[Path], masks: dict[str, Path], name: str) -> CaseSource:
    """A case from its slices in order, with masks by the stem of their image."""
    kaggle = name == f"{place.name}_#" and all(path.suffix == ".tif" for path in images)
    return CaseSource(
        case_id=case_id,
        kind="kaggle" if kaggle else "slices",
        place=place,
        images=tuple(images),
        masks=tuple(masks.get(path.stem) for path in images) if masks else (),
    )


def number_fault(where: str, numbers: Iterable[int]) -> str | None:
    """What is wrong with slice numbers: they must follow each other without gaps; None if nothing is."""
    numbers = sorted(numbers)
    gaps = [number for before, after in pairwise(numbers) for number in range(before + 1, min(after, before + 1000))]
    if not gaps:
        return None
    missing = ", ".join(map(str, gaps[:LISTED])) + (", ..." if len(gaps) > LISTED else "")
    return (
        f"{printable(where)}: slices are missing: {missing} of {numbers[0]} to {numbers[-1]}, {len(numbers)} are "
        "there. Expected: consecutive numbers, because the network compares neighbouring slices. Add the missing "
        "slices, or renumber them if none is missing."
    )


def _split(paths: Sequence[Path]) -> tuple[list[Path], dict[str, Path]]:
    """Split into images, and masks by the stem of their image."""
    masks = {image_stem(path): path for path in sorted(paths) if is_mask(path)}
    return [path for path in sorted(paths) if not is_mask(path)], masks


def _find_fault(
    folder: Path, numbered: dict[str, dict[int, list[Path]]], images: Sequence[Path], masks: dict[str, Path]
) -> str | None:
    where = printable(str(folder))
    if len(numbered) > 1:
        found = "\n".join(
            f"  {printable(name)}: {len(numbers)} picture(s)" for name, numbers in list(numbered.items())[:LISTED]
        )
        more = f"\n  and {len(numbered) - LISTED} more" if len(numbered) > LISTED else ""
        return (
            f"{where}: pictures with {len(numbered)} kinds of names (# is the last number):\n{found}{more}\nExpected: "
            "the slices of one scan, numbered. Two sequences: keep FLAIR, or merge them as red, green and blue (T1, "
            "FLAIR, T1 with contrast). Several patients: state how names are made, such as "
            "--pattern '{patient_id}_{slice_number}.png'."
        )
    (numbers,) = numbered.values()
    twice = {number: paths for number, paths in numbers.items() if len(paths) > 1}
    if twice:
        number, paths = min(twice.items())
        listed = ", ".join(printable(path.name) for path in paths[:LISTED])
        return f"{where}: slice {number} is there {len(paths)} times: {listed}. Expected: one picture for each slice."
    if (fault := number_fault(str(folder), numbers)) is not None:
        return fault
    lost = [path.name for stem, path in masks.items() if stem not in {image.stem for image in images}]
    if lost:
        return (
            f"{where}: {len(lost)} mask(s) without an image, the first is {printable(lost[0])}. Expected: masks named "
            "as their images, with _mask behind. Add the images, or move the masks away."
        )
    return None
