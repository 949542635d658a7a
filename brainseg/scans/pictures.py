"""Reading scans from pictures: a file for each slice, or a TIFF file with a page for each slice."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from brainseg.errors import UserError
from brainseg.imaging.fault_kinds import FaultKind
from brainseg.imaging.faults import DecodingError, Fault, FaultError
from brainseg.imaging.raster import read_image, read_mask
from brainseg.imaging.tiff import decode_tiff
from brainseg.imaging.volume import FLAIR, SEQUENCES, BoolArray, ByteArray
from brainseg.scans.case_source import CaseSource
from brainseg.scans.checks import check_grey_levels, check_shape
from brainseg.scans.grid import Grid
from brainseg.scans.notes import sequence_notes
from brainseg.scans.regular_file import open_regular
from brainseg.scans.scan import Scan, Source
from brainseg.scans.tiff_pages import split_pages, stated_axes
from brainseg.terminal import printable

MAX_STACK_BYTES = 2**30  # of a multi-page TIFF
ORDER_NOTE = (
    "Pictures do not say how the head lies in them. They are taken as axial slices from the lowest to the highest, "
    "with the face at the top and the patient's right on the left."
)


def read_slices(case: CaseSource, *, with_masks: bool) -> Scan:
    """Read a scan whose slices are files of their own.

    Args:
        case: of kind kaggle or slices.
        with_masks: whether to read the masks, too.

    Returns:
        The scan, uint8, without spacing.

    Raises:
        UserError: if a file cannot be read, or sizes differ.
    """
    image = _stack(case.images, str(case.place), len(case.images), map(read_image, case.images), case.images[0].name)
    mask = None
    if with_masks and case.masks:
        shape = image.shape[1:3]
        planes = [np.zeros(shape, np.bool_) if path is None else read_mask(path) for path in case.masks]
        for path, plane in zip(case.masks, planes, strict=True):
            if plane.shape != shape:
                raise UserError(_different_size(str(path), plane.shape, shape, case.images[0].name))
        mask = np.stack(planes)
    notes = () if case.kind == "kaggle" else (ORDER_NOTE,)
    masks = tuple(path for path in case.masks if path is not None) if with_masks else ()
    source = Source(kind=case.kind, paths=(*case.images, *masks), stems=tuple(path.stem for path in case.images))
    return _scan(case, image, mask, source, notes)


def read_stack(case: CaseSource, *, with_masks: bool) -> Scan:
    """Read a scan from a multi-page TIFF, as `read_slices` does.

    Args:
        case: of kind multipage_tiff.
        with_masks: whether to read the mask, too, which has as many pages.
    """
    (path,) = case.images
    image = _read_pages(path)
    mask: BoolArray | None = None
    paths = [path]
    if with_masks and case.mask is not None:
        pages = _read_pages(case.mask)
        if pages.shape != image.shape:
            found, expected = (" x ".join(map(str, array.shape[:3])) for array in (pages, image))
            raise UserError(f"{printable(str(case.mask))}: {found} pixels. Expected: {expected} as in {path.name}.")
        values = np.unique(pages)
        if len(values) > 2 or values[0] != 0:
            raise UserError(
                f"{printable(str(case.mask))}: values {values[:5].tolist()}. Expected: 0 and one other, as in a mask."
            )
        mask = np.asarray(pages[..., FLAIR] != 0)
        paths.append(case.mask)
    return _scan(case, image, mask, Source(kind=case.kind, paths=tuple(paths)), (ORDER_NOTE,))


def _read_pages(path: Path) -> ByteArray:
    with open_regular(path) as file:
        content = file.read(MAX_STACK_BYTES + 1)
    try:
        if len(content) > MAX_STACK_BYTES:
            raise DecodingError(FaultKind.TOO_LARGE, f"more than {MAX_STACK_BYTES // 2**20} MiB")
        pages = split_pages(content)
    except DecodingError as error:
        raise FaultError(Fault(error.kind, str(path), error.found)) from None
    axes = stated_axes(pages[0]) or (1, len(pages), 1)
    if math.prod(axes) == len(pages) and sum(length > 1 for length in axes) > 1:
        found = "{} channel(s), {} slice(s), {} point(s) in time".format(*axes)
        raise UserError(
            f"{printable(str(path))}: {found}, each a page. Expected: a page for each slice. Save FLAIR alone, or the "
            "sequences as red, green and blue (T1, FLAIR, T1 with contrast)."
        )
    return _stack(
        [f"{path}, page {number}" for number in range(1, len(pages) + 1)],
        str(path),
        len(pages),
        (_decode_page(path, number, page) for number, page in enumerate(pages, 1)),
        "page 1",
    )


def _decode_page(path: Path, number: int, page: bytes) -> ByteArray:
    try:
        pixels = decode_tiff(page)
    except DecodingError as error:
        raise FaultError(Fault(error.kind, f"{path}, page {number}", error.found)) from None
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], len(SEQUENCES), axis=-1)
    if pixels.shape[-1] != len(SEQUENCES):
        found = f"{pixels.shape[-1]} channels"
        raise FaultError(Fault(FaultKind.CHANNELS, f"{path}, page {number}", found))
    return pixels


def _stack(names: Sequence[object], where: str, count: int, planes: Iterator[ByteArray], first_name: str) -> ByteArray:
    """Stack planes of equal size, shape (S, H, W, 3); memory is taken after the first one, for all of them."""
    image: ByteArray | None = None
    for number, (name, plane) in enumerate(zip(names, planes, strict=True)):
        if image is None:
            check_shape(where, (count, *plane.shape[:2]))
            image = np.empty((count, *plane.shape), np.uint8)
        if plane.shape != image.shape[1:]:
            raise UserError(_different_size(str(name), plane.shape[:2], image.shape[1:3], first_name))
        image[number] = plane
    assert image is not None
    return image


def _different_size(where: str, found: tuple[int, ...], expected: tuple[int, ...], first_name: str) -> str:
    sizes = [f"{height} x {width}" for height, width in (found, expected)]
    return (
        f"{printable(where)}: {sizes[0]} pixels, where {printable(first_name)} has {sizes[1]}. Expected: slices of one "
        "size, and masks of the same. Use the original files of one sequence."
    )


def _scan(case: CaseSource, image: ByteArray, mask: BoolArray | None, source: Source, notes: tuple[str, ...]) -> Scan:
    check_grey_levels(str(source.paths[0] if len(source.paths) == 1 else case.place), image[..., FLAIR])
    flair = image[..., FLAIR]
    missing = tuple(
        name
        for channel, name in enumerate(SEQUENCES)
        if channel != FLAIR and np.array_equal(image[..., channel], flair)
    )
    if len(missing) == 2:
        notes = ("The pictures have one sequence, which is taken as FLAIR.", *notes)
    return Scan(
        case_id=case.case_id,
        image=image,
        grid=Grid(shape=(image.shape[0], image.shape[1], image.shape[2])),
        source=source,
        missing=missing,
        notes=(*case.notes, *notes, *sequence_notes(missing)),
        mask_true=mask,
    )
