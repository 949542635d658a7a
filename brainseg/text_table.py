"""Tables and paragraphs for the terminal, whole at any width: what is too wide continues below, and nothing is cut."""

import math
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from rich.cells import cell_len

from brainseg.terminal import printable

DEFAULT_WIDTH = 80  # characters per line where the output is not a terminal
MIN_WIDTH = 24  # narrower terminals wrap the lines themselves
MAX_TEXT_WIDTH = 100  # of paragraphs; longer lines are hard to read
# Characters that the first column keeps: at least, if another column is as wide as the terminal; if all columns then
# stay side by side; and otherwise.
FIRST_AT_LEAST, FIRST_IN_ONE_BLOCK, FIRST_USUAL = 12, 16, 24
GAP = 2  # spaces between two columns; 1 if the table then fits the width
BREAKS = " _-/."  # a name is continued on the next line after one of these, if one is near the end


def terminal_width() -> int:
    """Characters per line of the terminal, or of the environment variable COLUMNS; 80 if there is neither."""
    return max(MIN_WIDTH, shutil.get_terminal_size((DEFAULT_WIDTH, 0)).columns)


def format_text(*paragraphs: str) -> str:
    """Fill paragraphs to the terminal's width, without blank lines between them; line breaks inside count as spaces."""
    width = min(terminal_width(), MAX_TEXT_WIDTH)
    wrapper = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
    return "\n".join(wrapper.fill(text.strip()) for text in paragraphs)


def format_number(value: float, digits: int = 3, *, sign: bool = False) -> str:
    """Format a number with `digits` decimals, and with one fewer for each digit before the point after the first.

    Args:
        value: NaN becomes "-".
        digits: decimals of a value below 10.
        sign: whether to write + before a positive value.
    """
    if math.isnan(value):
        return "-"
    before = len(f"{abs(value):.{digits}f}".partition(".")[0])
    return f"{value:{'+' if sign else ''}.{max(digits + 1 - before, 0)}f}"


def format_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, width: int | None = None) -> str:
    """Lay out a table; the first column is aligned on the left, the others on the right.

    A table that is too wide is written in blocks, one below the other, each with the first column. A cell that is too
    long even then is continued on the next line.

    Args:
        headings: one per column; may contain line breaks.
        rows: as many cells as headings; may hold foreign text, which is escaped.
        width: characters per line; None: `terminal_width`.

    Returns:
        Lines of at most `width` characters, without a line break at the end.
    """
    width = max(MIN_WIDTH, terminal_width() if width is None else width)
    texts = [[printable(cell) for cell in row] for row in rows]
    columns = [[heading.split("\n"), *([row[position]] for row in texts)] for position, heading in enumerate(headings)]
    sizes = [max(cell_len(line) for cell in column for line in cell) for column in columns]
    for gap in (GAP, 1):
        if sum(sizes) + gap * (len(sizes) - 1) <= width:
            return _block(columns, sizes, gap)
    others = sizes[1:]
    one_block = width - sum(others) - GAP * len(others)
    if one_block >= FIRST_IN_ONE_BLOCK:
        first = one_block
    else:
        beside_widest = max(FIRST_AT_LEAST, width - GAP - max(others, default=0))
        first = min(sizes[0], max(FIRST_USUAL, width // 3), beside_widest)
    sizes = [first, *(min(size, width - GAP - first) for size in others)]
    blocks = [[0]]
    used = first
    for position, size in enumerate(sizes[1:], start=1):
        if used + GAP + size > width:
            blocks.append([0])
            used = first
        blocks[-1].append(position)
        used += GAP + size
    return "\n\n".join(
        _block([columns[position] for position in block], [sizes[position] for position in block], GAP)
        for block in blocks
    )


def _block(columns: Sequence[Sequence[Sequence[str]]], sizes: Sequence[int], gap: int) -> str:
    """Write columns side by side; the first cell of each is its heading, aligned at the bottom."""
    lines = []
    for number, row in enumerate(zip(*columns, strict=True)):
        cells = [[piece for line in cell for piece in _fold(line, size)] for cell, size in zip(row, sizes, strict=True)]
        if number == 0:
            pieces = list(zip_longest(*(reversed(cell) for cell in cells), fillvalue=""))[::-1]
        else:
            pieces = list(zip_longest(*cells, fillvalue=""))
        for first, *others in pieces:
            line = first + " " * (sizes[0] - cell_len(first))
            for piece, size in zip(others, sizes[1:], strict=True):
                line += " " * (gap + size - cell_len(piece)) + piece
            lines.append(line.rstrip())
    return "\n".join(lines)


def _fold(text: str, size: int) -> list[str]:
    """Cut text into pieces of at most `size` characters, after one of `BREAKS` if it is in the second half."""
    pieces, start, used = [], 0, 0
    for position, character in enumerate(text):
        used += cell_len(character)
        if used > size and position > start:
            cut = max(text.rfind(mark, (start + position) // 2, position) + 1 for mark in BREAKS) or position
            pieces.append(text[start:cut])
            start, used = cut, cell_len(text[cut : position + 1])
    return [*pieces, text[start:]]
