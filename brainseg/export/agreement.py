"""Whether an exported file gives what Keras gives, on a synthetic patient."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.errors import UserError
from brainseg.imaging.volume import FloatArray
from brainseg.model.saving import ModelCard
from brainseg.phantom.patients import make_patient
from brainseg.prediction.inference import predict_image
from brainseg.prediction.operating_point import OperatingPoint

BOUND = 1e-3  # of the difference between probabilities
PATIENT, SIZE, SEED = 1, 96, 7  # of the synthetic patient


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far an exported file is from Keras.

    Attributes:
        largest_difference: between two probabilities.
        differing_voxels: in which the masks differ.
        voxels: of the mask of Keras.
    """

    largest_difference: float
    differing_voxels: int
    voxels: int

    @property
    def differences(self) -> str:
        """The figures in a sentence, without its full stop."""
        return (
            f"Probabilities differ from Keras by at most {self.largest_difference:.1e}, and the masks in "
            f"{self.differing_voxels:,} of {self.voxels:,} voxels"
        )

    def __str__(self) -> str:
        """The figures, and what they were measured on."""
        return f"On a synthetic patient: {self.differences[0].lower()}{self.differences[1:]}"


def compare(
    predict: Callable[[NDArray[Any]], FloatArray], model: Any, card: ModelCard, point: OperatingPoint, *, flip: bool
) -> Agreement:
    """Compare an exported file with Keras on a synthetic patient.

    Args:
        predict: runs the file on a volume, shape (S, H, W, 3), float32.
        model: what was exported.
        card: its card.
        point: for the masks.
        flip: as in the file.

    Raises:
        UserError: if a probability differs by more than `BOUND`, or is NaN.
    """
    image = make_patient(PATIENT, size=SIZE, seed=SEED).image
    keras = predict_image(model, card, image, np.arange(len(image)), batch_size=16, test_time_flip=flip)
    found = predict(image.astype(np.float32))
    masks = point.mask_of(keras), point.mask_of(found)
    agreement = Agreement(
        largest_difference=float(np.abs(found - keras).max()),
        differing_voxels=int((masks[0] != masks[1]).sum()),
        voxels=int(masks[0].sum()),
    )
    if not agreement.largest_difference <= BOUND:
        raise UserError(
            f"The exported file does not agree with Keras. {agreement}. Expected: probabilities within {BOUND:g}. "
            "Nothing was written"
        )
    return agreement
