"""Read patients for scoring: the slices of a subset with their reference masks and probability maps."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from brainseg.errors import UserError
from brainseg.imaging.head import head_mask
from brainseg.imaging.preprocessing import Normalisation, fit_preprocessing
from brainseg.imaging.stack import read_volume
from brainseg.imaging.volume import BoolArray, FloatArray, Volume
from brainseg.prediction.probability_maps import REMEDY, map_path, read_probabilities
from brainseg.prediction.withheld import WITHHELD


@dataclass(frozen=True, kw_only=True)
class Case:
    """One patient's slices to score.

    Attributes:
        site: the hospital's code.
        volume: the slices to score, on the patient's own grid; all slices of the patient if the split is by patient.
        probability: predicted probabilities of these slices, shape (S, H, W), float32 in [0, 1].
        withheld: the same without some of the sequences, by the names in `brainseg.prediction.withheld.WITHHELD`; empty
            if they are not scored.
        head: shape (S, H, W), bool, True = inside the head.
        normalisation: fitted to the brain of the whole patient, even if only some slices are scored.
    """

    site: str
    volume: Volume
    probability: FloatArray
    withheld: dict[str, FloatArray] = field(default_factory=dict)
    head: BoolArray
    normalisation: Normalisation


def read_cases(
    rows: pd.DataFrame, *, index: pd.DataFrame, root: Path, predictions: Path, with_withheld: bool = False
) -> Iterator[Case]:
    """Read patients one at a time, so that only one is in memory.

    Args:
        rows: rows of `index`, the slices to read; may be some of a patient's slices, or empty.
        index: data/index.csv; the patients' other slices are needed because normalisation is fitted to whole patients.
        root: folder that the paths are relative to.
        predictions: folder with <patient_id>.npz as the stage predict writes them; may contain more slices than `rows`.
        with_withheld: whether to read the predictions without some of the sequences, too.

    Yields:
        Patients, in the order of their identifiers.

    Raises:
        UserError: if an image or a prediction is missing or unreadable, or they do not match.
    """
    for patient_id, patient_rows in rows.groupby("patient_id"):
        whole = read_volume(index[index["patient_id"] == patient_id], root)
        scored = np.isin(whole.slice_numbers, patient_rows["slice_number"])
        volume = Volume(
            patient_id=whole.patient_id,
            image=whole.image[scored],
            mask_true=whole.mask_true[scored],
            slice_numbers=whole.slice_numbers[scored],
        )
        yield Case(
            site=str(patient_rows["site"].iloc[0]),
            volume=volume,
            probability=_read_maps(map_path(predictions, whole.patient_id), volume),
            withheld={
                name: _read_maps(map_path(predictions / name, whole.patient_id), volume)
                for name in (WITHHELD if with_withheld else ())
            },
            head=head_mask(whole.image)[scored],
            normalisation=fit_preprocessing(whole.image, "brain_zscore", "head").normalisation,
        )
        del whole, volume  # release the memory before the next patient is read


def _read_maps(path: Path, volume: Volume) -> FloatArray:
    """Read the probability maps of the volume's slices, shape (S, H, W), float32."""
    maps, numbers = read_probabilities(path)
    position = {number: position for position, number in enumerate(numbers.tolist())}
    missing = [number for number in volume.slice_numbers.tolist() if number not in position]
    if missing:
        raise UserError(
            f"{path}: {len(missing)} of {len(volume.slice_numbers)} slices to score are not in it, the first is slice "
            f"{missing[0]}. {REMEDY}"
        )
    if maps.shape[1:] != volume.mask_true.shape[1:]:
        raise UserError(
            f"{path}: maps are {maps.shape[1]} x {maps.shape[2]} pixels, the patient's slices are "
            f"{volume.mask_true.shape[1]} x {volume.mask_true.shape[2]}. {REMEDY}"
        )
    return maps[[position[number] for number in volume.slice_numbers.tolist()]]
