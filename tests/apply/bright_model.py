"""A network that takes bright FLAIR for tumour, and a scan with such a lesion."""

from typing import Any

import numpy as np

from brainseg.apply.network import KerasNetwork
from brainseg.apply.segmenter import Segmenter
from brainseg.imaging.volume import FLAIR
from brainseg.prediction.operating_point import OperatingPoint
from tests.imaging.drawn_head import draw_head
from tests.model_card import make_card


def bright_model(images: Any, training: bool) -> Any:
    """A network that takes bright FLAIR for tumour."""
    return 1 / (1 + np.exp(-4 * (np.asarray(images)[..., FLAIR : FLAIR + 1] - 1.5)))


def segmenter(point: OperatingPoint | None = None, batch_size: int = 16, flip: bool = True) -> Segmenter:
    card = make_card(input_size=64, context_slices=0, contralateral_flair=False)
    network = KerasNetwork(model=bright_model, card=card, batch_size=batch_size, flip=flip)  # type: ignore[arg-type]
    point = point or OperatingPoint(threshold=0.5, smallest_lesion=0)
    return Segmenter(network=network, point=point, digest="ab" * 32, flip=flip)


def head_with_lesion() -> np.ndarray:
    """FLAIR, shape (6, 96, 96), int16, with a bright lesion that lies off all symmetries."""
    flair = draw_head(size=96, slices=6)[..., FLAIR].astype(np.float64)
    flair = (1000 * (flair - flair.min()) / np.ptp(flair)).astype(np.int16)
    flair[2:5, 40:52, 30:38] = 1500
    return flair
