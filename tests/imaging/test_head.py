"""Finding the head, its box, its midline and the brain in drawn volumes."""

import cv2
import numpy as np
import pytest

from brainseg.imaging.head import GRID, MARGIN, Head, brain_values, deep_inside, find_head, head_mask, skull_stripped
from tests.imaging.drawn_head import draw_head

IMAGE = draw_head()
EXTENT = 2 * 0.36 * 128  # of the largest slice along the rows, pixels


def box_of(head: Head) -> np.ndarray:
    return np.array([head.box.top, head.box.left, head.box.height, head.box.width])


def test_the_box_is_a_square_around_the_head_and_the_midline_is_in_its_middle() -> None:
    head = find_head(IMAGE)
    assert head.box.height == head.box.width
    assert 0.92 * EXTENT < head.box.height < (1 + MARGIN) * EXTENT + 2
    assert head.box.top + head.box.height / 2 == pytest.approx(0.5 * 128, abs=1)
    assert head.box.left + head.box.width / 2 == (head.mirror_axis + 1) / 2 == pytest.approx(0.48 * 128, abs=1)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("8 bit", IMAGE.astype(np.uint8)),
        ("12 bit", (IMAGE * 16).astype(np.uint16)),
        ("negative", (IMAGE * 10 - 1000).astype(np.int16)),
        ("float", (IMAGE / 255).astype(np.float32)),
        ("float with an offset", (IMAGE * 3 + 500).astype(np.float32)),
    ],
)
def test_the_box_and_the_brain_do_not_depend_on_the_numeric_type(name: str, changed: np.ndarray) -> None:
    head, expected = find_head(changed), find_head(IMAGE)
    np.testing.assert_allclose(box_of(head), box_of(expected), atol=0.3, err_msg=name)
    assert abs(len(brain_values(changed, head)) / len(brain_values(IMAGE, expected)) - 1) < 0.01


def with_table(image: np.ndarray) -> np.ndarray:
    image[:, 118:120, 20:108] = 150
    return image


def with_ear(image: np.ndarray) -> np.ndarray:
    image[2:4, 60:68, 98:108] = 180
    return image


def with_noise(image: np.ndarray) -> np.ndarray:
    return image + np.abs(np.random.default_rng(1).normal(0, 10, image.shape))


def with_hot_voxel(image: np.ndarray) -> np.ndarray:
    image[1, 3, 3] = 1e6
    return image


@pytest.mark.parametrize("change", [with_table, with_ear, with_noise, with_hot_voxel])
def test_table_ear_noise_and_a_hot_voxel_do_not_move_the_box(change: object) -> None:
    assert callable(change)
    np.testing.assert_allclose(box_of(find_head(change(IMAGE.copy()))), box_of(find_head(IMAGE)), atol=1.5)


@pytest.mark.parametrize("size", [64, 192, 256])
def test_the_box_scales_with_the_size_of_a_pixel(size: int) -> None:
    resized = np.stack([cv2.resize(plane, (size, size), interpolation=cv2.INTER_AREA) for plane in IMAGE])
    np.testing.assert_allclose(box_of(find_head(resized)) / size, box_of(find_head(IMAGE)) / 128, atol=0.012)


def test_the_box_follows_the_head_and_may_reach_beyond_the_slice() -> None:
    moved = draw_head(centre=(0.36, 0.25))
    first, second = find_head(IMAGE), find_head(moved)
    assert second.box.left < 0
    assert second.mirror_axis == pytest.approx(2 * 0.25 * 128 - 1, abs=3)
    assert second.box.top - first.box.top == pytest.approx(-0.14 * 128, abs=1.5)


@pytest.mark.parametrize("value", [0, 7, -3.5])
def test_a_constant_volume_is_all_head_in_a_square_box(value: float) -> None:
    head = find_head(np.full((1, 40, 60, 3), value))
    np.testing.assert_allclose(box_of(head), [20 - 33, 30 - 33, 66, 66], atol=2)
    assert head.mirror_axis == 59
    assert head_mask(np.full((1, 40, 60, 3), value)).all()


def test_noise_without_a_head_gives_some_box_in_the_slice() -> None:
    head = find_head(np.random.default_rng(0).normal(0, 5, (3, 64, 64, 3)))
    assert 16 <= head.box.height <= 64 * (1 + MARGIN)


def test_one_slice_is_enough() -> None:
    assert box_of(find_head(IMAGE[3:4]))[2] == pytest.approx(box_of(find_head(IMAGE))[2], rel=0.12)


def test_head_is_decided_by_flair_alone() -> None:
    """As other sequences may be missing, or have a background that is not black."""
    changed = IMAGE.copy()
    changed[..., 0] = 120
    changed[..., 2] = IMAGE[..., 1]
    np.testing.assert_array_equal(head_mask(changed), head_mask(IMAGE))
    np.testing.assert_array_equal(box_of(find_head(changed)), box_of(find_head(IMAGE)))


def test_brain_has_neither_scalp_nor_skull() -> None:
    values = brain_values(IMAGE, find_head(IMAGE))
    assert len(values) > 0.1 * len(IMAGE) * GRID**2
    assert values.min() > 40
    assert values.max() < 140


def test_a_thin_head_is_brain_as_a_whole() -> None:
    image = np.zeros((1, 64, 64, 3))
    image[0, 20:44, 32] = 100
    values = brain_values(image, find_head(image))
    assert len(values)


def test_deep_inside_includes_dark_ventricles() -> None:
    head = np.zeros((1, 50, 50), np.bool_)
    head[0, 5:45, 10:40] = True
    head[0, 20:30, 20:30] = False  # dark and inside the head
    head[0, 2, 2] = True  # a speck in the air
    expected = np.zeros((50, 50), np.bool_)
    expected[9:41, 14:36] = True
    np.testing.assert_array_equal(deep_inside(head, 4)[0], expected)


def test_skull_stripping_keeps_the_brain_with_its_ventricles_and_nothing_else() -> None:
    image = IMAGE.copy()
    image[3, 60:68, 56:66] = 0  # a ventricle
    kept = skull_stripped(image, find_head(image))
    assert kept[3, 60:68, 56:66].all()
    assert not (kept & (IMAGE[..., 1] > 150)).any()  # scalp
    brain = (IMAGE[..., 1] > 40) & (IMAGE[..., 1] < 150)
    assert (kept & brain).sum() > 0.75 * brain.sum()
