"""Preprocessing: from the slices of a volume to the network's input, defined once for training and prediction.

Grey levels are normalised per volume, so that each patient is the reference for their own slices.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg.imaging.head import brain_mask
from brainseg.imaging.volume import FLAIR, SEQUENCES, ByteArray, FloatArray

GREY_LEVELS = 256

NormalisationMethod = Literal["brain_zscore", "divide_255"]


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """A linear change of grey levels: subtract an offset from each channel, then divide by a scale.

    Attributes:
        offset: shape (3,), float32, grey levels.
        scale: shape (3,), float32, grey levels, above 0.
    """

    offset: FloatArray
    scale: FloatArray

    def __call__(self, image: NDArray[np.generic]) -> FloatArray:
        """Normalise grey levels, shape (..., 3), any real dtype, to float32 of the same shape."""
        return (image.astype(np.float32) - self.offset) / self.scale

    def flair(self, flair: NDArray[np.generic]) -> FloatArray:
        """Normalise FLAIR alone, any shape and real dtype, to float32 of the same shape."""
        return np.asarray((flair.astype(np.float32) - self.offset[FLAIR]) / self.scale[FLAIR])


def fit_normalisation(image: ByteArray, method: NormalisationMethod) -> Normalisation:
    """Fit the normalisation of one patient.

    Args:
        image: the whole volume, shape (S, H, W, 3), uint8, even if only some of its slices are used.
        method: "brain_zscore": mean 0 and standard deviation 1 over the pixels of `brain_mask`, per channel;
            "divide_255": as in the notebook, the same for every patient.

    Returns:
        Offset and scale; the scale of a channel without contrast is 1.
    """
    if method == "divide_255":
        return Normalisation(offset=np.zeros(3, np.float32), scale=np.full(3, 255, np.float32))
    return zscore(image[brain_mask(image)])


def zscore(values: ByteArray) -> Normalisation:
    """Normalisation to mean 0 and standard deviation 1 over the given pixels.

    Args:
        values: shape (N, 3), uint8, the pixels of `brain_mask`; N may be 0.

    Returns:
        Mean and standard deviation; offset 0 and scale 1 without pixels, and scale 1 if all pixels are equal.
    """
    if not len(values):
        return Normalisation(offset=np.zeros(3, np.float32), scale=np.ones(3, np.float32))
    scale = values.std(axis=0, dtype=np.float64)
    return Normalisation(
        offset=values.mean(axis=0, dtype=np.float64).astype(np.float32),
        scale=np.where(scale > 0, scale, 1).astype(np.float32),
    )


def channel_names(context_slices: int, contralateral_flair: bool) -> tuple[str, ...]:
    """Names of the network's input channels in order: the sequences, then the channels of `context`."""
    steps = [step for step in range(-context_slices, context_slices + 1) if step]
    return (*SEQUENCES, *(f"flair {step:+d}" for step in steps), *(["flair mirrored"] if contralateral_flair else []))


def context(
    flair_at: Callable[[int], ByteArray],
    position: int,
    slices: int,
    *,
    context_slices: int,
    mirror_axis: int | None,
) -> ByteArray:
    """Assemble the context channels of a slice: FLAIR of its neighbours, and its own FLAIR mirrored.

    Args:
        flair_at: returns the FLAIR of the slice at a position, shape (H, W), uint8.
        position: of the slice in its volume, from 0.
        slices: number of slices in the volume.
        context_slices: neighbours on either side.
        mirror_axis: of the volume, see `brainseg.imaging.head.mirror_axis`; None: without the mirrored FLAIR.

    Returns:
        Shape (H, W, K), uint8, K = 0 or more; channels in the order of `channel_names`, after the sequences.
    """
    planes = [flair_at(other) for other in neighbour_positions(position, slices, context_slices)]
    own = flair_at(position) if mirror_axis is not None or not planes else planes[0]
    if mirror_axis is not None:
        planes.append(mirrored(own, mirror_axis))
    return np.stack(planes, axis=-1) if planes else np.empty((*own.shape, 0), np.uint8)


def neighbour_positions(position: int, slices: int, context_slices: int) -> list[int]:
    """Positions of a slice's neighbours; beyond the ends of the volume, the first or last slice is repeated.

    Args:
        position: of the slice in its volume, from 0.
        slices: number of slices in the volume.
        context_slices: neighbours on either side.

    Returns:
        2 x context_slices positions, ascending.
    """
    steps = [step for step in range(-context_slices, context_slices + 1) if step]
    return [min(max(position + step, 0), slices - 1) for step in steps]


def mirrored(flair: ByteArray, axis: int) -> ByteArray:
    """Mirror a slice about the midline of the head: column x of the result is column `axis` - x.

    Args:
        flair: shape (..., W), uint8.
        axis: of the volume, from `brainseg.imaging.head.mirror_axis`.

    Returns:
        The same shape; 0 where that column does not exist.
    """
    width = flair.shape[-1]
    first, last = max(0, axis - width + 1), min(axis, width - 1)
    result = np.zeros_like(flair)
    result[..., first : last + 1] = flair[..., first : last + 1][..., ::-1]
    return result


def network_input(image: ByteArray, context: ByteArray, normalise: Normalisation, input_size: int) -> FloatArray:
    """Assemble the network's input for slices that are not augmented.

    Args:
        image: shape (N, H, W, 3), uint8.
        context: shape (N, H, W, K), uint8, from `context`.
        normalise: of the whole volume.
        input_size: height and width of the network's input, pixels.

    Returns:
        Shape (N, input_size, input_size, 3 + K), float32; channels in the order of `channel_names`.
    """
    channels = np.concatenate([normalise(image), normalise.flair(context)], axis=-1)
    return resize(channels, input_size, input_size)


def resize(images: FloatArray, height: int, width: int) -> FloatArray:
    """Resize a stack of images with bilinear interpolation, half-pixel centres and no antialiasing.

    Args:
        images: shape (N, H, W) or (N, H, W, C), float32.
        height: of the result, pixels.
        width: of the result, pixels.

    Returns:
        Shape (N, height, width) or (N, height, width, C), float32; the input itself if it has that size already.
    """
    if images.shape[1:3] == (height, width):
        return images
    resized = np.empty((len(images), height, width, *images.shape[3:]), np.float32)
    for image, target in zip(images, resized, strict=True):
        cv2.resize(image, (width, height), dst=target, interpolation=cv2.INTER_LINEAR)
    return resized
