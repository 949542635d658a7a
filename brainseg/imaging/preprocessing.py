"""Preprocessing: from the slices of a volume to the network's input, defined once for training and prediction.

Grey levels are normalised per volume, so that each patient is the reference for their own slices.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from brainseg.imaging.crop import Box, resample, sample_box, whole_slice
from brainseg.imaging.head import brain_values, find_head
from brainseg.imaging.volume import FLAIR, SEQUENCES, FloatArray

GREY_LEVELS = 256
CLIP = 4.0  # deviations; brighter and darker pixels are clipped
OUTLIER = 3.0  # robust deviations from the median; pixels beyond that do not count for mean and deviation
NORMAL_QUARTILE = 0.6745  # upper quartile of the standard normal distribution

NormalisationMethod = Literal["brain_zscore", "divide_255"]
CropMethod = Literal["head", "none"]


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """A linear change of grey levels: subtract an offset from each channel, divide by a scale, and clip.

    Attributes:
        offset: shape (3,), float32, grey levels.
        scale: shape (3,), float32, grey levels, above 0.
        limit: normalised values are clipped to -limit and limit.
    """

    offset: FloatArray
    scale: FloatArray
    limit: float = float("inf")

    def __call__(self, image: NDArray[Any]) -> FloatArray:
        """Normalise grey levels, shape (..., 3), any real dtype, to float32 of the same shape."""
        normalised = (image.astype(np.float32) - self.offset) / self.scale
        return np.asarray(np.clip(normalised, -self.limit, self.limit))

    def flair(self, flair: NDArray[Any]) -> FloatArray:
        """Normalise FLAIR alone, any shape and real dtype, to float32 of the same shape."""
        normalised = (flair.astype(np.float32) - self.offset[FLAIR]) / self.scale[FLAIR]
        return np.asarray(np.clip(normalised, -self.limit, self.limit))


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How the slices of one volume become the network's input; fitted once per volume.

    Attributes:
        normalisation: of the grey levels.
        box: the part of each slice that is scaled to the network's input.
        mirror_axis: twice the column of the midline of the head, pixels.
        air: grey level of what lies outside the slices, shape (3,), float32.
    """

    normalisation: Normalisation
    box: Box
    mirror_axis: int
    air: FloatArray


def fit_preprocessing(image: NDArray[Any], normalisation: NormalisationMethod, crop: CropMethod) -> Preprocessing:
    """Fit the preprocessing of one patient.

    Args:
        image: the whole volume, shape (S, H, W, 3), any real dtype, even if only some of its slices are used.
        normalisation: "brain_zscore": see `robust_zscore`; "divide_255": see `fixed_normalisation`.
        crop: "head": the square box around the head; "none": the whole slice.

    Returns:
        Normalisation, box, midline and grey level of air.
    """
    head = find_head(image)
    return Preprocessing(
        normalisation=fixed_normalisation()
        if normalisation == "divide_255"
        else robust_zscore(brain_values(image, head)),
        box=head.box if crop == "head" else whole_slice(*image.shape[1:3]),
        mirror_axis=head.mirror_axis,
        air=head.air,
    )


def fixed_normalisation() -> Normalisation:
    """The normalisation of the notebook, the same for every patient: grey levels divided by 255."""
    return Normalisation(offset=np.zeros(3, np.float32), scale=np.full(3, 255, np.float32))


def robust_zscore(values: NDArray[Any]) -> Normalisation:
    """Normalisation to mean 0 and standard deviation 1 over the pixels of the brain, without outliers.

    So neither a large bright tumour nor a hot voxel changes the grey levels of the healthy brain much.

    Args:
        values: shape (N, 3), any real dtype, grey levels of the brain; N may be 0.

    Returns:
        Mean and standard deviation; offset 0 and scale 1 without pixels, and scale 1 if all pixels are equal.
    """
    offset, scale = np.zeros(3, np.float32), np.ones(3, np.float32)
    for channel, (low, high) in enumerate(inlier_ranges(values)):
        levels = values[:, channel]
        inliers = levels[(levels >= low) & (levels <= high)]
        offset[channel] = inliers.mean(dtype=np.float64)
        scale[channel] = inliers.std(dtype=np.float64) or 1
    return Normalisation(offset=offset, scale=scale, limit=CLIP)


def inlier_ranges(values: NDArray[Any]) -> list[tuple[float, float]]:
    """Per channel, the grey levels within `OUTLIER` robust deviations of the median of the brain.

    The robust deviation is half the distance between the quartiles over `NORMAL_QUARTILE`, which is the standard
    deviation if grey levels are normally distributed.

    Args:
        values: shape (N, 3), any real dtype.

    Returns:
        Lowest and highest grey level of each of the three channels; an empty list if N is 0.
    """
    if not len(values):
        return []
    lower, median, upper = np.quantile(values, (0.25, 0.5, 0.75), axis=0)
    reach = OUTLIER * (upper - lower) / (2 * NORMAL_QUARTILE)
    return list(zip((median - reach).tolist(), (median + reach).tolist(), strict=True))


def fill_missing_sequences(image: NDArray[Any], missing: tuple[int, ...]) -> NDArray[Any]:
    """Replace sequences by FLAIR, as the data set does where a patient lacks them.

    Args:
        image: shape (..., 3), any real dtype; the content of missing channels is ignored.
        missing: their numbers, see `brainseg.imaging.volume.SEQUENCES`.

    Returns:
        A copy, same shape and dtype.
    """
    filled = image.copy()
    for channel in missing:
        filled[..., channel] = image[..., FLAIR]
    return filled


def channel_names(context_slices: int, contralateral_flair: bool) -> tuple[str, ...]:
    """Names of the network's input channels in order: the sequences, then the channels of `context`."""
    steps = [step for step in range(-context_slices, context_slices + 1) if step]
    return (*SEQUENCES, *(f"flair {step:+d}" for step in steps), *(["flair mirrored"] if contralateral_flair else []))


def context(
    flair_at: Callable[[int], NDArray[Any]],
    position: int,
    slices: int,
    *,
    context_slices: int,
    mirror_axis: int | None,
    air: float,
    slice_step: int = 1,
) -> NDArray[Any]:
    """Assemble the context channels of a slice: FLAIR of its neighbours, and its own FLAIR mirrored.

    Args:
        flair_at: returns the FLAIR of the slice at a position, shape (H, W), any real dtype.
        position: of the slice in its volume, from 0.
        slices: number of slices in the volume.
        context_slices: neighbours on either side.
        mirror_axis: of the volume, see `Preprocessing`; None: without the mirrored FLAIR.
        air: grey level of the background in FLAIR.
        slice_step: distance to the next neighbour, slices; above 1 where slices are much thinner than in training.

    Returns:
        Shape (H, W, K), any real dtype, K = 0 or more; channels in the order of `channel_names`, after the sequences.
    """
    planes = [flair_at(other) for other in neighbour_positions(position, slices, context_slices, slice_step)]
    own = flair_at(position) if mirror_axis is not None or not planes else planes[0]
    if mirror_axis is not None:
        planes.append(mirrored(own, mirror_axis, air))
    return np.stack(planes, axis=-1) if planes else np.empty((*own.shape, 0), own.dtype)


def neighbour_positions(position: int, slices: int, context_slices: int, slice_step: int = 1) -> list[int]:
    """Positions of a slice's neighbours; beyond the ends of the volume, the first or last slice is repeated.

    Args:
        position: of the slice in its volume, from 0.
        slices: number of slices in the volume.
        context_slices: neighbours on either side.
        slice_step: distance to the next neighbour, slices.

    Returns:
        2 x context_slices positions, ascending.
    """
    steps = [step for step in range(-context_slices, context_slices + 1) if step]
    return [min(max(position + step * slice_step, 0), slices - 1) for step in steps]


def mirrored(image: NDArray[Any], axis: int, outside: float = 0) -> NDArray[Any]:
    """Mirror a slice about the midline of the head: column x of the result is column `axis` - x.

    Args:
        image: shape (..., W), any real dtype.
        axis: of the volume, see `Preprocessing`.
        outside: value where that column does not exist; rounded if the image has whole numbers.

    Returns:
        The same shape and dtype.
    """
    width = image.shape[-1]
    first, last = max(0, axis - width + 1), min(axis, width - 1)
    result = np.full_like(image, outside if image.dtype.kind == "f" else round(outside))
    result[..., first : last + 1] = image[..., first : last + 1][..., ::-1]
    return result


def network_input(
    image: NDArray[Any], context: NDArray[Any], preprocessing: Preprocessing, input_size: int
) -> FloatArray:
    """Assemble the network's input for slices that are not augmented.

    Args:
        image: shape (N, H, W, 3), any real dtype.
        context: shape (N, H, W, K), same dtype, from `context`.
        preprocessing: of the whole volume.
        input_size: height and width of the network's input, pixels.

    Returns:
        Shape (N, input_size, input_size, 3 + K), float32; channels in the order of `channel_names`.
    """
    air = np.concatenate([preprocessing.air, np.repeat(preprocessing.air[FLAIR], context.shape[-1])])
    grey = np.concatenate([image, context], axis=-1)
    channels = resample(grey, *sample_box(preprocessing.box, image.shape[1:3], input_size), outside=air)
    normalise = preprocessing.normalisation
    return np.concatenate([normalise(channels[..., :3]), normalise.flair(channels[..., 3:])], axis=-1)
