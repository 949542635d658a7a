"""Training the networks of an ensemble one after another; with `train.ensemble: 1`, a single network."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import keras
import pandas as pd

from brainseg.model.backend import Runtime
from brainseg.model.unet import seeded_unet
from brainseg.params import TrainParams
from brainseg.training.data import TrainingData
from brainseg.training.fit import fit


def train_networks(
    data: TrainingData,
    params: TrainParams,
    runtime: Runtime,
    *,
    folder: Path,
    live_history: Path,
    tables: Sequence[bytes],
    saved: Callable[[int, int], None] = lambda *_: None,
) -> tuple[list[keras.Model], pd.DataFrame]:
    """Train `params.ensemble` networks, each with a seed of its own, and print the best epoch of each.

    Args:
        data: the slices.
        params: the hyperparameters; the seed of network i, from 0, is `params.seed` + i.
        runtime: what the networks are trained on.
        folder: for the states of the trainings, see `brainseg.training.fit.fit`.
        live_history: history of the network in training, see `brainseg.training.fit.fit`.
        tables: contents of the files that list the slices.
        saved: called with the number of the network in training, from 1, and the number of epochs in its state, at the
            start and whenever the state was saved.

    Returns:
        The networks, each with the weights of its best epoch, and their mean history, see `mean_history`.
    """
    networks, histories = [], []
    for number in range(params.ensemble):
        seed = params.seed + number
        if params.ensemble > 1:
            print(f"network {number + 1} of {params.ensemble}, seed {seed}")
        network_params = params.model_copy(update={"seed": seed})
        network = seeded_unet(network_params)
        history = fit(
            network,
            data,
            network_params,
            runtime,
            folder=folder / f"seed_{seed}",
            live_history=live_history,
            tables=tables,
            saved=partial(saved, number + 1),
        )
        networks.append(network)
        histories.append(history)
        best = history.loc[history.val_loss.idxmin()]
        print(
            f"{len(history)} epochs; best epoch {best.epoch:.0f}: validation loss {best.val_loss:.4f}, "
            f"Dice over all validation pixels {best.val_dice:.3f}"
        )
    return networks, mean_history(histories)


def mean_history(histories: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Average the histories of several networks; each epoch is the mean over the networks that reached it.

    Args:
        histories: from `brainseg.training.fit.fit`, at least one.

    Returns:
        Columns as in `brainseg.files.HISTORY_COLUMNS`; equal to the input if there is only one history.
    """
    return pd.concat(histories).groupby("epoch", as_index=False).mean()
