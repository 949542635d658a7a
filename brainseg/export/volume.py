"""What an exported file computes: preprocessing, network and the way back; a raw volume in, probabilities out.

It is described once, by operations that have the names of `keras.ops`: with these the computation runs and becomes a
graph of TensorFlow, with `brainseg.export.onnx_ops.OnnxOps` it becomes an ONNX graph. The result is that of
`brainseg.prediction.inference.predict_image`. Loops go over the slices, so that memory does not grow with the
activations of the network.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from brainseg.export.head import brain_levels, find_head, planes_of
from brainseg.export.quantiles import robust_zscore
from brainseg.export.sampling import box_positions, interpolate, interpolate_back, resample, weight_outside
from brainseg.imaging.crop import Box
from brainseg.imaging.preprocessing import CLIP, GREY_LEVELS
from brainseg.imaging.volume import FLAIR, SEQUENCES
from brainseg.model.saving import ModelCard


def outline_volume(
    ops: Any, network: Callable[[Any], Any], card: ModelCard, image: Any, slice_step: Any, *, flip: bool
) -> Any:
    """Probability of tumour in a volume.

    Args:
        ops: `keras.ops` or an `OnnxOps`.
        network: maps images, shape (N, size, size, C), float32, to probabilities, shape (N, size, size, 1).
        card: of the network.
        image: shape (S, H, W, 3), float32.
        slice_step: how many slices away the neighbours are that the network sees, shape (1,), int64.
        flip: whether to average with the prediction for the slices flipped left to right.

    Returns:
        Shape (S, H, W), float32 in [0, 1].
    """
    slices, height, width = (ops.shape(image)[axis] for axis in range(3))
    size, step_size = card.input_size, ops.reshape(ops.cast(slice_step, "int32"), ())
    head = find_head(ops, image)
    box = head.box
    if card.crop == "none":
        box = Box(top=0.0, left=0.0, height=ops.cast(height, "float32"), width=ops.cast(width, "float32"))
    positions = box_positions(ops, box.left, box.width, size)
    rows = interpolate(ops, box_positions(ops, box.top, box.height, size), height)
    columns, mirrored = (interpolate(ops, at, width) for at in (positions, head.mirror_axis - positions))
    offset, scale, limit = _grey_levels(ops, card, image, head)

    def normaliser(columns: Any, sequences: list[int]) -> Callable[[Any], Any]:
        """A function from sequences of a slice, shape (C, H, W), to channels of the network, shape (C, size, size)."""
        air, mean, deviation = (
            ops.expand_dims(ops.take(levels, sequences, axis=0), (1, 2)) for levels in (head.air, offset, scale)
        )
        shift = weight_outside(ops, rows, columns) * air - mean
        return lambda planes: ops.clip((resample(ops, planes, rows, columns) + shift) / deviation, -limit, limit)

    normalise, normalise_flair = normaliser(columns, list(range(len(SEQUENCES)))), normaliser(columns, [FLAIR])
    normalise_mirrored = normaliser(mirrored, [FLAIR])

    def predict(position: Any) -> Any:
        """The probabilities of a slice on the network's grid, shape (size, size)."""
        own = planes_of(ops, image, position)
        channels = [normalise(own)]
        for step in range(-card.context_slices, card.context_slices + 1):
            if step:
                neighbour = planes_of(ops, image, ops.clip(position + step * step_size, 0, slices - 1))
                channels.append(normalise_flair(ops.take(neighbour, [FLAIR], axis=0)))
        if card.contralateral_flair:
            channels.append(normalise_mirrored(ops.take(own, [FLAIR], axis=0)))
        images = ops.expand_dims(ops.transpose(ops.concatenate(channels, axis=0), (1, 2, 0)), 0)
        if not flip:
            return ops.reshape(network(images), (size, size))
        both = ops.reshape(network(ops.concatenate([images, ops.flip(images, 2)], axis=0)), (2, size, size))
        return (ops.take(both, 0, axis=0) + ops.flip(ops.take(both, 1, axis=0), 1)) / 2.0

    probability = ops.map(predict, ops.arange(slices, dtype="int32"))
    back = interpolate_back(ops, box.top, box.height, height, size)
    return resample(ops, probability, back, interpolate_back(ops, box.left, box.width, width, size))


def _grey_levels(ops: Any, card: ModelCard, image: Any, head: Any) -> tuple[Any, Any, float]:
    """Offset and scale of the grey levels, shape (3,), float32, and where normalised ones are clipped."""
    if card.normalisation == "brain_zscore":
        levels_of = brain_levels(ops, image, head)
        found = ops.map(
            lambda channel: robust_zscore(ops, levels_of(channel)), ops.arange(len(SEQUENCES), dtype="int32")
        )
        return ops.take(found, 0, axis=1), ops.take(found, 1, axis=1), CLIP
    offset, scale = np.zeros(len(SEQUENCES), np.float32), np.full(len(SEQUENCES), GREY_LEVELS - 1, np.float32)
    return ops.array(offset), ops.array(scale), np.inf
