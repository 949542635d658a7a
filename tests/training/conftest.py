"""Fixtures for the tests of training."""

from collections.abc import Iterator

import pytest
import tensorflow as tf

from brainseg.model import unet


@pytest.fixture
def quick_training(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings for tests that train a toy network.

    Training runs eagerly, because tracing a graph takes longer than these trainings; tests/pipeline trains with a
    graph. Probabilities start at 0.5, so that a network that is validated on inverted masks is best at the start.
    """
    monkeypatch.setattr(unet, "TUMOUR_FRACTION", 0.5)
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
