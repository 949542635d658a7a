"""Tables in the terminal: golden ones at several widths, and laws for all of them."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from brainseg.terminal import printable
from brainseg.text_table import MIN_WIDTH, format_number, format_table, format_text, terminal_width

HEADINGS = ("score", "mean", "95 % interval", "left\nout")
ROWS = [("dice", "0.872", "0.749 to 0.948", "0"), ("binary_cross_entropy_loss", "-", "-", "7")]
GOLDEN = {
    54: """\
                                                  left
score                       mean   95 % interval   out
dice                       0.872  0.749 to 0.948     0
binary_cross_entropy_loss      -               -     7""",
    51: """\
                                               left
score                      mean  95 % interval  out
dice                      0.872 0.749 to 0.948    0
binary_cross_entropy_loss     -              -    7""",
    45: """\
                                         left
score              mean   95 % interval   out
dice              0.872  0.749 to 0.948     0
binary_cross_         -               -     7
entropy_loss""",
    40: """\
score                      mean
dice                      0.872
binary_cross_entropy_         -
loss

                                    left
score                95 % interval   out
dice                0.749 to 0.948     0
binary_cross_entropy_            -     7
loss""",
}


@pytest.mark.parametrize("width", [54, 51, 45])
def test_table_is_narrowed_before_it_is_cut_into_blocks(width: int) -> None:
    assert format_table(HEADINGS, ROWS, width=width) == GOLDEN[width]


def test_blocks_repeat_the_first_column() -> None:
    assert format_table(("site", "patients", "mean Dice"), [("NV", "3", "0.919")], width=24) == (
        "site patients mean Dice\nNV          3     0.919"
    )
    assert format_table(("site", "patients", "mean Dice", "median"), [("NV", "3", "0.919", "0.938")], width=24) == (
        "site  patients\nNV           3\n\nsite  mean Dice  median\nNV        0.919   0.938"
    )


def test_foreign_text_is_escaped_and_markup_is_text() -> None:
    table = format_table(("site", "n"), [("[red]", "1"), ("\x1b[31m", "2"), ("张三", "3")], width=80)
    assert table.splitlines() == ["site      n", "[red]     1", "\\x1b[31m  2", "张三      3"]


cells = st.text(st.characters(exclude_categories=("Z", "Mn", "Me")), min_size=1, max_size=60)


def table_rows(columns: int) -> st.SearchStrategy[list[list[str]]]:
    """Up to five rows, the first of which is the heading."""
    return st.lists(st.lists(cells, min_size=columns, max_size=columns), min_size=1, max_size=5)


@given(st.integers(1, 9).flatmap(table_rows), st.integers(MIN_WIDTH, 200))
def test_no_line_is_wider_and_no_character_is_lost(rows: list[list[str]], width: int) -> None:
    rows[0] = [printable(heading) for heading in rows[0]]
    text = format_table(rows[0], rows[1:], width=width)
    assert all(cell_len(line) <= width for line in text.split("\n"))
    blocks = text.count("\n\n") + 1
    expected = Counter(
        character for row in rows for cell in (*row[:1] * blocks, *row[1:]) for character in printable(cell)
    )
    assert Counter(text.replace("\n", "").replace(" ", "")) == expected


def test_wide_letters_count_twice() -> None:
    assert format_table(("name", "n"), [("张" * 25, "1")], width=24).split("\n") == [
        "name                   n",
        "张" * 10 + "   1",
        "张" * 10,
        "张" * 5,
    ]


@given(st.text(st.characters(exclude_categories=("Z", "C", "Mn", "Me")), min_size=1, max_size=300))
def test_a_long_name_continues_on_the_next_lines(name: str) -> None:
    lines = format_table(("name",), [(name,)], width=30).split("\n")
    assert "".join(lines[1:]) == printable(name)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.8719, 3, "0.872"),
        (9.33577, 3, "9.336"),
        (9.99951, 3, "10.00"),
        (20.0569, 3, "20.06"),
        (67.2857, 3, "67.29"),
        (-12345.6, 3, "-12346"),
        (-0.0136, 3, "-0.014"),
        (math.nan, 3, "-"),
        (0.12345, 4, "0.1235"),
        (21.61909, 4, "21.619"),
    ],
)
def test_numbers_keep_their_width(value: float, digits: int, text: str) -> None:
    assert format_number(value, digits) == text


def test_sign_of_a_difference() -> None:
    assert [format_number(value, 4, sign=True) for value in (0.1, 0.0, -0.1)] == ["+0.1000", "+0.0000", "-0.1000"]


def test_width_is_that_of_the_terminal_or_80(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert terminal_width() == 80  # pytest's output is not a terminal
    for columns, width in (("60", 60), ("1", MIN_WIDTH), ("words", 80)):
        monkeypatch.setenv("COLUMNS", columns)
        assert terminal_width() == width


def test_paragraphs_are_filled_and_commands_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert format_text("\none two\nthree", "x" * 50 + " y") == "one two three\n" + "x" * 50 + "\ny"
    monkeypatch.setenv("COLUMNS", "200")
    assert max(map(len, format_text("word " * 100).splitlines())) <= 100
