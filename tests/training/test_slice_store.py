"""The slice store returns what was added, with its context, from any thread."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from brainseg.errors import UserError
from brainseg.imaging.head import find_head, skull_stripped
from brainseg.imaging.preprocessing import fit_preprocessing, mirrored, neighbour_positions
from brainseg.imaging.volume import FLAIR, Volume
from brainseg.training.slice_store import SliceStore
from tests.imaging.drawn_head import draw_head


def volume_of(slices: int, height: int, width: int, seed: int) -> Volume:
    rng = np.random.default_rng(seed)
    return Volume(
        patient_id=f"P{seed}",
        image=rng.integers(0, 256, (slices, height, width, 3), dtype=np.uint8),
        mask_true=rng.random((slices, height, width)) < 0.1 * (np.arange(slices) % 2)[:, None, None],
        slice_numbers=np.arange(1, slices + 1),
    )


@pytest.mark.parametrize("context_slices", [0, 1, 2])
def test_slices_are_read_with_the_flair_of_their_neighbours(tmp_path: Path, context_slices: int) -> None:
    """With patients of different sizes; the first and last slice are repeated beyond the ends."""
    volumes = [volume_of(5, 12, 16, 1), volume_of(3, 20, 8, 2)]
    store = SliceStore(tmp_path, context_slices=context_slices, normalisation="brain_zscore")
    stored = [store.add(volume, set(volume.slice_numbers.tolist())) for volume in volumes]
    with ThreadPoolExecutor(4) as threads:
        samples = [list(threads.map(store.read, slices)) for slices in stored]
    for volume, slices, read in zip(volumes, stored, samples, strict=True):
        assert [each.has_tumour for each in slices] == volume.mask_true.any(axis=(1, 2)).tolist()
        for position, sample in enumerate(read):
            np.testing.assert_array_equal(sample.image_and_mask[..., :3], volume.image[position])
            np.testing.assert_array_equal(sample.image_and_mask[..., 3], 255 * volume.mask_true[position])
            neighbours = neighbour_positions(position, len(read), context_slices)
            np.testing.assert_array_equal(sample.context, np.moveaxis(volume.image[neighbours][..., FLAIR], 0, -1))


def test_the_mirrored_flair_is_the_last_channel(tmp_path: Path) -> None:
    volume = volume_of(3, 6, 8, 4)
    store = SliceStore(tmp_path, context_slices=1, normalisation="brain_zscore", contralateral_flair=True)
    sample = store.read(store.add(volume, {2})[0])
    assert sample.context.shape == (6, 8, 3)
    expected = mirrored(
        volume.image[1, ..., FLAIR], find_head(volume.image).mirror_axis, find_head(volume.image).air[FLAIR]
    )
    np.testing.assert_array_equal(sample.context[..., 2], expected)


def test_neighbour_positions_repeat_the_first_and_last_slice() -> None:
    assert neighbour_positions(0, 4, 2) == [0, 0, 1, 2]
    assert neighbour_positions(2, 4, 1) == [1, 3]
    assert neighbour_positions(3, 4, 2) == [1, 2, 3, 3]
    assert neighbour_positions(0, 1, 1) == [0, 0]


def test_statistics_are_of_the_whole_volume_when_only_some_slices_are_used(tmp_path: Path) -> None:
    volume = volume_of(6, 24, 24, 3)
    first, second = SliceStore(tmp_path, context_slices=1, normalisation="brain_zscore").add(volume, {2, 5})
    expected = fit_preprocessing(volume.image, "brain_zscore", "head")
    for stored in (first, second):
        found = stored.patient.preprocessing
        np.testing.assert_array_equal(found.normalisation.offset, expected.normalisation.offset)
        assert (found.box, found.mirror_axis) == (expected.box, expected.mirror_axis)


def test_the_histogram_has_the_mean_and_deviation_of_the_normalisation(tmp_path: Path) -> None:
    image = np.rint(draw_head()).astype(np.uint8)
    volume = Volume(patient_id="P", image=image, mask_true=image[..., 0] > 240, slice_numbers=np.arange(len(image)))
    patient = SliceStore(tmp_path, context_slices=0, normalisation="brain_zscore").add(volume, {0})[0].patient
    assert patient.histogram is not None
    levels = np.arange(256)
    for channel, counts in enumerate(patient.histogram):
        mean = np.average(levels, weights=counts)
        deviation = np.sqrt(np.average((levels - mean) ** 2, weights=counts))
        assert mean == pytest.approx(patient.preprocessing.normalisation.offset[channel], abs=0.1)
        assert deviation == pytest.approx(patient.preprocessing.normalisation.scale[channel], abs=0.1)


def test_a_slice_can_be_read_without_the_skull(tmp_path: Path) -> None:
    """Mask and neighbours too; the preprocessing is that of the whole volume without the skull."""
    image = np.rint(draw_head()).astype(np.uint8)
    mask_true = image[..., 0] > 90
    volume = Volume(patient_id="P", image=image, mask_true=mask_true, slice_numbers=np.arange(len(image)))
    store = SliceStore(tmp_path, context_slices=1, normalisation="brain_zscore", brain_masks=True)
    slices = store.add(volume, set(range(6)))
    plain, stripped = store.read(slices[3]), store.read(slices[3], stripped=True)
    np.testing.assert_array_equal(plain.image_and_mask[..., :3], image[3])
    kept = skull_stripped(image, find_head(image))
    np.testing.assert_array_equal(stripped.image_and_mask[..., :3], image[3] * kept[3, ..., None])
    np.testing.assert_array_equal(stripped.image_and_mask[..., 3], 255 * (mask_true & kept)[3])
    np.testing.assert_array_equal(stripped.context[..., 1], (image[..., FLAIR] * kept)[4])
    np.testing.assert_array_equal(store.read_brain(slices[3]), kept[3])
    expected = fit_preprocessing(image * kept[..., None], "brain_zscore", "head")
    assert stripped.patient.preprocessing.box == expected.box
    assert plain.patient.preprocessing.box.height > expected.box.height


def test_no_file_is_visible_in_the_folder(tmp_path: Path) -> None:
    store = SliceStore(tmp_path / "new", context_slices=0, normalisation="brain_zscore")
    store.add(volume_of(3, 8, 8, 1), {1})
    assert list((tmp_path / "new").iterdir()) == []


def test_a_full_disk_raises_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SliceStore(tmp_path, context_slices=0, normalisation="brain_zscore")

    class Full:
        def write(self, _: bytes) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "_file", Full())
    with pytest.raises(UserError, match=r"no room for the decoded slices of P1.*No space left"):
        store.add(volume_of(3, 8, 8, 1), {1})
