"""The volume: the slices of one patient, stacked in slice order, with their masks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]

# The order of the channels in the whole project.
SEQUENCES = ("pre-contrast", "flair", "post-contrast")
PRE_CONTRAST, FLAIR, POST_CONTRAST = range(3)


@dataclass(frozen=True, kw_only=True)
class Volume:
    """The slices of one patient and their masks, on their original grid.

    Attributes:
        patient_id: the patient's identifier.
        image: shape (S, H, W, 3), any real dtype, finite, channels in the order of `SEQUENCES`.
        mask_true: shape (S, H, W), bool, True = tumour.
        slice_numbers: shape (S,), int64, ascending; the numbers in the file names.
    """

    patient_id: str
    image: NDArray[Any]
    mask_true: BoolArray
    slice_numbers: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Check that the arrays fit together.

        Raises:
            ValueError: if a shape or dtype is not as documented.
        """
        if self.image.ndim != 4 or self.image.shape[-1] != len(SEQUENCES) or self.image.dtype.kind not in "uif":
            raise ValueError(f"image: expected (S, H, W, 3), real, found {self.image.shape} {self.image.dtype}")
        if self.mask_true.shape != self.image.shape[:3] or self.mask_true.dtype != np.bool_:
            raise ValueError(
                f"mask_true: expected {self.image.shape[:3]} bool, found {self.mask_true.shape} {self.mask_true.dtype}"
            )
        if self.slice_numbers.shape != self.image.shape[:1] or np.any(np.diff(self.slice_numbers) <= 0):
            raise ValueError("slice_numbers: expected one number per slice, ascending")
