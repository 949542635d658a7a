"""Outlining an array, the measures of an outline, and its picture."""

from pathlib import Path

import numpy as np
import pytest

from brainseg.apply import network as network_module
from brainseg.apply.measures import COLUMNS, measure
from brainseg.apply.overlay import _choose_slices, draw_overlay
from brainseg.apply.segmenter import load_segmenter
from brainseg.errors import UserError
from brainseg.imaging.volume import FLAIR
from brainseg.model.saving import save_model
from brainseg.model.unet import build_unet
from brainseg.prediction.operating_point import OperatingPoint, write_operating_point
from brainseg.scans.grid import Grid
from brainseg.scans.scan import Scan, Source
from tests.apply.bright_model import head_with_lesion, segmenter


def test_a_missing_channel_is_filled_with_flair_whatever_is_in_it() -> None:
    image = np.repeat(head_with_lesion()[..., None], 3, axis=-1)
    expected = segmenter().segment(image)
    image[..., 0] = -5
    found = segmenter().segment(image, missing=("pre-contrast",))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 8, 8)), np.zeros((4, 8, 8, 3), np.complex64), np.full((4, 8, 8, 3), np.nan)]
)
def test_arrays_that_are_no_scan_are_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="image: expected"):
        segmenter().segment(image)


def test_a_model_of_ones_own_is_loaded_with_its_operating_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_module, "configure", lambda _: None)  # other tests have started TensorFlow already
    card = segmenter().network.card
    save_model(tmp_path / "unet.keras", build_unet(input_size=64, filters=2, dropout=0.0), card)
    write_operating_point(tmp_path / "operating_point.json", OperatingPoint(threshold=0.4, smallest_lesion=7))
    for path in (tmp_path, tmp_path / "unet.keras"):
        assert load_segmenter(path).point == OperatingPoint(threshold=0.4, smallest_lesion=7)
    assert load_segmenter(tmp_path, threshold=0.3).point == OperatingPoint(threshold=0.3, smallest_lesion=7)
    with pytest.raises(UserError, match=r"expected a \.onnx, \.xml or \.keras file"):
        load_segmenter(tmp_path / "nothing")


def test_measures_of_a_drawn_mask() -> None:
    mask = np.zeros((4, 8, 8), np.bool_)
    mask[1, 2:4, 3:6] = True
    mask[3, 7, 7] = True
    grid = Grid(shape=(8, 8, 4), affine=np.diag([-1.0, -1.0, 5.0, 1.0]))
    source = Source(kind="nifti", paths=(Path("a.nii"),))
    scan = Scan(case_id="a", image=np.zeros((4, 8, 8, 3)), grid=grid, source=source, missing=("pre-contrast",))
    row = measure(scan, mask, mask.astype(np.float32) * np.float32(0.75))
    assert tuple(row) == COLUMNS
    expected = {
        "volume_ml": 0.035,
        "voxels": 7,
        "lesions": 2,
        "largest_lesion_voxels": 6,
        "slices_with_tumour": 2,
        "centroid": "4.4 3.1 1.3",
        "bounding_box": "3:8 2:8 1:4",
        "touches_border": True,
        "mean_probability_inside": 0.75,
        "sequences": "flair post-contrast",
        "doubt": round(1 - 2 * 0.75 / 1.75, 4),
        "doubt_reasons": "vague margin; only 2 slices",
        "dice": None,
    }
    assert {name: row[name] for name in expected} == expected
    empty = measure(scan, np.zeros_like(mask), np.zeros(mask.shape, np.float32))
    assert (empty["volume_ml"], empty["centroid"], empty["lesions"]) == (0, None, 0)


def test_an_overlay_shows_slices_with_tumour_and_their_neighbours() -> None:
    assert _choose_slices(np.array([0, 0, 5, 9, 0, 0])).tolist() == [1, 2, 3, 4]
    assert _choose_slices(np.zeros(3, np.int64)).tolist() == [0, 1, 2]
    assert _choose_slices(np.arange(40)).tolist() == list(range(28, 40))
    image = np.repeat(head_with_lesion()[..., None], 3, axis=-1)
    scan = Scan(
        case_id="a", image=image, grid=Grid(shape=image.shape[:3]), source=Source(kind="slices", paths=(Path("a.png"),))
    )
    mask = np.zeros(image.shape[:3], np.bool_)
    assert draw_overlay(scan, mask) != draw_overlay(scan, image[..., FLAIR] == 1500)
