"""Predict the probability maps of the validation and test slices (step 20: load the best weights).

Reads:  data/index.csv, data/split.csv, models/unet.keras, the images under data.root
Writes: data/predictions/<patient_id>.npz
Params: predict; train.backend, precision, seed and threads; data.root
"""

import argparse
from pathlib import Path

from rich.progress import track

from brainseg.files import INDEX_COLUMNS, SPLIT_COLUMNS, read_table, select_subset
from brainseg.imaging.stack import read_volume
from brainseg.model.backend import configure
from brainseg.params import Params
from brainseg.prediction.probability_maps import write_probabilities
from stages.common import run


def main(params: Params, arguments: argparse.Namespace) -> None:
    configure(params.train)
    # These modules import Keras, so `configure` must come first.
    from brainseg.model.saving import load_model
    from brainseg.prediction.inference import predict_volume

    index = read_table(Path("data/index.csv"), INDEX_COLUMNS)
    split = read_table(arguments.out / "data/split.csv", SPLIT_COLUMNS)
    rows = select_subset(index, split, "validation", "test")
    model, card = load_model(arguments.out / "models/unet.keras")
    patients = list(rows.groupby("patient_id")["slice_number"])
    for patient_id, slice_numbers in track(patients, description="predicting"):
        volume = read_volume(index[index["patient_id"] == patient_id], Path(params.data.root))
        probability = predict_volume(
            model,
            card,
            volume,
            slice_numbers.tolist(),
            batch_size=params.predict.batch_size,
            test_time_flip=params.predict.test_time_flip,
        )
        write_probabilities(arguments.out / f"data/predictions/{patient_id}.npz", probability, slice_numbers.to_numpy())
    print(f"probability maps of {len(rows)} slices of {len(patients)} patients -> data/predictions/")


if __name__ == "__main__":
    run(main, __doc__)
