"""Text for the figures: identifiers in any script, and identifiers that are too long for their place."""

import unicodedata
from dataclasses import dataclass
from functools import cache

from matplotlib.font_manager import FontProperties, findfont, get_font

from brainseg.terminal import printable

FONT = "DejaVu Sans"  # comes with matplotlib, so that figures do not depend on the fonts of the computer
MIN_ID_LENGTH = 3  # the first character, an ellipsis and the last
RIGHT_TO_LEFT = ("R", "AL")  # Unicode's classes; matplotlib before 3.11 draws such letters in the wrong order


@dataclass(frozen=True, kw_only=True)
class Title:
    """One line of text around a patient_id, which may have to be shortened.

    Attributes:
        before: text before the patient_id.
        patient_id: the patient's identifier.
        after: text after it.
    """

    before: str = ""
    patient_id: str
    after: str = ""

    def __str__(self) -> str:
        """The whole line, with the identifier as it is."""
        return f"{self.before}{self.patient_id}{self.after}"

    def line(self, count: int) -> str:
        """The whole line as the figures can draw it, with at most `count` characters of the identifier."""
        return f"{self.before}{''.join(shorten(drawable(self.patient_id), count))}{self.after}"


def drawable(text: str) -> list[str]:
    r"""Split text into pieces that the figures' font can draw.

    Args:
        text: for example a patient_id.

    Returns:
        One piece per character: the character, or an escape such as \u5f20 if it has no glyph in `FONT`, is written
        from right to left, or cannot be printed. Without escapes, such characters would be drawn as empty boxes, in the
        wrong order, or not at all.
    """
    glyphs = _glyphs()
    return [
        character
        if ord(character) in glyphs
        and printable(character) == character
        and unicodedata.bidirectional(character) not in RIGHT_TO_LEFT
        else character.encode("unicode_escape").decode()
        for character in unicodedata.normalize("NFC", text)
    ]


def shorten(pieces: list[str], count: int) -> list[str]:
    """Leave out the middle.

    Args:
        pieces: as `drawable` returns them.
        count: the maximum number of pieces, at least MIN_ID_LENGTH.

    Returns:
        At most `count` pieces, one of which is an ellipsis if any were left out.
    """
    if len(pieces) <= count:
        return pieces
    end = (count - 1) // 2
    return [*pieces[: count - 1 - end], "…", *pieces[len(pieces) - end :]]


def fit(text: str, length: int) -> str:
    """Text that can be drawn, with its middle left out if it has more than `length` characters with its escapes."""
    pieces = drawable(text)
    count = len(pieces)
    while count > MIN_ID_LENGTH and len("".join(shorten(pieces, count))) > length:
        count -= 1
    return "".join(shorten(pieces, count))


@cache
def _glyphs() -> frozenset[int]:
    """Code points that the font has both as regular and as bold letters."""
    fonts = (get_font(findfont(FontProperties(family=FONT, weight=weight))) for weight in ("normal", "bold"))
    return frozenset.intersection(*(frozenset(font.get_charmap()) for font in fonts))
