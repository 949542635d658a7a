"""Names of files: which sequence a file is by BraTS, BIDS and similar names, and names that are safe to write."""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from brainseg.imaging.volume import SEQUENCES

Role = Literal["pre-contrast", "flair", "post-contrast", "other", "mask"]

NIFTI_SUFFIXES = (".nii.gz", ".nii")
SHORT_NAMES = {"flair": "flair", "t1": "pre-contrast", "t1ce": "post-contrast"}  # as in options and tables
# The last word of a name, in lower case. "other" are sequences that the model does not use.
ROLES: dict[str, Role] = {
    **dict.fromkeys(("flair", "t2f", "t2flair"), "flair"),
    **dict.fromkeys(("t1", "t1n", "t1w", "t1pre"), "pre-contrast"),
    **dict.fromkeys(("t1ce", "t1c", "t1gd", "t1post", "t1wce"), "post-contrast"),
    **dict.fromkeys(("t2", "t2w", "dwi", "adc", "swi", "pd", "pdw", "t2star", "t2starw"), "other"),
    **dict.fromkeys(("mask", "seg", "segm", "segmentation", "label", "labels"), "mask"),
}
BIDS = re.compile(r"(?P<entities>(?:[a-z]+-[0-9A-Za-z]+_)*)(?P<suffix>[0-9A-Za-z]+)")
BIDS_CASE = ("sub", "ses")  # the entities that tell scans apart; others tell files of a scan apart
LAST_WORD = re.compile(r"(?P<rest>.*?)(?:^|[_\-. ])(?P<word>[0-9A-Za-z]+)")
RESULT_WORDS = ("probability", "probseg", "overlay", "montage")  # last words of results, which are no scans
NUMBER = re.compile(r"(?P<rest>.*?)(?P<number>[0-9]{1,9})(?P<end>[^0-9]*)")
MAX_NAME = 100  # characters of a safe name
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # names of devices on Windows


@dataclass(frozen=True, kw_only=True)
class NamedFile:
    """What the name of a volume's file says.

    Attributes:
        case: the part of the name that is the same for all files of a scan; may be empty.
        role: which sequence it is; None if the name does not say it.
        entities: BIDS entities of the name, such as {"sub": "01"}; empty for other names.
    """

    case: str
    role: Role | None
    entities: dict[str, str]


def parse_name(path: Path) -> NamedFile:
    """Read the name of a file: BIDS (`sub-01_ses-1_FLAIR.nii.gz`), BraTS (`BraTS-GLI-00000-000-t2f.nii.gz`) or alike.

    Args:
        path: only its last part counts.

    Returns:
        The case and the role. A T1w of BIDS with the entity `ce` is post-contrast.
    """
    stem = stem_of(path)
    bids = BIDS.fullmatch(stem)
    if bids and stem.startswith("sub-"):
        entities = dict(part.split("-", 1) for part in bids["entities"].split("_") if part)
        role = ROLES.get(bids["suffix"].lower())
        if role == "pre-contrast" and "ce" in entities:
            role = "post-contrast"
        case = "_".join(f"{name}-{entities[name]}" for name in BIDS_CASE if name in entities)
        return NamedFile(case=case, role=role, entities=entities)
    match = LAST_WORD.fullmatch(stem)
    role = ROLES.get(match["word"].lower()) if match else None
    return NamedFile(case=match["rest"] if match and role else stem, role=role, entities={})


def is_result(path: Path) -> bool:
    """Whether a file is, by its name, a result such as a probability map or an overlay."""
    match = LAST_WORD.fullmatch(stem_of(path))
    return match is not None and match["word"].lower() in RESULT_WORDS


def is_mask(path: Path) -> bool:
    """Whether a file is, by its name, a mask."""
    return parse_name(path).role == "mask"


def image_stem(path: Path) -> str:
    """The stem of the image that a mask belongs to: its own without the last word."""
    match = LAST_WORD.fullmatch(stem_of(path))
    return match["rest"] if match else stem_of(path)


def stem_of(path: Path) -> str:
    """The name of a file without its suffix; `.nii.gz` is one suffix."""
    for suffix in NIFTI_SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.stem


def slice_number(stem: str) -> tuple[str, int] | None:
    """Read the number of a slice: the last run of digits in a name; returns the name with # in its place, too."""
    match = NUMBER.fullmatch(stem)
    return (f"{match['rest']}#{match['end']}", int(match["number"])) if match else None


def safe_name(text: str) -> str:
    """Turn a text into the name of a file that is harmless on any system.

    Args:
        text: a name from a file, a table or a header.

    Returns:
        At most 100 letters and digits of any script, and `.`, `_`, `-`; other characters become `_`. It neither starts
        nor ends with a dot, is no name of a device on Windows, and is not empty.
    """
    text = unicodedata.normalize("NFC", text)
    name = "".join(character if character.isalnum() or character in "._-" else "_" for character in text)
    name = name[:MAX_NAME].strip(".")
    if not name or RESERVED.fullmatch(name):
        name = f"case_{name}".rstrip("_")
    return name


assert set(SHORT_NAMES.values()) == set(SEQUENCES)
