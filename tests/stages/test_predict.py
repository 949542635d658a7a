"""The stage predict: maps of the test patients with each of the withheld sequences replaced by FLAIR."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainseg.dataset.index import index_folder
from brainseg.files import write_table
from brainseg.params import DataParams, load_params
from brainseg.prediction.probability_maps import read_probabilities
from stages import predict
from tests.project import ROOT


def test_test_patients_are_predicted_with_sequences_withheld(
    tiny_data: DataParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    index = index_folder(tiny_data)
    first, second, third = sorted(set(index["patient_id"]))
    subsets = {first: "train", second: "validation", third: "test"}
    write_table(Path("data/index.csv"), index)
    write_table(
        Path("data/split.csv"),
        index[["patient_id", "slice_number"]].assign(subset=index["patient_id"].map(subsets)),
    )

    def first_value_of_each_channel(model: object, card: object, volume: Any, numbers: list[int], **_: Any) -> Any:
        weights = np.array([100, 10, 1]) / 1e5
        grey = (volume.image[:, 0, 0] * weights).sum(axis=-1).astype(np.float32)
        return np.broadcast_to(grey[:, None, None], volume.mask_true.shape)

    monkeypatch.setattr(predict, "configure", lambda _: None)  # other tests have started TensorFlow already
    monkeypatch.setattr("brainseg.prediction.inference.predict_volume", first_value_of_each_channel)
    monkeypatch.setattr("brainseg.model.saving.load_model", lambda _: (None, None))
    params = load_params(ROOT / "params.yaml").model_copy(update={"data": tiny_data})
    predict.main(params, argparse.Namespace(out=Path()))

    from brainseg.imaging.stack import read_volume

    image = read_volume(index[index["patient_id"] == third], Path(tiny_data.root)).image[:, 0, 0].astype(float)
    pre, flair, post = image.T
    expected = {
        "": 100 * pre + 10 * flair + post,
        "flair_alone": 111 * flair,
        "without_pre_contrast": 110 * flair + post,
        "without_post_contrast": 100 * pre + 11 * flair,
    }
    for name, values in expected.items():
        maps, numbers = read_probabilities(Path("data/predictions") / name / f"{third}.npz")
        assert numbers.tolist() == [1, 2, 3, 4, 5]
        np.testing.assert_allclose(maps[:, 0, 0], values / 1e5, rtol=2e-3)
    written = {path.relative_to("data/predictions").as_posix() for path in Path("data/predictions").rglob("*.npz")}
    assert written == {f"{second}.npz", *(f"{name}/{third}.npz".lstrip("/") for name in expected)}
