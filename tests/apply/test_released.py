"""The model that ships with the package: complete, unaltered, and able to outline."""

import hashlib
import re
from importlib.resources import as_file, files

import numpy as np
import pytest

from brainseg.apply import network as network_module
from brainseg.apply.segmenter import load_segmenter
from brainseg.metrics.overlap import count
from brainseg.phantom.patients import make_patient
from tests.project import ROOT

RELEASED = files("brainseg.released")
LARGEST = 40_000_000  # bytes of all files together


def test_the_card_names_the_digest_of_the_model() -> None:
    digest = hashlib.sha256((RELEASED / "unet.keras").read_bytes()).hexdigest()
    card = (RELEASED / "model_card.md").read_text()
    assert re.findall(r"^- (?:model|unet\.keras): `(\w+)`$", card, flags=re.MULTILINE) == [digest]
    assert "CC BY-NC-SA 4.0" in (RELEASED / "LICENSE").read_text()
    assert sum(len(path.read_bytes()) for path in RELEASED.iterdir() if path.is_file()) < LARGEST


def test_it_outlines_a_synthetic_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained on real patients, it finds the tumour of one that it has no reason to know; Dice was 0.85."""
    monkeypatch.setattr(network_module, "configure", lambda _: None)  # other tests have started TensorFlow already
    patient = make_patient(1, size=128, seed=7)
    mask, probability = load_segmenter().segment(patient.image)
    assert count(mask_true=patient.mask_true, mask_pred=mask).dice > 0.75
    assert probability.dtype == np.float32


def test_both_forms_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_module, "configure", lambda _: None)
    image = make_patient(2, size=96, seed=7).image
    with as_file(RELEASED) as folder:
        (exported, maps), (keras, expected) = (
            load_segmenter(folder / name).segment(image) for name in ("unet.onnx", "unet.keras")
        )
    np.testing.assert_array_equal(exported, keras)
    assert keras.any()
    assert np.abs(maps - expected).max() < 1e-3


def test_the_example_of_the_page_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_module, "configure", lambda _: None)
    page = (ROOT / "docs/predict.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    names = {"image": make_patient(1, size=128, seed=7).image[8:12]}
    exec(example, names)
    assert names["mask"].shape == names["probability"].shape == (4, 128, 128)
