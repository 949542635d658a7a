"""Which slices and patients the figures show: random slices by seed, three patients, evenly spaced slices."""

import numpy as np
import pandas as pd
import pytest

from brainseg.evaluation.cases import Case
from brainseg.figures.selection import (
    SlicePrediction,
    choose_patients,
    evenly_spaced,
    sample_tumour_slices,
    select_slices,
    slice_predictions,
)
from brainseg.imaging.preprocessing import fit_preprocessing
from brainseg.imaging.volume import Volume
from brainseg.prediction.operating_point import OperatingPoint

POINT = OperatingPoint(threshold=0.5, smallest_lesion=0)


def index_rows(pixels: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"patient_id": "a", "slice_number": range(1, len(pixels) + 1), "tumour_pixels": pixels})


def patients(*dices: float) -> pd.DataFrame:
    rows = [(f"p{number}", dice, 1000 * number, 7) for number, dice in enumerate(dices)]
    table = pd.DataFrame(rows, columns=["patient_id", "dice", "tumour_pixels", "predicted_pixels"])
    return table.astype({"dice": "float64"})


def slices(true: list[bool], predicted: list[bool]) -> list[SlicePrediction]:
    """Make one slice of a single pixel for each pair."""

    def dice(is_true: bool, is_predicted: bool) -> float:
        return float(is_true and is_predicted) if is_true or is_predicted else np.nan

    return [
        SlicePrediction(
            patient_id="a",
            slice_number=number,
            flair=np.zeros((1, 1), np.uint8),
            mask_true=np.full((1, 1), is_true),
            probability=np.full((1, 1), float(is_predicted), np.float32),
            mask_pred=np.full((1, 1), is_predicted),
            threshold=0.5,
            dice=dice(is_true, is_predicted),
        )
        for number, (is_true, is_predicted) in enumerate(zip(true, predicted, strict=True), start=1)
    ]


def case(patient_id: str, count: int = 5, size: int = 32) -> Case:
    """Make a patient with 96 tumour pixels in each of slices 2 and 3, of which 72 are predicted."""
    mask_true = np.zeros((count, size, size), np.bool_)
    mask_true[1:3, 8:16, 8:20] = True
    probability = np.full(mask_true.shape, 0.25, np.float32)
    probability[1:3, 8:16, 8:17] = 0.75
    image = np.random.default_rng(1).integers(20, 120, (*mask_true.shape, 3), dtype=np.uint8)
    return Case(
        site="CS",
        volume=Volume(patient_id=patient_id, image=image, mask_true=mask_true, slice_numbers=np.arange(1, count + 1)),
        probability=probability,
        head=np.ones_like(mask_true),
        normalisation=fit_preprocessing(image, "brain_zscore", "head").normalisation,
    )


def test_tumour_slices_are_sampled_by_seed() -> None:
    rows = index_rows([0, 5, 0, 7] * 10)
    sampled = sample_tumour_slices(rows, count=10, seed=21)
    assert len(sampled) == sampled["slice_number"].nunique() == 10
    assert (sampled["tumour_pixels"] > 0).all()
    assert sampled["slice_number"].is_monotonic_increasing
    assert sampled.equals(sample_tumour_slices(rows, count=10, seed=21))
    assert not sampled.equals(sample_tumour_slices(rows, count=10, seed=22))


def test_sampled_slices_are_spread_over_the_patients() -> None:
    """Patients with 1, 3, 20 and 20 tumour slices; each has as many slices as the others as long as it has any left."""
    counts = {"a": 1, "b": 3, "c": 20, "d": 20, "e": 0}
    rows = pd.DataFrame(
        [(patient_id, number, int(number <= count)) for patient_id, count in counts.items() for number in range(1, 25)],
        columns=["patient_id", "slice_number", "tumour_pixels"],
        index=[0] * 24 * 5,
    )
    expected = {2: (1, 1), 4: (1, 1, 1, 1), 7: (1, 2, 2, 2), 10: (1, 3, 3, 3), 12: (1, 3, 4, 4), 44: (1, 3, 20, 20)}
    chosen = set()
    for count, numbers in expected.items():
        for seed in range(10):
            sampled = sample_tumour_slices(rows, count=count, seed=seed)
            assert tuple(sorted(sampled["patient_id"].value_counts())) == numbers
            if count == 2:
                chosen |= set(sampled["patient_id"])
    assert chosen == set("abcd")  # another seed also draws other patients


@pytest.mark.parametrize(("pixels", "expected"), [([0, 3, 0, 1], [2, 4]), ([0, 0], []), ([], [])])
def test_all_tumour_slices_are_taken_if_there_are_too_few(pixels: list[int], expected: list[int]) -> None:
    assert sample_tumour_slices(index_rows(pixels), count=10, seed=1)["slice_number"].tolist() == expected


@pytest.mark.parametrize(
    ("dices", "expected"),
    [
        ([0.5, 0.9, 0.1], [("p1", "Best of 3"), ("p0", "Median of 3"), ("p2", "Worst of 3")]),
        ([0.1, 0.4, 0.2, 0.3], [("p1", "Best of 4"), ("p2", "Median of 4"), ("p0", "Worst of 4")]),
        ([np.nan, 0.9, 0.1, np.nan], [("p1", "Best of 2"), ("p2", "Worst of 2")]),
        ([0.0, np.nan], [("p0", "Only patient")]),
        ([0.5, 0.5, 0.5], [("p0", "Best of 3"), ("p1", "Median of 3"), ("p2", "Worst of 3")]),
        ([np.nan], []),
        ([], []),
    ],
)
def test_best_median_and_worst_patient_are_chosen(dices: list[float], expected: list[tuple[str, str]]) -> None:
    titles = choose_patients(patients(*dices))
    assert [(patient_id, title.before.split(":")[0]) for patient_id, title in titles.items()] == expected


def test_title_names_the_patient_its_dice_and_its_volumes() -> None:
    titles = choose_patients(patients(0.123, 0.877))
    assert str(titles["p1"]) == "Best of 2: p1, Dice 0.88, true volume 1,000 voxels, predicted 7"


def test_slices_are_evenly_spaced_through_the_tumour() -> None:
    true = [False] * 3 + [True] * 10 + [False] * 3
    assert [chosen.slice_number for chosen in evenly_spaced(slices(true, [True] * 16))] == [5, 7, 9, 11, 13]
    assert [chosen.slice_number for chosen in evenly_spaced(slices(true[:6], [True] * 6))] == [4, 5, 6]
    assert [chosen.slice_number for chosen in evenly_spaced(slices([False] * 3, [False, True, False]))] == [2]
    assert evenly_spaced(slices([False], [False])) == []


def test_dice_of_an_empty_slice_is_undefined() -> None:
    empty, right, wrong = slices([False, True, True], [False, True, False])
    assert (empty.title, right.title) == ("slice 1, Dice undefined", "slice 2, Dice 1.00")
    assert wrong.title == "slice 3, Dice 0.00"


def test_slices_have_their_own_probability_maps() -> None:
    predictions = slice_predictions(case("a"), POINT)
    assert [prediction.slice_number for prediction in predictions] == [1, 2, 3, 4, 5]
    assert [bool(prediction.mask_pred.any()) for prediction in predictions] == [False, True, True, False, False]
    assert predictions[2].title == "slice 3, Dice 0.86"  # 2 * 72 / (96 + 72)


@pytest.mark.parametrize(("smallest_lesion", "kept"), [(144, True), (145, False)])
def test_lesions_too_small_in_the_whole_volume_are_dropped(smallest_lesion: int, kept: bool) -> None:
    """The predicted rectangle has 72 pixels in each of two slices."""
    predictions = slice_predictions(case("a"), OperatingPoint(threshold=0.5, smallest_lesion=smallest_lesion))
    assert bool(predictions[2].mask_pred.any()) == kept


def test_large_slices_are_shrunk_and_their_dice_is_that_of_their_own_grid() -> None:
    large = case("a", size=1024)
    predictions = slice_predictions(large, POINT)
    for array in (predictions[1].flair, predictions[1].mask_true, predictions[1].probability, predictions[1].mask_pred):
        assert array.shape == (256, 256)
    assert predictions[1].dice == pytest.approx(6 / 7)
    assert np.isnan(predictions[0].dice)
    assert predictions[1].mask_true.sum() == 96 / 16
    assert predictions[1].mask_pred.sum() == 96 / 16  # its last column, 16, is drawn as columns 16 to 19


def test_select_slices_keeps_the_slices_to_draw_and_no_volume() -> None:
    sampled = pd.DataFrame({"patient_id": ["a", "c"], "slice_number": [3, 1]})
    samples, spaced = select_slices(map(case, "abc"), POINT, sampled=sampled, patients=["b", "x"])
    assert [(sample.patient_id, sample.slice_number) for sample in samples] == [("a", 3), ("c", 1)]
    assert list(spaced) == ["b", "x"]
    assert [chosen.slice_number for chosen in spaced["b"]] == [2, 3]
    assert spaced["x"] == []  # not among the cases
    for kept in (*samples, *spaced["b"]):
        for array in (kept.flair, kept.mask_true, kept.probability, kept.mask_pred):
            assert array.base is None  # a view would hold the volume in memory
