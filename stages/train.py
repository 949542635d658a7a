"""Train the U-Net, and keep the epoch with the lowest validation loss (steps 8 to 18).

If train.ensemble is above 1, that many networks are trained with different seeds; the model averages their predictions.

Reads:  data/index.csv, data/split.csv, the images and masks under data.root
Writes: models/unet.keras, models/history.csv, models/summary.txt; during training, also plots/live/history.csv and
        the state in models/checkpoint/, which stays until dvc.lock records the model
Params: train; data.root
"""

import argparse
from pathlib import Path

from brainseg.files import INDEX_COLUMNS, SPLIT_COLUMNS, read_table, write_table
from brainseg.model.backend import configure, process_output_folder, use_all_devices
from brainseg.model.recorded import keep_until_recorded, prepare_state
from brainseg.params import Params
from brainseg.writing import atomic_write
from stages import set_interruption_advice
from stages.common import run


def main(params: Params, arguments: argparse.Namespace) -> str:
    runtime = configure(params.train)
    use_all_devices(params.train)
    # These modules import Keras, so `configure` must come first.
    from brainseg.model.saving import make_card, save_model
    from brainseg.model.unet import average_ensemble, summary_text
    from brainseg.training.checkpoint import only_training
    from brainseg.training.data import read_slices
    from brainseg.training.ensemble import train_networks

    tables = [Path("data/index.csv"), arguments.out / "data/split.csv"]
    index, split = read_table(tables[0], INDEX_COLUMNS), read_table(tables[1], SPLIT_COLUMNS)
    with process_output_folder(arguments.out) as out, only_training(out / "models"):
        checkpoints, model_path = out / "models/checkpoint", out / "models/unet.keras"
        prepare_state(checkpoints, model_path)
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
            saved=lambda network, epochs: set_interruption_advice(_advice(params, arguments, network, epochs)),
        )
        with atomic_write(out / "models/summary.txt") as temporary:
            temporary.write_text(summary_text(networks[0]), encoding="utf-8")
        write_table(out / "models/history.csv", history)
        save_model(model_path, average_ensemble(networks), make_card(params.train, runtime))
        keep_until_recorded(checkpoints, model_path)
    print("models/unet.keras written; models/summary.txt lists the layers of the network")
    return f"{len(history)} epochs, lowest validation loss {history['val_loss'].min():.4f}"


def _advice(params: Params, arguments: argparse.Namespace, network: int, epochs: int) -> str:
    """What to do after Ctrl-C, once the state of network number `network` has `epochs` epochs."""
    command = "dvc repro" if arguments.fold is None else "dvc --cd cv repro"
    of_network = f" of network {network}" if params.train.ensemble > 1 else ""
    return f"run the same command again ({command}): the training goes on from epoch {epochs + 1}{of_network}"


if __name__ == "__main__":
    run(main, __doc__)
