"""Indexing a data set: every slice is read and checked, then listed in one table."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from brainseg.dataset.checks import SliceReading, check_readings, read_pair
from brainseg.dataset.filenames import compile_template
from brainseg.dataset.pairing import find_gaps, list_data_root, pair_by_name
from brainseg.errors import UserError
from brainseg.files import INDEX_COLUMNS
from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.faults import Fault, format_faults
from brainseg.imaging.raster import MAX_READERS
from brainseg.imaging.volume import FLAIR, SEQUENCES, BoolArray
from brainseg.params import DataParams

UNKNOWN_SITE = "unknown"


def index_folder(data: DataParams, on_read: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Read all slices below data.root once, check the whole data set, and list the slices.

    Args:
        data: the folder and the templates of the file names.
        on_read: called after each slice with the number of slices read so far and the number of all slices.

    Returns:
        One row per slice with the columns `brainseg.files.INDEX_COLUMNS`, sorted by patient_id and slice_number.
        site is "unknown" if data.pattern.site is null or does not fit the patient_id. digest is the first 32 hex
        digits of the sha256 of the image, (H, W, 3) uint8 RGB, followed by the mask, (H, W) uint8 0 or 255: it depends
        on the pixels and not on the file format.

    Raises:
        UserError: if the data set has faults. One message reports all of them, the first ten of each kind.
    """
    root = Path(data.root)
    listing = list_data_root(root)
    pairs, faults = pair_by_name(listing.files, root, data.pattern)
    readings: list[SliceReading] = []
    with ThreadPoolExecutor(MAX_READERS) as pool:
        for reading in pool.map(lambda pair: read_pair(pair, root), pairs):
            readings.append(reading)
            if on_read is not None:
                on_read(len(readings), len(pairs))
    faults += [Fault(FaultKind.UNREADABLE, folder, reason) for folder, reason in listing.unreadable_folders]
    faults += [Fault(FaultKind.EMPTY_FOLDER, folder, "no image in it") for folder in listing.empty_folders]
    faults += find_gaps(pairs) + check_readings(readings)
    if faults:
        raise UserError(
            f"{root}: {len(faults)} fault(s) in the data set; nothing was written. File names relative to data.root are"
            f" read as\n  image: {data.pattern.image}\n  mask: {data.pattern.mask}\n\n{format_faults(faults)}"
        )
    return _index_table(readings, data.pattern.site)


def missing_sequences(equal_to_flair: BoolArray) -> str:
    """Name the sequences of a patient that were not acquired and are filled with FLAIR instead.

    Args:
        equal_to_flair: shape (S, 3), bool, channels in the order of `brainseg.imaging.volume.SEQUENCES`: whether a
            channel equals FLAIR in every pixel of a slice.

    Returns:
        The sequences that equal FLAIR in all slices: "", "pre-contrast", "post-contrast", or both joined by "+".
    """
    filled = [channel for channel in range(len(SEQUENCES)) if channel != FLAIR and equal_to_flair[:, channel].all()]
    return "+".join(SEQUENCES[channel] for channel in filled)


def _index_table(readings: Sequence[SliceReading], site_template: str | None) -> pd.DataFrame:
    """Make the table of a data set without faults."""
    site = compile_template("data.pattern.site", site_template or "", ("site",))
    rows = []
    for reading in readings:
        match = site.fullmatch(reading.pair.patient_id)
        height, width = reading.image_size or (0, 0)
        rows.append(
            {
                "patient_id": reading.pair.patient_id,
                "site": match["site"] if match else UNKNOWN_SITE,
                "slice_number": reading.pair.slice_number,
                "image_path": reading.pair.image_path,
                "mask_path": reading.pair.mask_path,
                "height": height,
                "width": width,
                "tumour_pixels": reading.tumour_pixels,
                "digest": reading.digest,
            }
        )
    equal: dict[str, list[tuple[bool, ...]]] = {}
    for reading in readings:
        equal.setdefault(reading.pair.patient_id, []).append(reading.equal_to_flair)
    missing = {patient_id: missing_sequences(np.array(slices)) for patient_id, slices in equal.items()}
    table = pd.DataFrame(rows)
    table["missing_sequences"] = table["patient_id"].map(missing)
    return table[list(INDEX_COLUMNS)].astype(INDEX_COLUMNS)
