"""The U-Net: shapes, what depends on what, and a file that repeats."""

import os
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from brainseg.errors import UserError
from brainseg.model.backend import Runtime
from brainseg.model.saving import CARD, load_model, make_card, save_model
from brainseg.model.unet import average_ensemble, build_unet, conv_block, seeded_unet, summary_text, unet_from_params
from brainseg.params import load_params
from brainseg.training.deep_supervision import with_deep_supervision
from brainseg.training.fused_norm import FusedBatchNormalization
from brainseg.training.training_copy import training_copy

TRAIN = load_params(Path(__file__).parents[2] / "params.yaml").train
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


def test_training_starts_from_the_share_of_tumour() -> None:
    """Where the features say nothing, a pixel in fifty is tumour."""
    last = build_unet(input_size=32, filters=2, dropout=0.0).get_layer("probability")
    silent = keras.ops.convert_to_numpy(last(np.zeros((1, 2, 2, 2), np.float32)))
    np.testing.assert_allclose(silent, 0.02, rtol=1e-5)


def test_filters_double_four_times(model: keras.Model) -> None:
    names = ("down1_conv1", "down4_conv2", "bottom_conv1", "up4_conv1", "up1_conv2")
    assert [model.get_layer(name).filters for name in names] == [2, 16, 32, 16, 2]


def test_number_of_weights_is_that_of_the_notebooks() -> None:
    # The public notebooks' summary says 2,164,593 for 16 filters; their convolutions have biases besides, which batch
    # normalisation makes idle: two of each of nine blocks' filters.
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
    """With all 3 x 3 convolutions silent, what is left is ReLU of the input through the shortcut."""
    inputs = keras.Input((8, 8, 3))
    block = keras.Model(inputs, conv_block(inputs, 4, "block", residual=True))
    silent = block.get_layer("block_conv2")
    silent.set_weights([0 * silent.get_weights()[0]])
    image = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype(np.float32)
    through = image @ block.get_layer("block_shortcut").get_weights()[0][0, 0]
    epsilon = block.get_layer("block_shortcut_norm").epsilon
    expected = np.maximum(0, through / np.sqrt(1 + epsilon))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(block(image)), expected, atol=1e-5)


@pytest.mark.parametrize("block", ["plain", "residual"])
def test_blocks_are_those_asked_for(block: str) -> None:
    network = unet_from_params(TRAIN.model_copy(update={"block": block, "filters": 2}))
    added = [layer for layer in network.layers if isinstance(layer, keras.layers.Add)]
    assert len(added) == (9 if block == "residual" else 0)


def test_ensemble_gives_the_mean_probability_and_comes_back_from_its_file(tmp_path: Path) -> None:
    trains = [TRAIN.model_copy(update={"filters": 2, "input_size": 32, "seed": seed}) for seed in (1, 2, 3)]
    networks = [seeded_unet(train) for train in trains]
    images = np.random.default_rng(0).normal(size=(2, 32, 32, networks[0].input_shape[-1])).astype(np.float32)
    alone = [keras.ops.convert_to_numpy(network(images)) for network in networks]
    assert not np.allclose(alone[0], alone[1])
    save_model(tmp_path / "a.keras", average_ensemble(networks), make_card(trains[0], CPU))
    save_model(
        tmp_path / "b.keras", average_ensemble([seeded_unet(train) for train in trains]), make_card(trains[0], CPU)
    )
    together = load_model(tmp_path / "a.keras")[0](images)
    np.testing.assert_allclose(together, np.mean(alone, axis=0), atol=1e-6)
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    assert average_ensemble(networks[:1]) is networks[0]


def test_coarse_outputs_stand_beside_the_same_network(model: keras.Model) -> None:
    deep = with_deep_supervision(model)
    images = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype(np.float32)
    grids = keras.ops.convert_to_numpy(deep(images))
    assert grids.shape == (2, 32, 32, 3)
    np.testing.assert_array_equal(grids[..., :1], model(images))
    for channel, step in ((1, 2), (2, 4)):
        coarse = grids[:, ::step, ::step, channel]
        np.testing.assert_array_equal(grids[..., channel], coarse.repeat(step, axis=1).repeat(step, axis=2))
        assert coarse.std() > 0
    shared = {id(weight) for weight in model.weights}
    assert {weight.path.split("/")[-2] for weight in deep.weights if id(weight) not in shared} == {
        "up2_probability",
        "up3_probability",
    }


def test_input_has_a_channel_for_each_neighbour() -> None:
    train = TRAIN.model_copy(update={"context_slices": 2, "filters": 2})
    assert unet_from_params(train).input_shape == (None, TRAIN.input_size, TRAIN.input_size, 3 + 4)


@pytest.mark.parametrize("training", [True, False])
def test_fused_norm_is_keras_norm(training: bool) -> None:
    """Same result, same gradient, same moving statistics."""
    values = np.random.default_rng(0).normal(2, 3, (4, 6, 5, 7)).astype(np.float32)
    results = []
    for norm in (keras.layers.BatchNormalization, FusedBatchNormalization):
        layer = norm(momentum=0.9)
        layer.build(values.shape)
        layer.set_weights([np.linspace(1, 2, 7), np.linspace(-1, 1, 7), np.linspace(0, 1, 7), np.linspace(1, 3, 7)])
        with tf.GradientTape() as tape:
            inputs = tf.constant(values)
            tape.watch(inputs)
            outputs = layer(inputs, training=training)
            loss = tf.reduce_sum(outputs * values**2)
        results.append([outputs, *tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])])
        results[-1] += [np.array(weight) for weight in layer.weights]
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-4)


def test_trainee_is_the_model_in_another_form() -> None:
    train = TRAIN.model_copy(update={"filters": 2, "input_size": 32})
    model = unet_from_params(train)
    trainee = training_copy(model, train, CPU)
    assert isinstance(trainee.get_layer("down1_norm1"), FusedBatchNormalization)
    images = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(trainee(images), model(images), atol=1e-6)
    mixed = training_copy(model, train, Runtime(backend="tensorflow", gpu=True, precision="bfloat16"))
    assert mixed.get_layer("down1_conv1").compute_dtype == "bfloat16"
    assert mixed.output.dtype == "float32"
    assert unet_from_params(train).get_layer("down1_conv1").compute_dtype == "float32", "the policy is put back"


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


def test_saved_model_predicts_the_same_and_its_bytes_repeat(model: keras.Model, tmp_path: Path) -> None:
    images = np.random.default_rng(0).normal(size=(1, 32, 32, 3)).astype(np.float32)
    card = make_card(TRAIN, CPU)
    save_model(tmp_path / "a.keras", model, card)
    model.compile(optimizer="adam", loss="mse")  # no part of the file
    save_model(tmp_path / "b.keras", model, card)
    loaded, loaded_card = load_model(tmp_path / "a.keras")
    assert loaded_card == card
    np.testing.assert_array_equal(loaded(images), model(images))
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()


def test_other_files_are_refused(model: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not found"):
        load_model(tmp_path / "none.keras")
    (tmp_path / "text.keras").write_text("hello")
    with pytest.raises(UserError, match="not a model of this project"):
        load_model(tmp_path / "text.keras")
    save_model(tmp_path / "good.keras", model, make_card(TRAIN, CPU))
    shutil.copy(tmp_path / "good.keras", tmp_path / "bare.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as source, zipfile.ZipFile(tmp_path / "bare.keras", "w") as target:
        for name in source.namelist():
            if name != CARD:
                target.writestr(name, source.read(name))
    with pytest.raises(UserError, match="its preprocessing is not known"):
        load_model(tmp_path / "bare.keras")
