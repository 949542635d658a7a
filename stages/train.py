"""Train the U-Net on the training slices and keep the epoch that is best on the validation slices (steps 8 to 18).

With train.ensemble above 1, that many networks, each from a seed of its own; the model is their mean.

Reads:  data/index.csv, data/split.csv, the pictures under data.root
Writes: models/unet.keras, models/history.csv, models/summary.txt
Params: train; data.root, to find the pictures
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

from brainseg.params import Params
from brainseg.runtime import configure, own_folder, use_all_devices
from brainseg.tables import INDEX_COLUMNS, SPLIT_COLUMNS, read_table, replacing, write_table
from stages.common import run


def main(params: Params, arguments: argparse.Namespace) -> None:
    runtime = configure(params.train)
    use_all_devices(params.train)
    from brainseg import (  # these import Keras, which configure must precede
        model_file,
        network,
        training,
        training_data,
    )

    train = params.train
    tables = Path("data/index.csv"), arguments.out / "data/split.csv"
    index, split = read_table(tables[0], INDEX_COLUMNS), read_table(tables[1], SPLIT_COLUMNS)
    with own_folder(arguments.out) as out:
        models = out / "models"
        folder = models / "checkpoint"
        data = training_data.read_slices(index, split, Path(params.data.root), train, folder)
        print(f"{len(data.train)} training and {len(data.validation)} validation slices")
        print(f"{train.backend} on a {'GPU' if runtime.gpu else 'CPU'}, {runtime.precision}")

        contents = [table.read_bytes() for table in tables]
        networks: list[Any] = []
        histories = []
        for number in range(train.ensemble):
            seed = train.seed + number
            if train.ensemble > 1:
                print(f"network {number + 1} of {train.ensemble}, seed {seed}")
            one = train.model_copy(update={"seed": seed})
            model = network.seeded_unet(one)
            if not networks:
                with replacing(models / "summary.txt") as temporary:
                    temporary.write_text(network.summary_text(model), encoding="utf-8")
            history = training.fit(model, data, one, runtime, folder=folder / f"seed_{seed}", tables=contents)
            networks.append(model)
            histories.append(history)
            kept = history.loc[history.val_loss.idxmin()]
            print(
                f"{len(history)} epochs; kept epoch {kept.epoch:.0f}: validation loss {kept.val_loss:.4f}, "
                f"Dice of all its pixels {kept.val_dice:.3f}"
            )
        write_table(models / "history.csv", training.mean_history(histories))
        model_file.save_model(models / "unet.keras", network.mean_of(networks), model_file.card_of(train, runtime))
        shutil.rmtree(folder)
    print("models/unet.keras; the network is listed in models/summary.txt")


if __name__ == "__main__":
    run(main, __doc__)
