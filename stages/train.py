"""Train the U-Net, and keep the epoch with the lowest validation loss (steps 8 to 18).

If train.ensemble is above 1, that many networks are trained with different seeds; the model averages their predictions.

Reads:  data/index.csv, data/split.csv, the images and masks under data.root
Writes: models/unet.keras, models/history.csv, models/summary.txt; during training, also plots/live/history.csv
Params: train; data.root
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
    # These modules import Keras, so `configure` must come first.
    from brainseg.model.saving import make_card, save_model
    from brainseg.model.unet import average_ensemble, summary_text
    from brainseg.training.data import read_slices
    from brainseg.training.ensemble import train_networks

    tables = [Path("data/index.csv"), arguments.out / "data/split.csv"]
    index, split = read_table(tables[0], INDEX_COLUMNS), read_table(tables[1], SPLIT_COLUMNS)
    with process_output_folder(arguments.out) as out:
        checkpoints = out / "models/checkpoint"
        data = read_slices(index, split, Path(params.data.root), params.train, checkpoints)
        print(f"{len(data.train)} training and {len(data.validation)} validation slices")
        print(runtime.description)
        networks, history = train_networks(
            data,
            params.train,
            runtime,
            folder=checkpoints,
            live_history=out / "plots/live/history.csv",
            tables=[table.read_bytes() for table in tables],
        )
        with atomic_write(out / "models/summary.txt") as temporary:
            temporary.write_text(summary_text(networks[0]), encoding="utf-8")
        write_table(out / "models/history.csv", history)
        save_model(out / "models/unet.keras", average_ensemble(networks), make_card(params.train, runtime))
        shutil.rmtree(checkpoints)
    print("models/unet.keras written; models/summary.txt lists the layers of the network")


if __name__ == "__main__":
    run(main, __doc__)
