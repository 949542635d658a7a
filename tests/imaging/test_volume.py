"""The volume refuses arrays that do not fit together."""

import numpy as np
import pytest

from brainseg.imaging.volume import Volume

IMAGE = np.zeros((2, 4, 5, 3), np.uint8)
MASK = np.zeros((2, 4, 5), np.bool_)


def test_arrays_that_fit_are_accepted() -> None:
    volume = Volume(patient_id="a", image=IMAGE, mask_true=MASK, slice_numbers=np.array([3, 7]))
    assert volume.image is IMAGE


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": IMAGE[..., :2]}, r"image: expected \(S, H, W, 3\), real, found \(2, 4, 5, 2\)"),
        ({"image": IMAGE[0]}, r"found \(4, 5, 3\)"),
        ({"image": IMAGE.astype(np.complex64)}, "complex64"),
        ({"mask_true": MASK[:1]}, r"mask_true: expected \(2, 4, 5\) bool, found \(1, 4, 5\)"),
        ({"mask_true": MASK.astype(np.uint8)}, "uint8"),
        ({"slice_numbers": np.array([1, 2, 3])}, "slice_numbers: expected one number per slice"),
        ({"slice_numbers": np.array([2, 2])}, "ascending"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes: dict[str, np.ndarray], message: str) -> None:
    arrays = {"image": IMAGE, "mask_true": MASK, "slice_numbers": np.array([1, 2])}
    with pytest.raises(ValueError, match=message):
        Volume(patient_id="a", **{**arrays, **changes})
