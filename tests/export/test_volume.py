"""The exported computation gives what `brainseg.prediction.inference` gives, for all volumes and models."""

from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest

from brainseg.export.onnx_file import make_graph
from brainseg.export.volume import outline_volume
from brainseg.model.unet import average_ensemble
from brainseg.phantom.patients import make_patient
from tests.export.small_model import make_network, run_graph, run_keras
from tests.imaging.drawn_head import draw_head
from tests.model_card import make_card

BOUND = 1e-3
CARD = make_card()


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return make_network(CARD)


@pytest.fixture(scope="module")
def graph(network: keras.Model) -> Any:
    return run_graph(network, CARD)


@cache
def phantom(size: int = 96) -> np.ndarray:
    return make_patient(1, size=size, seed=7).image


def head_off_centre() -> np.ndarray:
    """Not square, the head in a corner, negative air, and a hot voxel."""
    image = np.zeros((5, 160, 210, 3), np.float64)
    image[:, :128, :128] = draw_head(size=128, slices=5)
    image = 20 * image - 3000
    image[2, 150, 200] = 1e6
    return image


VOLUMES: dict[str, Callable[[], np.ndarray]] = {  # made when they are used
    "phantom": phantom,
    "phantom larger than the grid": lambda: phantom(200)[6:14],
    "one slice": lambda: phantom()[10:11],
    "off centre": head_off_centre,
    "smaller than the grid along one axis": lambda: phantom(200)[8:12, :, 60:150],
    "very small": lambda: phantom(64)[8:11, ::2, ::2],
    "noise": lambda: np.random.default_rng(3).integers(0, 256, (4, 24, 32, 3), dtype=np.uint8),
    "two grey levels": lambda: (phantom() > 60).astype(np.uint8),
    "no contrast": lambda: np.full((3, 40, 50, 3), 7, np.int16),
    "thin cross, which is no head": lambda: np.eye(140, dtype=np.uint8)[None, :, :, None].repeat(3, axis=3),
}


@pytest.mark.parametrize("name", VOLUMES)
def test_the_graph_agrees_with_keras(network: keras.Model, graph: Any, name: str) -> None:
    image = VOLUMES[name]().astype(np.float32)
    expected, found = run_keras(network, CARD, image), graph(image)
    assert found.shape == image.shape[:3]
    assert np.abs(found - expected).max() < BOUND
    np.testing.assert_array_equal(found >= 0.5, expected >= 0.5)
    if name == "phantom":
        assert expected[expected > 0].std() > 0.05  # a network that says something
        assert 0 < (expected >= 0.5).sum() < expected.size


def test_grey_levels_may_have_any_scale(graph: Any) -> None:
    """Source: the promise of docs/preprocessing.md."""
    image = phantom().astype(np.float32)
    np.testing.assert_allclose(graph(image * 50 - 3000), graph(image), atol=BOUND)


@pytest.mark.parametrize(
    "changes",
    [
        {"context_slices": 0, "contralateral_flair": False},
        {"context_slices": 2},
        {"crop": "none"},
        {"normalisation": "divide_255", "crop": "none", "context_slices": 0, "contralateral_flair": False},
    ],
)
def test_every_card_agrees_with_keras(changes: dict[str, Any]) -> None:
    card = make_card(**changes)
    network, image = make_network(card), phantom()[6:14].astype(np.float32)
    for flip in (True, False):
        expected = run_keras(network, card, image, flip=flip)
        assert np.abs(run_graph(network, card, flip=flip)(image) - expected).max() < BOUND, f"flip={flip}"


@pytest.mark.parametrize("slice_step", [2, 5, 100])
def test_thin_slices_have_neighbours_further_away(network: keras.Model, graph: Any, slice_step: int) -> None:
    image = phantom()[6:14].astype(np.float32)
    expected = run_keras(network, CARD, image, slice_step=slice_step)
    assert np.abs(graph(image, slice_step) - expected).max() < BOUND
    assert np.abs(graph(image) - expected).max() > BOUND


def test_an_ensemble_agrees_with_keras(network: keras.Model) -> None:
    ensemble, image = average_ensemble([network, make_network(CARD, seed=2)]), phantom()[6:14].astype(np.float32)
    expected = run_keras(ensemble, CARD, image)
    assert np.abs(run_graph(ensemble, CARD)(image) - expected).max() < BOUND


def test_weights_of_half_precision_are_stored_in_half_precision(network: keras.Model) -> None:
    rounded = keras.models.clone_model(network)
    rounded.set_weights([weight.astype(np.float16).astype(np.float32) for weight in network.get_weights()])
    graphs = [make_graph(each, CARD, flip=True) for each in (network, rounded)]
    assert graphs[1].ByteSize() < graphs[0].ByteSize()
    image = phantom()[6:14].astype(np.float32)
    assert np.abs(run_graph(rounded, CARD)(image) - run_keras(rounded, CARD, image)).max() < 1e-4


def test_the_operations_of_keras_agree_too(network: keras.Model) -> None:
    """SavedModel and LiteRT are made from them."""
    image = phantom()[8:12].astype(np.float32)
    found = outline_volume(
        keras.ops, lambda images: network(images, training=False), CARD, image, np.array([1]), flip=True
    )
    assert np.abs(np.asarray(found) - run_keras(network, CARD, image)).max() < BOUND
