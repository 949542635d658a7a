"""Train the U-Net on the training slices and keep the epoch that is best on the validation slices (steps 8 to 18).

With train.ensemble above 1, that many networks, each from a seed of its own; the model is their mean.

Reads:  data/index.csv, data/split.csv, the pictures under data.root
Writes: models/unet.keras, models/history.csv, models/summary.txt
Params: train; data.root, to find the pictures
"""

import argparse
import shutil
from pathlib import Path

from brainseg.files import INDEX_COLUMNS, SPLIT_COLUMNS, atomic_write, read_table, write_table
from brainseg.model.backend import configure, process_output_folder, use_all_devices
from brainseg.params import Params
from stages.common import run


def main(params: Params, arguments: argparse.Namespace) -> None:
    runtime = configure(params.train)
    use_all_devices(params.train)
    # These import Keras, so `configure` comes first.
    from brainseg.model.saving import make_card, save_model
    from brainseg.model.unet import average_ensemble, summary_text
    from brainseg.training.data import read_slices
    from brainseg.training.ensemble import train_networks

    tables = Path("data/index.csv"), arguments.out / "data/split.csv"
    index, split = read_table(tables[0], INDEX_COLUMNS), read_table(tables[1], SPLIT_COLUMNS)
    with process_output_folder(arguments.out) as out:
        models = out / "models"
        states = models / "checkpoint"
        data = read_slices(index, split, Path(params.data.root), params.train, states)
        print(f"{len(data.train)} training and {len(data.validation)} validation slices")
        print(f"{params.train.backend} on a {'GPU' if runtime.gpu else 'CPU'}, {runtime.precision}")
        contents = [table.read_bytes() for table in tables]
        networks, history = train_networks(data, params.train, runtime, folder=states, tables=contents)
        with atomic_write(models / "summary.txt") as temporary:
            temporary.write_text(summary_text(networks[0]), encoding="utf-8")
        write_table(models / "history.csv", history)
        save_model(models / "unet.keras", average_ensemble(networks), make_card(params.train, runtime))
        shutil.rmtree(states)
    print("models/unet.keras; models/summary.txt lists the network's layers")


if __name__ == "__main__":
    run(main, __doc__)
