"""The model card and model.json: every figure is that of the tables, and nothing is told that must not be."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
import yaml

from brainseg.evaluation.patient_scores import PATIENT_COLUMNS, SCORES
from brainseg.export.card import write_card
from brainseg.export.facts import Facts
from brainseg.export.metadata import make_metadata
from brainseg.metrics.bootstrap import interval
from brainseg.params import load_params
from brainseg.prediction.operating_point import OperatingPoint
from tests.model_card import make_card
from tests.project import ROOT

DICE = [0.9, 0.3, 0.8, 0.7, 0.85]
DIGESTS = {"unet.keras": "ab" * 32, "unet.onnx": "cd" * 32}


def patients_with(dice: list[float]) -> pd.DataFrame:
    rows = [
        {
            **dict.fromkeys(PATIENT_COLUMNS, 10),
            **dict.fromkeys(SCORES, 0.5),
            "patient_id": f"P{number}",
            "site": "AB"[number % 2],
            "dice": value,
            "flair_dice": 0.25,
            "dice_flair_alone": value - 0.125,
        }
        for number, value in enumerate(dice)
    ]
    return pd.DataFrame(rows).astype(PATIENT_COLUMNS)


def make_facts(**changes: Any) -> Facts:
    params = load_params(ROOT / "presets/lgg.yaml")
    index = pd.DataFrame(
        {
            "patient_id": ["P0", "P0", "P1", "T0"],
            "site": ["A", "A", "B", "C"],
            "tumour_pixels": [0, 5, 6, 7],
            "missing_sequences": ["", "", "pre-contrast", ""],
        }
    )
    split = pd.DataFrame({"patient_id": ["P0", "P0", "P1", "T0"], "subset": ["test", "test", "test", "train"]})
    model = make_card(input_size=64, contralateral_flair=False, precision="bfloat16")
    facts = {
        "params": params,
        "model": model,
        "weights": 123_456,
        "point": OperatingPoint(threshold=0.45, smallest_lesion=12),
        "index": index,
        "split": split,
        "history": pd.DataFrame({"val_loss": [0.5, 0.3, 0.4]}),
        "patients": patients_with(DICE),
        "source": "published",
        "digests": {"list of the slices": "ef" * 32},
    }
    return Facts(**{**facts, **changes})


def head_of(card: str) -> dict:
    _, head, _ = card.split("---\n", 2)
    return yaml.safe_load(head)


def test_the_head_is_what_hugging_face_reads() -> None:
    head = head_of(write_card(make_facts(), DIGESTS))
    assert (head["license"], head["library_name"], head["pipeline_tag"]) == (
        "cc-by-nc-sa-4.0",
        "keras",
        "image-segmentation",
    )
    (result,) = head["model-index"][0]["results"]
    assert result["task"] == {"type": "image-segmentation"}
    assert result["dataset"] == {"type": "published", "name": "LGG MRI Segmentation"}
    assert result["metrics"] == [{"type": "dice", "name": "mean Dice of 5 test patients", "value": 0.71}]


def test_scores_are_those_of_the_tables() -> None:
    card, dice = write_card(make_facts(), DIGESTS), interval(DICE)
    mean = f"{dice.value:.3f} ({dice.ci_low:.3f} to {dice.ci_high:.3f})"
    assert f"| Dice | {mean} | 0.800 | 5 |" in card
    assert "FLAIR above a threshold 0.250 (0.250 to 0.250); nothing outlined 0." in card
    assert "| A | 3 | 0.850 | 0.850 | 0.800 |" in card
    assert "| B | 2 | 0.500 | 0.500 | 0.300 |" in card
    assert "| FLAIR alone | 0.585" in card
    assert "| -0.125 (-0.125 to -0.125) |" in card
    assert "| P1 | 0.300 | 0.500 | 0.500 | 10 | 10 |\n| P3 | 0.700" in card
    assert "P0 |" not in card  # the best patient is no failure


def test_facts_of_data_network_and_operating_point() -> None:
    card = write_card(make_facts(), DIGESTS)
    flowing = " ".join(card.replace("\n-", "\n\n-").split())
    for text in (
        "3 patients of 3 sites, 4 slices, of which 3 with tumour. Patients without one of the T1 sequences: 1.",
        "- Patients: 1 train, 0 validation, 2 test; split by patient.",
        "123,456 weights",
        "Of 3 epochs, number 2 had the lowest",
        "64 x 64 pixels, with 5 channels: pre-contrast, flair, post-contrast",
        "from a probability of 0.45; lesions of fewer voxels than 12 are dropped. Averaged with",
        "not for diagnosis",
        "- The code: Apache-2.0.\n- The weights: CC-BY-NC-SA-4.0; the weights were trained on data with this licence",
        f"- unet.keras: `{'ab' * 32}`\n- unet.onnx: `{'cd' * 32}`\n- list of the slices: `{'ef' * 32}`",
        "0.836 mean",
    ):
        assert " ".join(text.split()) in flowing
    assert write_card(make_facts(), DIGESTS) == card
    assert max(map(len, card.splitlines())) <= 120


@pytest.mark.parametrize(("count", "model"), [(1, "network"), (2, "mean of the 2 networks")])
def test_a_mean_of_networks_of_folds_has_the_scores_of_another_cross_validation(count: int, model: str) -> None:
    split = pd.DataFrame(
        {
            "patient_id": ["P0", "P1", "P2", "P0", "P1", "P3", "P4"],
            "subset": ["train", "train", "validation", "train", "train", "train", "validation"],
            "fold": [0, 0, 0, 3, 3, 3, 3],
        }
    )
    facts = make_facts(folds=(0, 3), fold_count=22, split=split, scored=split[:3], scored_networks=count)
    flowing = " ".join(write_card(facts, DIGESTS).split())
    assert "The mean of 2 U-Nets, those of the folds 0, 3 of a cross-validation in 22 folds" in flowing
    assert "Patients: 2 to 3 to train each network, 1 to choose its epoch; split by patient." in flowing
    assert (
        f"5 test patients of a cross-validation in 1 folds, each outlined by the {model} of their fold alone, which "
        "had not seen them (2 patients to train)."
    ) in flowing


def test_patients_of_other_data_are_not_named() -> None:
    card = write_card(make_facts(source="other"), DIGESTS)
    assert "P1" not in card
    assert "| number 1 from below | 0.300" in card
    assert "0.836" not in card
    assert "not the published set" in card


@pytest.mark.parametrize("source", ["published", "synthetic", "other"])
def test_synthetic_data_and_leaks_are_warned_of(source: str) -> None:
    plain = make_facts(source=source)
    leaky = replace(plain, params=load_params(ROOT / "presets/notebook.yaml"))
    assert ("of no use for real scans" in write_card(plain, DIGESTS)) == (source == "synthetic")
    assert "so the scores are too high" not in write_card(plain, DIGESTS)
    assert "so the scores are too high" in write_card(leaky, DIGESTS)


@pytest.mark.parametrize("dice", [[float("nan")], [0.5], [float("nan"), float("nan"), 0.5]])
def test_undefined_scores_are_told_as_such(dice: list[float]) -> None:
    facts = make_facts(patients=patients_with(dice))
    card, metadata = write_card(facts, DIGESTS), make_metadata(facts)
    assert "nan" not in card
    assert isinstance(head_of(card), dict)
    assert metadata["eval_metrics"]["dice_ci_low"] is None


def test_metadata_have_the_names_of_monai_and_the_figures_of_the_tables() -> None:
    metadata = make_metadata(make_facts())
    assert metadata["eval_metrics"]["dice_mean"] == 0.71
    assert metadata["operating_point"] == {"threshold": 0.45, "smallest_lesion": 12, "flip": True}
    assert metadata["licence"] == {"code": "Apache-2.0", "weights": "CC-BY-NC-SA-4.0"}
    image = metadata["network_data_format"]["inputs"]["image"]
    assert image["channel_def"] == {"0": "pre-contrast", "1": "flair", "2": "post-contrast"}
    assert {"version", "task", "data_source", "intended_use", "references"} <= set(metadata)
