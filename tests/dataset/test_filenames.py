"""Templates of file names, and listing the image files of a folder."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainseg.dataset.filenames import compile_template, list_image_files
from brainseg.errors import UserError
from tests.kaggle_set import KAGGLE

FLAT = "images/{patient_id}_z{slice_number}.png"
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="/"), min_size=1, max_size=12)


@pytest.mark.parametrize("template", [KAGGLE.image, KAGGLE.mask, FLAT, "*/{patient_id}/x{slice_number}.tif"])
@given(patient_id=TEXT, number=st.integers(0, 999_999_999))
def test_names_are_filled_in_and_read_back(template: str, patient_id: str, number: int) -> None:
    name = template.replace("{patient_id}", patient_id).replace("{slice_number}", str(number)).replace("*", "any")
    match = compile_template("image", template, ("patient_id", "slice_number")).fullmatch(name)
    assert match is not None
    assert match["slice_number"] == str(number)
    if "*" not in patient_id:
        assert match["patient_id"] == patient_id


@pytest.mark.parametrize(
    "name",
    [
        "a/b_1.tif",
        "a/a_1.tif/",
        "a/a_.tif",
        "a/a_1_mask.tif",
        "a/a_1xtif",
        "x/a/a_1.tif",
        "a/a_1234567890.tif",
        "a/a_١.tif",
    ],
)
def test_name_that_does_not_fit_is_not_matched(name: str) -> None:
    assert compile_template("image", KAGGLE.image, ("patient_id", "slice_number")).fullmatch(name) is None


@pytest.mark.parametrize(
    "template", ["{patient_id}/{slice}.tif", "{patient_id}/{slice_number.tif", "{site}_{slice_number}"]
)
def test_template_with_an_unknown_placeholder_is_refused(template: str) -> None:
    with pytest.raises(UserError, match=r"data.pattern.image: .*Expected: \{patient_id\}, \{slice_number\}, \*"):
        compile_template("data.pattern.image", template, ("patient_id", "slice_number"))


def test_only_the_outermost_empty_folder_is_listed(tmp_path: Path) -> None:
    (tmp_path / "a/b/c").mkdir(parents=True)
    (tmp_path / "d/e").mkdir(parents=True)
    (tmp_path / "d/1.png").touch()
    assert list_image_files(tmp_path).empty_folders == ("a", "d/e")
