"""A folder of slices in the Kaggle layout, or any other that data.pattern describes: its check and its table."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from brainseg.dataset.checks import Reading, check_readings, read_pair
from brainseg.dataset.filenames import compile_template
from brainseg.dataset.pairing import find_gaps, list_root, pair_by_name
from brainseg.errors import UserError
from brainseg.files import INDEX_COLUMNS
from brainseg.imaging.faults import Fault, FaultKind, report
from brainseg.imaging.raster import quiet_opencv
from brainseg.imaging.volume import FLAIR, SEQUENCES, BoolArray
from brainseg.params import DataParams

NO_SITE = "unknown"


def index_folder(data: DataParams, on_read: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Read every picture below data.root once, in threads, check the whole set, and make its table.

    Args:
        data: where the pictures are and how they are named.
        on_read: called after each slice with the number of slices read and of all slices.

    Returns:
        A row per slice with the columns of `tables.INDEX_COLUMNS`, sorted by patient_id and slice_number. site is
        "unknown" where data.pattern.site is null or does not fit the patient_id. digest is the first 32 hex digits of
        the sha256 of the image, (H, W, 3) uint8 RGB, followed by the mask, (H, W) uint8 0 or 255: the same pixels have
        the same digest, whatever the file format.

    Raises:
        UserError: with all faults of the set in one message, of each kind the first ten.
    """
    root = Path(data.root)
    listing = list_root(root)
    pairs, faults = pair_by_name(listing.pictures, root, data.pattern)
    readings: list[Reading] = []
    with quiet_opencv(), ThreadPoolExecutor() as pool:
        for reading in pool.map(lambda pair: read_pair(pair, root), pairs):
            readings.append(reading)
            if on_read is not None:
                on_read(len(readings), len(pairs))
    faults += [Fault(FaultKind.UNREADABLE, folder, found) for folder, found in listing.unreadable]
    faults += [Fault(FaultKind.EMPTY, folder, "no picture in it") for folder in listing.empty]
    faults += find_gaps(pairs) + check_readings(readings)
    if faults:
        raise UserError(
            f"{root}: {len(faults)} fault(s) in the data set; nothing was written. Names, relative to it, are read as\n"
            f"  image: {data.pattern.image}\n  mask: {data.pattern.mask}\n\n{report(faults)}"
        )
    return _tabulate(readings, data.pattern.site)


def missing_sequences(equal_to_flair: BoolArray) -> str:
    """Name the sequences of one patient that are filled with FLAIR because they were not taken.

    Args:
        equal_to_flair: shape (S, 3), bool, channels in the order of `volumes.SEQUENCES`: whether a channel equals FLAIR
            in every pixel of a slice.

    Returns:
        Those that equal FLAIR in all slices: "", "pre-contrast", "post-contrast", or both joined by "+".
    """
    filled = [channel for channel in range(len(SEQUENCES)) if channel != FLAIR and equal_to_flair[:, channel].all()]
    return "+".join(SEQUENCES[channel] for channel in filled)


def _tabulate(readings: Sequence[Reading], site_template: str | None) -> pd.DataFrame:
    """The table of a set without faults."""
    site = compile_template("data.pattern.site", site_template or "", ("site",))
    rows = []
    for reading in readings:
        match = site.fullmatch(reading.pair.patient_id)
        height, width = reading.image_size or (0, 0)
        rows.append(
            {
                "patient_id": reading.pair.patient_id,
                "site": match["site"] if match else NO_SITE,
                "slice_number": reading.pair.slice_number,
                "image_path": reading.pair.image,
                "mask_path": reading.pair.mask,
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
