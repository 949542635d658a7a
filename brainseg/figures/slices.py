"""The first look at a data set: a few of its slices with their masks."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib.style

from brainseg.figures.panels import OUTLINE_COLOUR, draw_outline, grey_panel, mask_panel
from brainseg.figures.sheet import (
    FIGURE_STYLE,
    LINE_HEIGHT,
    MARGIN,
    ROW_HEIGHT,
    ROW_WIDTH,
    Sheet,
    panel_left,
)
from brainseg.figures.shrinking import shrink_image, shrink_mask
from brainseg.figures.text import Title
from brainseg.imaging.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, BoolArray, ByteArray, Volume


@matplotlib.style.context(FIGURE_STYLE)
def draw_slices(volumes: Iterable[Volume], path: Path, *, warnings: Sequence[str] = ()) -> None:
    """Draw slices with their tumour (step 5), one row per slice: the sequences, the mask, and its outline on FLAIR.

    Args:
        volumes: the first slice of each is drawn. They are read one at a time, so that slices may be large.
        path: the PNG to write.
        warnings: lines to write in red below the title.
    """
    shrunk = list(map(_shrink_first_slice, volumes))  # a loop would hold a volume while the next is read
    height = LINE_HEIGHT + len(shrunk) * ROW_HEIGHT + 0.5 + MARGIN
    sheet = Sheet(ROW_WIDTH + 2 * MARGIN, height, title="Random slices of the data set", warnings=warnings)
    sheet.headings(0, ("pre-contrast", "FLAIR", "post-contrast", "mask", "mask on FLAIR"))
    for row, (title, image, mask_true) in enumerate(shrunk):
        top = LINE_HEIGHT + row * ROW_HEIGHT
        sheet.title(MARGIN, top, title, ROW_WIDTH)
        for column, sequence in enumerate((PRE_CONTRAST, FLAIR, POST_CONTRAST)):
            grey_panel(sheet, panel_left(column), top + LINE_HEIGHT, image[..., sequence], mask_true)
        mask_panel(sheet, panel_left(3), top + LINE_HEIGHT, mask_true)
        axes = grey_panel(sheet, panel_left(4), top + LINE_HEIGHT, image[..., FLAIR], mask_true)
        draw_outline(axes, mask_true, OUTLINE_COLOUR)
    sheet.caption(
        height - MARGIN - 0.4,
        "White: tumour in the mask. Blue line: its outline. All sequences are brightened for display.",
        "A sequence that the data set lacks is a copy of FLAIR.",
    )
    sheet.save(path)


def _shrink_first_slice(volume: Volume) -> tuple[Title, ByteArray, BoolArray]:
    """Title, image and mask of the first slice, without a reference to the volume."""
    title = Title(patient_id=volume.patient_id, after=f", slice {volume.slice_numbers[0]}")
    return title, shrink_image(volume.image[0]), shrink_mask(volume.mask_true[0])
