"""Scans that are acquired again in another way."""

import numpy as np
import pandas as pd
import pytest

from studies.resliced_scans import ACQUISITIONS, SLICE_MM, acquire, false_alarms, outline_again, summarise_alarms

IMAGE = np.random.default_rng(0).integers(0, 255, (7, 20, 30, 3)).astype(np.uint8)


@pytest.mark.parametrize("name", ["axial, 1 mm", "sagittal, 1 mm", "coronal, 1 mm"])
def test_thin_slices_are_the_same_for_the_network_in_whatever_plane(name: str) -> None:
    """Each original slice is among them, compared with its original neighbours."""
    stored, grid = acquire(IMAGE, ACQUISITIONS[name])
    turned = grid.to_network(stored)
    np.testing.assert_array_equal(turned[:: grid.slice_step], IMAGE)
    np.testing.assert_allclose(turned[1], 0.8 * IMAGE[0] + 0.2 * IMAGE[1], atol=1e-3)
    assert grid.spacing_mm == (1, 1, 1)
    assert grid.slice_step == SLICE_MM


@pytest.mark.parametrize(("name", "axis"), [("sagittal, 5 mm", 2), ("coronal, 5 mm", 1)])
def test_thick_slices_average_five_pixels(name: str, axis: int) -> None:
    stored, grid = acquire(IMAGE, ACQUISITIONS[name])
    assert grid.resampled
    first = IMAGE[0].take(range(5), axis=axis - 1).mean(axis=axis - 1)
    np.testing.assert_allclose(stored[0, 0], first, atol=1e-3)


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_maps_come_back_to_the_original_slices(name: str) -> None:
    """With a prediction that is the red channel."""
    seen = []

    def predict(image: np.ndarray, positions: np.ndarray, slice_step: int) -> np.ndarray:
        seen.append(slice_step)
        return image[positions][..., 0].astype(np.float32)

    smooth = np.add.outer(np.arange(7.0), np.add.outer(np.arange(20.0), np.arange(30.0)))
    image = np.repeat(smooth[..., None], 3, axis=-1)
    maps = outline_again(predict, image, ACQUISITIONS[name])
    assert np.abs(maps - smooth).max() <= (2.1 if "5 mm" in name else 0)
    assert seen == [1 if name in ("unaltered", "axial, 1 mm, next slice as neighbour") else SLICE_MM]


def test_false_alarms_are_counted_in_slices_without_tumour() -> None:
    mask_true, mask_pred = np.zeros((2, 4, 3, 3), np.bool_)
    mask_true[0, 0, 0] = True
    mask_pred[0], mask_pred[2, 1, :2] = True, True
    alarms = false_alarms(mask_true, mask_pred)
    assert alarms == {"free_slices": 3, "alarmed_slices": 1, "alarmed_voxels": 2}
    more = {"free_slices": 1, "alarmed_slices": 0, "alarmed_voxels": 0}
    rows = [{"patient_id": name, "alteration": "unaltered", **each} for name, each in (("a", alarms), ("b", more))]
    (row,) = summarise_alarms(pd.DataFrame(rows)).to_dict("records")
    assert (row["with an outline"], row["voxels per slice"]) == (0.25, 0.5)
    assert row["worst patient"] == pytest.approx(2 / 3)
