"""Doubt about an outline, without a reference to compare it with."""

import numpy as np

from brainseg.imaging.volume import BoolArray, FloatArray

# Above these, an outline is worth a second look. They come from patients that the networks had not seen
# (`python -m studies.doubt`, docs/doubt.md).
UNCERTAIN = 0.1  # doubt
FEW_SLICES = 4  # slices with tumour


def doubt(*, probability: FloatArray, mask: BoolArray) -> float:
    """1 minus the Soft Dice Confidence, which is the Dice to expect if the probabilities are right.

    It needs no fitting. It grows with the probability mass outside the outline and with low probabilities inside, so it
    is highest for pale tumours with vague margins. It knows nothing of a tumour to which the network gives no
    probability at all, unless nothing is outlined.

    Args:
        probability: shape (S, H, W), float32 in [0, 1].
        mask: the outline, same shape, bool.

    Returns:
        0 (certain) to 1; 1 if nothing is outlined, because every patient in training had a tumour.

    Raises:
        ValueError: if the shapes differ.

    Source: Borges, Pacheco & Silva 2024, Soft Dice Confidence, arXiv:2402.10665.
    """
    if probability.shape != mask.shape:
        raise ValueError(f"probability and mask: expected one shape, found {probability.shape} and {mask.shape}")
    if not mask.any():
        return 1.0
    inside = float(probability[mask].sum(dtype=np.float64))
    return 1 - 2 * inside / (float(probability.sum(dtype=np.float64)) + int(mask.sum()))


def doubt_reasons(value: float, mask: BoolArray) -> tuple[str, ...]:
    """Why an outline is worth a second look, in words.

    Missing sequences are no reason: patients without them were not outlined worse.

    Args:
        value: from `doubt`.
        mask: the outline, shape (S, H, W), bool, axial slices.

    Returns:
        Reasons, the weightiest first; empty if nothing is remarkable.
    """
    if not mask.any():
        return ("nothing outlined, but every patient in training had a tumour",)
    slices = int(mask.any(axis=(1, 2)).sum())
    reasons = []
    if value >= UNCERTAIN:
        reasons.append("vague margin")
    if slices < FEW_SLICES:
        reasons.append("only one slice" if slices == 1 else f"only {slices} slices")
    return tuple(reasons)
