"""Templates of file names."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainseg.dataset.filenames import ANY, PLACEHOLDERS, UNUSABLE, compile_template, normalise
from brainseg.errors import UserError
from tests.kaggle_set import KAGGLE

FLAT = "images/{patient_id}_z{slice_number}.png"
IDENTIFIERS = ("patient_id", "slice_number")
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=12).map(normalise)
TEMPLATES = st.lists(
    st.sampled_from(["*", "a", "b", "1", "/", "{patient_id}", "{slice_number}"]), min_size=2, max_size=9
)


@pytest.mark.parametrize("template", [KAGGLE.image, KAGGLE.mask, FLAT, "*/{patient_id}/x{slice_number}.tif"])
@given(patient_id=TEXT.filter(lambda text: not UNUSABLE.search(text)), number=st.integers(0, 999_999_999))
def test_names_are_filled_in_and_read_back(template: str, patient_id: str, number: int) -> None:
    name = template.replace("{patient_id}", patient_id).replace("{slice_number}", str(number)).replace("*", "any")
    match = compile_template("image", template, IDENTIFIERS).fullmatch(name)
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
        "a\u202e/a\u202e_1.tif",
        "a\x85/a\x85_1.tif",
        "a\u2066/a\u2066_1.tif",
        "a\x1b/a\x1b_1.tif",
    ],
)
def test_name_that_does_not_fit_is_not_matched(name: str) -> None:
    assert compile_template("image", KAGGLE.image, IDENTIFIERS).fullmatch(name) is None


@pytest.mark.parametrize(
    "template", ["{patient_id}/{slice}.tif", "{patient_id}/{slice_number.tif", "{site}_{slice_number}", "}site{"]
)
def test_template_with_an_unknown_placeholder_is_refused(template: str) -> None:
    with pytest.raises(UserError, match=r"data.pattern.image: .*Expected: \{patient_id\}, \{slice_number\}, \*"):
        compile_template("data.pattern.image", template, IDENTIFIERS)


def naive(template: str) -> re.Pattern[str]:
    """The plain expression, which may take a time that grows as a power of the number of *."""
    expression, seen = "", set()
    for part in re.split(r"(\{[^{}]*\}|\*+)", template):
        name = part[1:-1]
        if part.startswith("*"):
            expression += ANY
        elif part.startswith("{"):
            expression += f"(?P={name})" if name in seen else f"(?P<{name}>{PLACEHOLDERS[name]})"
            seen.add(name)
        else:
            expression += re.escape(part)
    return re.compile(expression)


@settings(max_examples=500)
@given(parts=TEMPLATES, name=st.text("ab1/", min_size=1, max_size=12))
def test_names_are_read_as_by_the_plain_expression(parts: list[str], name: str) -> None:
    template = "".join(parts)
    expected = naive(template).fullmatch(name)
    actual = compile_template("image", template, IDENTIFIERS).fullmatch(name)
    assert (actual and actual.groupdict()) == (expected and expected.groupdict())


@pytest.mark.parametrize(
    "template",
    [
        "*" * 40 + FLAT,
        "*a" * 40 + "{patient_id}*{slice_number}.png",
        "*{patient_id}*{slice_number}*x.png",
        "*1*" + FLAT,
    ],
)
@pytest.mark.parametrize("name", ["a" * 250, "1" * 250, "a1" * 125, "/".join(["1a" * 50] * 20)])
def test_many_stars_and_a_long_name_that_does_not_fit_come_to_an_end(template: str, name: str) -> None:
    """The plain expression takes minutes to centuries."""
    assert compile_template("image", template, IDENTIFIERS).fullmatch(name) is None


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_template_and_name_may_differ_in_unicode_form(form: str) -> None:
    rule = compile_template(
        "image", unicodedata.normalize(form, "Schädel/{patient_id}_{slice_number}.png"), IDENTIFIERS
    )
    for other in ("NFC", "NFD"):
        match = rule.fullmatch(normalise(unicodedata.normalize(other, "Schädel/Müller_1.png")))
        assert match is not None
        assert match["patient_id"] == unicodedata.normalize("NFC", "Müller")
