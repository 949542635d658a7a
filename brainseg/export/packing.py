"""Writing a bundle: the model in both forms, its operating point and its card."""

import shutil
from pathlib import Path
from typing import Any

from brainseg.export.bundle import CARD, EXPORTED, MODEL, POINT, Bundle, read_bundle, write_metadata
from brainseg.export.card import write_card
from brainseg.export.facts import Facts
from brainseg.export.metadata import make_metadata
from brainseg.export.onnx_file import write_onnx
from brainseg.prediction.operating_point import write_operating_point
from brainseg.reading import sha256_of
from brainseg.writing import atomic_write


def write_bundle(folder: Path, model_path: Path, model: Any, facts: Facts, *, sections: str = "") -> Bundle:
    """Write a bundle; equal models and facts give equal bytes.

    Args:
        folder: made if it is missing.
        model_path: the .keras file, which is copied.
        model: what `brainseg.model.saving.load_model` read from it.
        facts: what the card tells.
        sections: more text for the end of the card, Markdown.

    Raises:
        UserError: if the exported file does not give the probabilities of Keras.
    """
    with atomic_write(folder / MODEL) as temporary:
        shutil.copyfile(model_path, temporary)
    flip, digest = facts.params.predict.test_time_flip, sha256_of(model_path)
    text = write_card(facts, {MODEL: digest}) + sections
    write_onnx(model, facts.model, facts.point, folder / EXPORTED, digest=digest, flip=flip, model_card=text)
    write_operating_point(folder / POINT, facts.point)
    with atomic_write(folder / CARD) as temporary:
        temporary.write_text(text, encoding="utf-8")
    write_metadata(folder, make_metadata(facts))
    return read_bundle(folder)
