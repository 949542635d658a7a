"""Predict the probability maps of the validation and test slices (step 20: load the best weights).

Test patients are predicted again with some of their sequences withheld, so that evaluate can score that too.

Reads:  data/index.csv, data/split.csv, models/unet.keras, the images under data.root
Writes: data/predictions/<patient_id>.npz, data/predictions/<name of brainseg.prediction.withheld>/<patient_id>.npz
Deletes: models/checkpoint/, the state of the training, once dvc.lock records the model
Params: predict; train.backend, precision and threads; data.root
"""

import argparse
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import track

from brainseg.files import INDEX_COLUMNS, SPLIT_COLUMNS, read_table, select_subset
from brainseg.imaging.preprocessing import fill_missing_sequences
from brainseg.imaging.stack import read_volume
from brainseg.model.backend import configure
from brainseg.model.recorded import discard_if_recorded
from brainseg.params import Params
from brainseg.prediction.probability_maps import map_path, write_probabilities
from brainseg.prediction.withheld import WITHHELD
from stages.common import run


def main(params: Params, arguments: argparse.Namespace) -> str:
    configure(params.train)
    # These modules import Keras, so `configure` must come first.
    from brainseg.model.saving import load_model
    from brainseg.prediction.inference import predict_volume

    index = read_table(Path("data/index.csv"), INDEX_COLUMNS)
    split = read_table(arguments.out / "data/split.csv", SPLIT_COLUMNS)
    rows = select_subset(index, split, "validation", "test")
    model_path, predictions = arguments.out / "models/unet.keras", arguments.out / "data/predictions"
    discard_if_recorded(arguments.out / "models/checkpoint", model_path)
    model, card = load_model(model_path)
    patients = list(rows.groupby("patient_id")["slice_number"])
    test = set(select_subset(index, split, "test")["patient_id"])
    console = Console(stderr=True)
    for patient_id, slice_numbers in track(patients, "predicting", console=console, disable=not console.is_terminal):
        volume = read_volume(index[index["patient_id"] == patient_id], Path(params.data.root))
        withheld = {"": (), **(WITHHELD if patient_id in test else {})}
        for name, channels in withheld.items():
            probability = predict_volume(
                model,
                card,
                replace(volume, image=fill_missing_sequences(volume.image, channels)),
                slice_numbers.tolist(),
                batch_size=params.predict.batch_size,
                test_time_flip=params.predict.test_time_flip,
            )
            write_probabilities(map_path(predictions / name, patient_id), probability, slice_numbers.to_numpy())
    summary = f"probability maps of {len(rows)} slices of {len(patients)} patients"
    print(f"{summary} -> data/predictions/")
    return summary


if __name__ == "__main__":
    run(main, __doc__)
