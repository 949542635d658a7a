"""Draw docs/images/augmentations.png: what is done to the lesions and the head of training slices, five times each.

From the project's root: python -m docs.make_augmentations
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import matplotlib.style
import numpy as np

from brainseg.figures.panels import OUTLINE_COLOUR, draw_outline
from brainseg.figures.sheet import FIGURE_STYLE, LINE_HEIGHT, MARGIN, PANEL_SIZE, ROW_WIDTH, Sheet, panel_left
from brainseg.imaging.volume import FLAIR
from brainseg.params import AugmentationParams
from brainseg.phantom.patients import make_patient
from brainseg.training.augmentation import augment
from brainseg.training.lesions import add_cyst, paste_lesion
from brainseg.training.slice_store import Sample, SliceStore, StoredSlice

PICTURE = Path("docs/images/augmentations.png")
PATIENTS = (2, 3, 4, 7, 9)
SEED = 7
SIZE = 128  # pixels; a panel shows each as two by two
LIMIT = 4.0  # normalised grey levels from -LIMIT to LIMIT are shown
OFF = AugmentationParams(
    horizontal_flip=False,
    **dict.fromkeys(set(AugmentationParams.model_fields) - {"horizontal_flip"}, 0.0),  # type: ignore[arg-type]
)


def draw_sample(sheet: Sheet, left: float, top: float, sample: Sample) -> None:
    """Draw FLAIR of a slice as the network sees it, with the outline of its mask; position in inches."""
    image = np.empty((SIZE, SIZE, 3 + sample.context.shape[-1]), np.float32)
    mask = augment(sample, np.random.default_rng(0), OFF, size=SIZE, noise=np.empty(0, np.float32), out=image)
    axes = sheet.panel(left, top, image[..., FLAIR], cmap="gray", vmin=-LIMIT, vmax=LIMIT)
    draw_outline(axes, mask[..., 0].astype(bool) if mask.ndim == 3 else mask.astype(bool), OUTLINE_COLOUR)


@matplotlib.style.context(FIGURE_STYLE)
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

        rows: dict[str, Callable[[int], Sample]] = {
            "As it is": lambda number: store.read(largest[number]),
            "With a cyst": lambda number: add_cyst(store.read(largest[number]), rng(number), 1.0),
            "Without the skull": lambda number: store.read(largest[number], stripped=True),
            "With a pasted lesion": pasted,
        }
        row_height = PANEL_SIZE + LINE_HEIGHT + 0.1
        height = len(rows) * row_height + 0.35 + MARGIN
        sheet = Sheet(ROW_WIDTH + 2 * MARGIN, height, title="Changes to lesions and heads in training")
        for row, (name, change) in enumerate(rows.items()):
            sheet.text(MARGIN, row * row_height, name, weight="bold")
            for column in range(len(PATIENTS)):
                draw_sample(sheet, panel_left(column), row * row_height + LINE_HEIGHT, change(column))
        sheet.caption(height - MARGIN - 0.2, "FLAIR of synthetic patients. Blue: the outline that is learned.")
    sheet.save(PICTURE)
    print(PICTURE)


if __name__ == "__main__":
    main()
