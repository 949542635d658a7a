"""Train the networks of an ensemble one after another; with `train.ensemble: 1`, one network."""

from collections.abc import Sequence
from pathlib import Path

import keras
import pandas as pd

from brainseg.model.backend import Runtime
from brainseg.model.unet import seeded_unet
from brainseg.params import TrainParams
from brainseg.training.data import TrainingData
from brainseg.training.fit import fit


def train_networks(
    data: TrainingData, params: TrainParams, runtime: Runtime, *, folder: Path, tables: Sequence[bytes]
) -> tuple[list[keras.Model], pd.DataFrame]:
    """Train `params.ensemble` networks, each from a seed of its own, and print how each of them ended.

    Args:
        data: the slices.
        params: the hyperparameters; network number i, from 0, is trained with seed + i.
        runtime: what they are trained on.
        folder: for the state of each training, see `brainseg.training.fit.fit`.
        tables: the bytes of the tables that the slices were chosen by.

    Returns:
        The networks, each with the weights of its best epoch, and the history; see `mean_history`.
    """
    networks, histories = [], []
    for number in range(params.ensemble):
        seed = params.seed + number
        if params.ensemble > 1:
            print(f"network {number + 1} of {params.ensemble}, seed {seed}")
        own = params.model_copy(update={"seed": seed})
        network = seeded_unet(own)
        history = fit(network, data, own, runtime, folder=folder / f"seed_{seed}", tables=tables)
        networks.append(network)
        histories.append(history)
        kept = history.loc[history.val_loss.idxmin()]
        print(
            f"{len(history)} epochs; kept epoch {kept.epoch:.0f}: validation loss {kept.val_loss:.4f}, "
            f"Dice of all validation pixels {kept.val_dice:.3f}"
        )
    return networks, mean_history(histories)


def mean_history(histories: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One history for several networks: in each epoch, the mean over those that were still training.

    Args:
        histories: from `brainseg.training.fit.fit`, at least one.

    Returns:
        Columns as in `brainseg.files.HISTORY_COLUMNS`; a single history is returned as it is.
    """
    return pd.concat(histories).groupby("epoch", as_index=False).mean()
