"""Draw docs/images/augmentations.png: what is done to the lesions and the head of training slices, ten times each.

From the project's root: python -m docs.make_augmentations
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg.imaging.volume import FLAIR, ByteArray
from brainseg.params import AugmentationParams
from brainseg.phantom.patients import make_patient
from brainseg.training.augmentation import augment
from brainseg.training.lesions import add_cyst, paste_lesion
from brainseg.training.slice_store import Sample, SliceStore, StoredSlice

PICTURE = Path("docs/images/augmentations.png")
PATIENTS = range(1, 11)
SEED = 7
SIZE = 96  # of a panel, pixels
LIMIT = 4.0  # normalised grey levels from -LIMIT to LIMIT are shown
COLOUR = (0, 200, 255)  # of the outline, BGR
OFF = AugmentationParams(
    horizontal_flip=False,
    **dict.fromkeys(set(AugmentationParams.model_fields) - {"horizontal_flip"}, 0.0),  # type: ignore[arg-type]
)


def panel(sample: Sample) -> ByteArray:
    """A slice as the network sees it, with its outline: shape (SIZE, SIZE, 3), uint8."""
    image = np.empty((SIZE, SIZE, 3 + sample.context.shape[-1]), np.float32)
    mask = augment(sample, np.random.default_rng(0), OFF, size=SIZE, noise=np.empty(0, np.float32), out=image)
    grey = np.clip((image[..., FLAIR] + LIMIT) / (2 * LIMIT) * 255, 0, 255).astype(np.uint8)
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), outlines, -1, COLOUR, 1))


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        store = SliceStore(Path(folder), context_slices=0, normalisation="brain_zscore", brain_masks=True)
        largest: list[StoredSlice] = []  # of each patient, the slice with the largest tumour
        empty: list[StoredSlice] = []  # and one without, near the middle
        for number in PATIENTS:
            volume = make_patient(number, size=256, seed=SEED)
            area = volume.mask_true.sum(axis=(1, 2))
            middle = np.abs(np.arange(len(area)) - len(area) / 2) + len(area) * (area > 0)
            slices = store.add(volume, set(volume.slice_numbers.tolist()))
            largest.append(slices[int(area.argmax())])
            empty.append(slices[int(middle.argmin())])

        def rng(number: int) -> np.random.Generator:
            return np.random.default_rng((SEED, number))

        def pasted(number: int) -> Sample:
            donor = store.read(largest[(number + 3) % len(largest)])
            return paste_lesion(store.read(empty[number]), donor, store.read_brain(empty[number]), rng(number))

        rows: list[Callable[[int], Sample]] = [
            lambda number: store.read(largest[number]),
            lambda number: add_cyst(store.read(largest[number]), rng(number), 1.0),
            lambda number: store.read(largest[number], stripped=True),
            pasted,
        ]
        panels: list[list[NDArray[np.uint8]]] = [[panel(row(i)) for i in range(len(largest))] for row in rows]
    cv2.imwrite(str(PICTURE), np.concatenate([np.concatenate(row, axis=1) for row in panels]))
    print(f"{PICTURE}: unchanged, with a cyst, without the skull, with a pasted lesion")


if __name__ == "__main__":
    main()
