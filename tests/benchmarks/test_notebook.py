"""The notebook's method must be what the notebook does: a comparison with a weakened version would prove nothing.

Also covers benchmarks.notebook_method.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from benchmarks import notebook, notebook_method
from brainseg.dataset.index import index_folder
from brainseg.files import HISTORY_COLUMNS
from brainseg.imaging.raster import read_mask
from brainseg.params import DataParams
from brainseg.prediction.probability_maps import read_probabilities
from tests.kaggle_set import KAGGLE, path_of, write_image

pytestmark = [
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`"),
    pytest.mark.filterwarnings("ignore:Please import `affine_transform`"),  # Keras' generator uses a deprecated name
]


@pytest.fixture
def _eager() -> Iterator[None]:
    """Run without a graph, whose tracing takes longer than these trainings."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def index_of(root: Path) -> pd.DataFrame:
    return index_folder(DataParams(root=str(root), pattern=KAGGLE))


def test_both_generators_draw_the_same_changes_and_interpolate_the_masks(
    make_set: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_set(tmp_path / "set", patients=("TCGA_CS_0001_20000101",))
    rows = index_of(root)
    for number in range(1, 6):  # each image shows its mask
        mask = read_mask(path_of(root, "TCGA_CS_0001_20000101", number, "_mask"))
        write_image(
            path_of(root, "TCGA_CS_0001_20000101", number), np.repeat(mask[..., None], 3, -1).astype(np.uint8) * 255
        )
    batches = notebook_method.pairs(rows, root, size=32, batch_size=2, augment=True)
    drawn = [next(batches) for _ in range(6)]
    for images, masks in drawn:
        np.testing.assert_array_equal(images, np.repeat(masks, 3, axis=-1))
    values = np.concatenate([masks for _, masks in drawn])
    assert values.min() == 0
    assert values.max() == 1
    assert ((values > 0) & (values < 1)).any()
    _, unchanged = next(notebook_method.pairs(rows, root, size=32, batch_size=5, augment=False))
    assert set(np.unique(unchanged)) == {0, 1}


@pytest.mark.parametrize(("stack_convolutions", "per_block"), [(False, 1), (True, 2)])
def test_first_convolution_of_each_block_has_no_effect_unless_stacked(stack_convolutions: bool, per_block: int) -> None:
    """Layers without an effect are not part of a Keras model."""
    model = notebook_method.build_network(size=16, filters=1, stack_convolutions=stack_convolutions)
    convolutions = [layer for layer in model.layers if type(layer) is keras.layers.Conv2D]
    assert len(convolutions) == 9 * per_block + 1  # nine blocks and the last layer
    assert sum(type(layer) is keras.layers.Dropout and layer.rate == 0.2 for layer in model.layers) == 8


@pytest.mark.usefixtures("_eager")
def test_epoch_cut_short_is_validated_and_kept_and_maps_are_on_the_own_grid(tiny_set: Path, tmp_path: Path) -> None:
    index = index_of(tiny_set)
    first, *_, last = sorted(set(index.patient_id))
    rows = {"train": index[index.patient_id != last], "validation": index[index.patient_id == last]}
    model = notebook_method.build_network(size=16, filters=1)
    best = tmp_path / "models/best.weights.h5"
    history = notebook.train(model, rows, tiny_set, best, size=16, minutes=0)
    assert len(history) == 1
    assert list(history) == list(HISTORY_COLUMNS)
    assert history.notna().all(axis=None)
    assert best.exists()

    notebook.write_maps(model, rows["train"], tiny_set, tmp_path / "maps", size=16)
    probability, slice_numbers = read_probabilities(tmp_path / f"maps/{first}.npz")
    assert probability.shape == (5, 32, 32)
    assert list(slice_numbers) == [1, 2, 3, 4, 5]
    assert not (tmp_path / f"maps/{last}.npz").exists()
