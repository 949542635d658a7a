"""The U-Net: its shapes, its layers and its initial weights."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest

from brainseg.model.backend import Runtime
from brainseg.model.saving import load_model, make_card, save_model
from brainseg.model.unet import average_ensemble, build_unet, conv_block, seeded_unet, summary_text, unet_from_params
from brainseg.params import load_params
from tests.project import ROOT

TRAIN = load_params(ROOT / "params.yaml").train
CPU = Runtime(backend="tensorflow", gpu=False, precision="float32")


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(1)
    return build_unet(input_size=32, filters=2, dropout=0.1)


def test_output_is_a_probability_for_every_pixel(model: keras.Model) -> None:
    images = np.random.default_rng(0).normal(size=(3, 32, 32, 3)).astype(np.float32)
    probability = keras.ops.convert_to_numpy(model(images))
    assert probability.shape == (3, 32, 32, 1)
    assert probability.dtype == np.float32
    assert probability.min() >= 0
    assert probability.max() <= 1


def test_training_starts_from_the_fraction_of_tumour_pixels() -> None:
    """With features of 0, the probability is 1 in 50."""
    last = build_unet(input_size=32, filters=2, dropout=0.0).get_layer("probability")
    probability = keras.ops.convert_to_numpy(last(np.zeros((1, 2, 2, 2), np.float32)))
    np.testing.assert_allclose(probability, 0.02, rtol=1e-5)


def test_filters_double_four_times(model: keras.Model) -> None:
    names = ("down1_conv1", "down4_conv2", "bottom_conv1", "up4_conv1", "up1_conv2")
    assert [model.get_layer(name).filters for name in names] == [2, 16, 32, 16, 2]


def test_number_of_weights_equals_that_of_the_notebook() -> None:
    # The summary in the public notebooks says 2,164,593 for 16 filters. That includes biases of the convolutions, which
    # batch normalisation makes redundant: two per filter of each of the nine blocks.
    biases = 2 * sum((16, 32, 64, 128, 256, 128, 64, 32, 16))
    assert build_unet(input_size=32, filters=16, dropout=0.0).count_params() + biases == 2_164_593


def test_second_convolution_reads_the_first() -> None:
    inputs = keras.Input((8, 8, 3))
    block = keras.Model(inputs, conv_block(inputs, 4, "block"))
    image = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype(np.float32)
    before = keras.ops.convert_to_numpy(block(image))
    first = block.get_layer("block_conv1")
    first.set_weights([2 - first.get_weights()[0]])
    assert not np.allclose(before, keras.ops.convert_to_numpy(block(image)))


def test_residual_block_adds_its_input() -> None:
    """If the last convolution is 0, the output is the ReLU of the input after the shortcut."""
    inputs = keras.Input((8, 8, 3))
    block = keras.Model(inputs, conv_block(inputs, 4, "block", residual=True))
    last = block.get_layer("block_conv2")
    last.set_weights([0 * last.get_weights()[0]])
    image = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype(np.float32)
    shortcut = image @ block.get_layer("block_shortcut").get_weights()[0][0, 0]
    epsilon = block.get_layer("block_shortcut_norm").epsilon
    expected = np.maximum(0, shortcut / np.sqrt(1 + epsilon))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(block(image)), expected, atol=1e-5)


@pytest.mark.parametrize("block", ["plain", "residual"])
def test_blocks_follow_the_parameter(block: str) -> None:
    network = unet_from_params(TRAIN.model_copy(update={"block": block, "filters": 2}))
    additions = [layer for layer in network.layers if isinstance(layer, keras.layers.Add)]
    assert len(additions) == (9 if block == "residual" else 0)


def test_ensemble_predicts_the_mean_probability_and_can_be_saved(tmp_path: Path) -> None:
    members = [TRAIN.model_copy(update={"filters": 2, "input_size": 32, "seed": seed}) for seed in (1, 2)]
    networks = [seeded_unet(params) for params in members]
    images = np.random.default_rng(0).normal(size=(2, 32, 32, networks[0].input_shape[-1])).astype(np.float32)
    probabilities = [keras.ops.convert_to_numpy(network(images)) for network in networks]
    assert not np.allclose(probabilities[0], probabilities[1])
    card = make_card(members[0], CPU)
    save_model(tmp_path / "a.keras", average_ensemble(networks), card)
    save_model(tmp_path / "b.keras", average_ensemble([seeded_unet(params) for params in members]), card)
    mean = load_model(tmp_path / "a.keras")[0](images)
    np.testing.assert_allclose(mean, np.mean(probabilities, axis=0), atol=1e-6)
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    assert average_ensemble(networks[:1]) is networks[0]


def test_input_has_a_channel_for_each_neighbour() -> None:
    params = TRAIN.model_copy(update={"context_slices": 2, "filters": 2})
    assert unet_from_params(params).input_shape == (None, TRAIN.input_size, TRAIN.input_size, 3 + 4)


def test_every_level_reaches_the_output(model: keras.Model) -> None:
    images = np.random.default_rng(0).normal(size=(1, 32, 32, 3)).astype(np.float32)
    before = keras.ops.convert_to_numpy(model(images))
    for name in ("down1_conv2", "down2_conv2", "down3_conv2", "down4_conv2", "bottom_conv2"):
        layer = model.get_layer(name)
        weights = layer.get_weights()
        layer.set_weights([-weight for weight in weights])
        assert not np.allclose(before, keras.ops.convert_to_numpy(model(images)), atol=1e-7), name
        layer.set_weights(weights)


@pytest.mark.parametrize("columns", ["40", "300"])
def test_summary_is_the_same_on_every_terminal(
    model: keras.Model, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    expected = summary_text(model)
    assert "up1_conv2 (Conv2D)" in expected
    assert "…" not in expected
    monkeypatch.setenv("COLUMNS", columns)
    assert summary_text(model) == expected
    assert os.environ["COLUMNS"] == columns
