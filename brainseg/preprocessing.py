"""From stored slices to what the network sees, and back: one definition for training and prediction.

Means and deviations are of the whole volume, so a slice is judged against its own patient's head: the part below the
scalp, whose fat is bright in some scans, dark in others, and says nothing of the brain.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg.volumes import FLAIR, SEQUENCES, BoolArray, ByteArray, FloatArray

HEAD_SHARE_OF_MAXIMUM = 0.1
HEAD_SHARE_OF_COLUMN = 0.05
SCALP_SHARE_OF_SIZE = 0.08  # scalp and skull; 20 of 256 pixels
GREY_LEVELS = 256

Method = Literal["below_scalp", "divide_255"]


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """What is subtracted and then divided by, per channel.

    Attributes:
        offset: shape (3,), float32, grey levels.
        scale: shape (3,), float32, grey levels, above 0.
    """

    offset: FloatArray
    scale: FloatArray

    def __call__(self, image: NDArray[np.generic]) -> FloatArray:
        """Normalise grey levels, shape (..., 3), any real dtype, to float32 of the same shape."""
        return (image.astype(np.float32) - self.offset) / self.scale

    def around(self, flair: NDArray[np.generic]) -> FloatArray:
        """Normalise the FLAIR of neighbouring or mirrored slices, any shape and real dtype, as FLAIR is."""
        return np.asarray((flair.astype(np.float32) - self.offset[FLAIR]) / self.scale[FLAIR])


def head_pixels(image: ByteArray) -> BoolArray:
    """Pixels that are head and not background: any channel above a tenth of the volume's maximum.

    Args:
        image: the whole volume, shape (S, H, W, 3), uint8.

    Returns:
        Shape (S, H, W), bool; all False for a black volume.
    """
    return np.asarray((image > HEAD_SHARE_OF_MAXIMUM * float(image.max())).any(axis=-1))


def below_scalp(image: ByteArray) -> BoolArray:
    """Head pixels that lie deep in the head: brain, for the most part.

    A pixel lies in the head where head is above, below, left and right of it in its slice, so dark ventricles do. It
    lies deep where all pixels up to `SCALP_SHARE_OF_SIZE` away do, along rows, columns and diagonals.

    Args:
        image: the whole volume, shape (S, H, W, 3), uint8.

    Returns:
        Shape (S, H, W), bool; all head pixels where none lies deep.
    """
    head = head_pixels(image)
    inside = np.ones_like(head)
    for axis in (1, 2):
        for start_to_end in (slice(None), slice(None, None, -1)):
            step = (slice(None),) * axis + (start_to_end,)
            inside &= np.logical_or.accumulate(head[step], axis=axis)[step]
    width = 2 * round(SCALP_SHARE_OF_SIZE * min(head.shape[1:])) + 1
    square = np.ones((width, width), np.uint8)
    deep = np.stack([cv2.erode(one, square, borderValue=0) for one in inside.astype(np.uint8)]) > 0
    deep &= head
    return deep if deep.any() else head


def fit_normalisation(image: ByteArray, method: Method) -> Normalisation:
    """The normalisation of one patient.

    Args:
        image: the whole volume, shape (S, H, W, 3), uint8; also where only some of its slices are used.
        method: "below_scalp": mean 0 and standard deviation 1 over the pixels of `below_scalp`, per channel;
            "divide_255": the notebook's, the same for all.

    Returns:
        The offset and scale; the scale of a channel without any contrast is 1.
    """
    if method == "divide_255":
        return Normalisation(offset=np.zeros(3, np.float32), scale=np.full(3, 255, np.float32))
    values = image[below_scalp(image)]
    if not len(values):
        return Normalisation(offset=np.zeros(3, np.float32), scale=np.ones(3, np.float32))
    scale = values.std(axis=0, dtype=np.float64)
    return Normalisation(
        offset=values.mean(axis=0, dtype=np.float64).astype(np.float32),
        scale=np.where(scale > 0, scale, 1).astype(np.float32),
    )


def channel_names(neighbours: int, mirror: bool) -> tuple[str, ...]:
    """The network's input channels in order: sequences, FLAIR of the slices around from below up, FLAIR mirrored."""
    steps = [step for step in range(-neighbours, neighbours + 1) if step]
    return (*SEQUENCES, *(f"flair {step:+d}" for step in steps), *(["flair mirrored"] if mirror else []))


def positions_around(position: int, slices: int, neighbours: int) -> list[int]:
    """Where the slices around one are in a volume; beyond the first and last slice these repeat.

    Args:
        position: of the slice in its volume, from 0.
        slices: of the volume.
        neighbours: how many on either side.

    Returns:
        2 x neighbours positions, ascending.
    """
    steps = [step for step in range(-neighbours, neighbours + 1) if step]
    return [min(max(position + step, 0), slices - 1) for step in steps]


def mirror_axis(image: ByteArray) -> int:
    """Where the head is mirrored: first plus last column of the head, which is twice the column in the middle.

    Args:
        image: the whole volume, shape (S, H, W, 3), uint8.

    Returns:
        Pixels, from 0 to 2 (W - 1). Columns count where at least a twentieth of all rows and slices is head, so that an
        ear or a bright speck in the air moves nothing; W - 1 for a black volume.
    """
    share = head_pixels(image).mean(axis=(0, 1))
    columns = np.flatnonzero(share >= HEAD_SHARE_OF_COLUMN)
    return int(columns[0] + columns[-1]) if len(columns) else image.shape[2] - 1


def mirrored(flair: ByteArray, axis: int) -> ByteArray:
    """The other side of the head on this side: column x of the result is column `axis` - x.

    Args:
        flair: shape (..., W), uint8.
        axis: of the volume, from `mirror_axis`.

    Returns:
        The same shape; 0 where there is no such column.
    """
    width = flair.shape[-1]
    first, last = max(0, axis - width + 1), min(axis, width - 1)
    result = np.zeros_like(flair)
    result[..., first : last + 1] = flair[..., first : last + 1][..., ::-1]
    return result


def network_input(image: ByteArray, flair_around: ByteArray, normalise: Normalisation, size: int) -> FloatArray:
    """What the network sees of slices that are not augmented.

    Args:
        image: shape (N, H, W, 3), uint8.
        flair_around: FLAIR of the slices around each and, if wanted, of itself mirrored, shape (N, H, W, K), uint8.
        normalise: of the whole volume.
        size: height and width that the network sees, pixels.

    Returns:
        Shape (N, size, size, 3 + K), float32; channels as `channel_names` has them.
    """
    return resize(np.concatenate([normalise(image), normalise.around(flair_around)], axis=-1), size, size)


def resize(pictures: FloatArray, height: int, width: int) -> FloatArray:
    """Resize a stack: bilinear, half-pixel centres, no antialias.

    Args:
        pictures: shape (N, H, W) or (N, H, W, C), float32.
        height: wanted, pixels.
        width: wanted, pixels.

    Returns:
        Shape (N, height, width) or (N, height, width, C), float32; the input itself where nothing changes.
    """
    if pictures.shape[1:3] == (height, width):
        return pictures
    resized = np.empty((len(pictures), height, width, *pictures.shape[3:]), np.float32)
    for picture, target in zip(pictures, resized, strict=True):
        cv2.resize(picture, (width, height), dst=target, interpolation=cv2.INTER_LINEAR)
    return resized
