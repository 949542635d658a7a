"""Train the U-Net on the training slices and keep the epoch that is best on the validation slices (steps 8 to 18).

Reads:  data/index.csv, data/split.csv, the pictures under data.root
Writes: models/unet.keras, models/history.csv, models/summary.txt
Params: train; data.root, to find the pictures
"""

import argparse
from pathlib import Path

from brainseg.params import Params
from brainseg.runtime import configure
from brainseg.tables import INDEX_COLUMNS, SPLIT_COLUMNS, read_table, replacing, write_table
from stages.common import run


def main(params: Params, arguments: argparse.Namespace) -> None:
    configure(params.train)
    from brainseg import model_file, network, training  # these import Keras, which configure must precede

    index = read_table(Path("data/index.csv"), INDEX_COLUMNS)
    split = read_table(arguments.out / "data/split.csv", SPLIT_COLUMNS)
    samples = training.read_samples(index, split, Path(params.data.root), params.train.normalisation)
    print(f"{len(samples['train'])} training and {len(samples['validation'])} validation slices")

    model = network.build_unet(size=params.train.size, filters=params.train.filters, dropout=params.train.dropout)
    with replacing(arguments.out / "models/summary.txt") as temporary:
        temporary.write_text(network.summary_text(model), encoding="utf-8")

    best = arguments.out / "models/checkpoint/best.weights.h5"
    history = training.fit(model, samples, params.train, best)
    write_table(arguments.out / "models/history.csv", history)
    card = model_file.card_of(params.train)
    model_file.save_model(arguments.out / "models/unet.keras", model, card)
    best.unlink()
    best.parent.rmdir()

    kept = history.loc[history.val_loss.idxmin()]
    print(
        f"{len(history)} epochs; kept epoch {kept.epoch:.0f}: validation loss {kept.val_loss:.4f}, "
        f"Dice of all its pixels {kept.val_dice:.3f}\nmodels/unet.keras; the network is listed in models/summary.txt"
    )


if __name__ == "__main__":
    run(main, __doc__)
