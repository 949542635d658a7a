"""Text for the figures: escapes of what the font lacks, and identifiers shortened in the middle."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainseg.figures.text import Title, drawable, fit, shorten


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TCGA_CS_4941_19960909", "TCGA_CS_4941_19960909"),
        ("Émile Łódź Ωμέγα Иван", "Émile Łódź Ωμέγα Иван"),
        ("E\N{COMBINING ACUTE ACCENT}mile", "Émile"),
        ("张伟_1", r"\u5f20\u4f1f_1"),
        ("สมชาย", r"\u0e2a\u0e21\u0e0a\u0e32\u0e22"),
        ("דוד", r"\u05d3\u05d5\u05d3"),  # the font has these letters, but they run from right to left
        ("a\x1b[31m\N{RIGHT-TO-LEFT OVERRIDE}b\nc", r"a\x1b[31m\u202eb\nc"),
        ("\N{BRAIN}", r"\U0001f9e0"),
        ("", ""),
    ],
)
def test_what_cannot_be_drawn_is_escaped(text: str, expected: str) -> None:
    assert "".join(drawable(text)) == expected


@given(st.text())
def test_nothing_is_lost_and_all_can_be_drawn(text: str) -> None:
    pieces = drawable(text)
    assert len(pieces) == len(unicodedata.normalize("NFC", text))
    assert drawable("".join(pieces)) == list("".join(pieces))


@given(st.lists(st.text(min_size=1, max_size=3), max_size=20), st.integers(3, 10))
def test_shortening_keeps_both_ends(pieces: list[str], count: int) -> None:
    short = shorten(pieces, count)
    assert len(short) == min(count, len(pieces))
    if len(pieces) > count:
        middle = count // 2
        assert short[:middle] == pieces[:middle]
        assert short[middle] == "…"
        assert short[middle + 1 :] == pieces[len(pieces) - (count - middle - 1) :]


def test_text_fits_with_its_escapes() -> None:
    assert fit("TCGA_CS_4941_19960909", 24) == "TCGA_CS_4941_19960909"
    assert fit("x" * 25, 24) == "x" * 12 + "…" + "x" * 11
    assert fit("张伟" * 50, 24) == r"\u5f20\u4f1f…\u4f1f"
    assert fit("张伟", 3) == r"\u5f20\u4f1f"  # both ends are always kept


def test_title_is_shortened_within_the_patient_id_only() -> None:
    title = Title(before="Best of 7: ", patient_id="PATIENT", after=", Dice 0.96")
    assert str(title) == "Best of 7: PATIENT, Dice 0.96"
    assert title.line(7) == title.line(99) == "Best of 7: PATIENT, Dice 0.96"
    assert title.line(6) == "Best of 7: PAT…NT, Dice 0.96"
    assert title.line(3) == "Best of 7: P…T, Dice 0.96"
    assert Title(patient_id="张", after=", slice 1").line(3) == r"\u5f20, slice 1"
