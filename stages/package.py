"""Pack the model as others take it: in both forms, with its operating point and a card written from the scores.

Reads:  models/unet.keras, models/operating_point.json, models/history.csv, data/index.csv, data/split.csv,
        metrics/index.json, metrics/patients.csv
Writes: models/bundle/: unet.keras, unet.onnx, operating_point.json, model_card.md, model.json
Params: package; train, predict and split, which the card tells
"""

import argparse

from brainseg.errors import UserError
from brainseg.export.bundle import MODEL
from brainseg.export.facts import read_facts
from brainseg.model.backend import configure
from brainseg.params import Params
from stages.common import run

PUBLISHED_LICENCE = "CC-BY-NC-SA-4.0"  # of the data set LGG MRI Segmentation


def main(params: Params, arguments: argparse.Namespace) -> str:
    configure(params.train)
    # These modules import Keras, so `configure` must come first.
    from brainseg.export.packing import write_bundle
    from brainseg.model.saving import load_model

    out = arguments.out
    model_path, licence = out / "models/unet.keras", params.package.weights_licence
    model, card = load_model(model_path)
    facts = read_facts(out, params, card, model.count_params())
    if facts.source == "published" and licence != PUBLISHED_LICENCE:
        raise UserError(
            f"package.weights_licence: {licence}. Expected: {PUBLISHED_LICENCE}, the licence of the data set LGG MRI "
            "Segmentation, which demands the same licence of what is made from it. Set it in params.yaml."
        )
    bundle = write_bundle(out / "models/bundle", model_path, model, facts)
    digests = bundle.metadata["files"]
    print(f"bundle of {len(digests) + 1} files, model {digests[MODEL][:16]}... -> models/bundle/")
    return "bundle written"


if __name__ == "__main__":
    run(main, __doc__)
