"""Deep supervision: outputs at lower resolutions that share the layers of the network."""

from pathlib import Path

import keras
import numpy as np
import pytest

from brainseg.model.unet import build_unet
from brainseg.training.data import validation_batches
from brainseg.training.deep_supervision import with_deep_supervision
from brainseg.training.losses import PooledDice
from tests.training.toy_training import TRAIN, toy_data, train_toy, uninterrupted_toy


def test_extra_outputs_share_the_layers_of_the_network() -> None:
    keras.utils.set_random_seed(1)
    network = build_unet(input_size=32, filters=2, dropout=0.1)
    model = with_deep_supervision(network)
    images = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype(np.float32)
    outputs = keras.ops.convert_to_numpy(model(images))
    assert outputs.shape == (2, 32, 32, 3)
    np.testing.assert_array_equal(outputs[..., :1], network(images))
    for channel, step in ((1, 2), (2, 4)):
        coarse = outputs[:, ::step, ::step, channel]
        np.testing.assert_array_equal(outputs[..., channel], coarse.repeat(step, axis=1).repeat(step, axis=2))
        assert coarse.std() > 0
    shared = {id(weight) for weight in network.weights}
    assert {weight.path.split("/")[-2] for weight in model.weights if id(weight) not in shared} == {
        "up2_probability",
        "up3_probability",
    }


@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")
@pytest.mark.usefixtures("quick_training")
def test_deep_supervision_changes_the_weights_but_not_the_architecture(tmp_path: Path) -> None:
    plain, _ = uninterrupted_toy(TRAIN)
    params = TRAIN.model_copy(update={"deep_supervision": True})
    model, history = train_toy(params, tmp_path / "deep")
    assert [weight.shape for weight in model.weights] == [weight.shape for weight in plain.weights]
    first = "down1_conv1"
    assert not np.allclose(model.get_layer(first).get_weights()[0], plain.get_layer(first).get_weights()[0], atol=1e-4)
    images, masks = validation_batches(toy_data(tmp_path), params)[0]
    assert len(images) == 4  # all validation slices
    metric = PooledDice()
    metric.update_state(masks, model(images))
    assert float(metric.result()) == pytest.approx(history.val_dice[history.val_loss.idxmin()], abs=1e-3)
