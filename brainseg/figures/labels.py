"""Labels beside lines and dots, moved apart where they would overlap."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

TEXT_COLOUR = "0.25"
LINE_SPACING = 1.35  # height of a line of text, as a multiple of the letters' size


@dataclass(frozen=True, kw_only=True)
class Label:
    """A label and the point that it belongs to.

    Attributes:
        x: of the point, in the axes' data units.
        y: likewise.
        text: one or more lines.
        colour: of the line that leads to the point. The text is dark grey, because bright colours are hard to read.
    """

    x: float
    y: float
    text: str
    colour: str


def label_positions(values: Sequence[float], gap: float) -> list[float]:
    """Move labels down where they would overlap.

    Args:
        values: ascending, where the labels belong.
        gap: smallest distance between two labels.

    Returns:
        Positions in the order of `values`: none above its value, and none closer than `gap` to the next.
    """
    positions: list[float] = []
    for value in reversed(values):  # downwards from the highest, above which there is no room
        positions.append(min(value, positions[-1] - gap) if positions else value)
    return positions[::-1]


def draw_labels(axes: Axes, labels: Sequence[Label], *, outside: bool, size: float = 9) -> None:
    """Write labels beside their points, each with a thin line to its point.

    Args:
        axes: with their final limits and scales.
        labels: at most about ten, or they leave the axes at the bottom.
        outside: right of the axes, level with the point; otherwise beside the point, on the side with more room.
        size: of the letters, points.
    """
    to_fraction = axes.transData + axes.transAxes.inverted()
    points = sorted(((*to_fraction.transform((label.x, label.y)), label) for label in labels), key=lambda at: at[1])
    lines = max((label.text.count("\n") + 1 for label in labels), default=1)
    axes_height = axes.get_window_extent().height / axes.figure.dpi * 72  # points
    positions = label_positions([y for _, y, _ in points], lines * size * LINE_SPACING / axes_height)
    for (x, y, label), label_y in zip(points, positions, strict=True):
        left = not outside and x > 0.5
        label_x = 1.03 if outside else x + (-0.02 if left else 0.02)
        axes.annotate(
            label.text,
            (x, y),
            (label_x, label_y),
            xycoords="axes fraction",
            ha="right" if left else "left",
            va="center",
            size=size,
            color=TEXT_COLOUR,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": label.colour,
                "linewidth": 0.8,
                "relpos": (1 if left else 0, 0.5),
                "shrinkA": 0,
                "shrinkB": 3,
            },
        )
