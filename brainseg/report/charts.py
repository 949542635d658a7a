"""Charts as the templates draw them: positions in percent, so that a chart fills any width and text keeps its size."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

STEPS = (1, 2, 2.5, 5, 10)  # between ticks, times a power of ten
LOG_TICKS = (1, 2, 5)
LOG_RATIO = 10  # between the largest and the smallest value; from here on, a linear axis would flatten a curve


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis of a chart.

    Attributes:
        low: value at the left or at the bottom.
        high: value at the right or at the top; above `low`.
        ticks: values that are labelled.
        label: what is shown, with its unit.
        log: whether the axis is logarithmic; `low` is then above 0.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    label: str
    log: bool = False

    def percent(self, value: float) -> float:
        """Position of a value: 0 at `low`, 100 at `high`, with two decimals."""
        low, high, value = (math.log(end) if self.log else end for end in (self.low, self.high, value))
        return round(100 * (value - low) / (high - low), 2)

    @property
    def labelled(self) -> list[tuple[float, str]]:
        """Position and text of each tick."""
        return [(self.percent(tick), f"{tick:,.0f}" if abs(tick) >= 1000 else f"{tick:g}") for tick in self.ticks]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line through points; `style` is its class in the style sheet, `name` its entry in the legend."""

    points: Sequence[tuple[float, float]]
    style: str
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A dot; `title` is shown when the pointer rests on it, `link` is where it leads, such as "#patient-3"."""

    x: float
    y: float
    style: str
    title: str
    link: str = ""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart.

    Attributes:
        title: its heading.
        text: one or two sentences below the heading.
        x: horizontal axis.
        y: vertical axis.
        lines: drawn first.
        dots: drawn above the lines.
        legend: (style, name) of dots; lines are added by their names.
    """

    title: str
    text: str
    x: Axis
    y: Axis
    lines: Sequence[Line] = ()
    dots: Sequence[Dot] = ()
    legend: Sequence[tuple[str, str]] = field(default=())

    @property
    def polylines(self) -> list[tuple[str, str]]:
        """Style of each line, and its points in percent, x to the right and y down, as SVG has them."""
        return [
            (
                line.style,
                " ".join(f"{self.x.percent(x):g},{100 - self.y.percent(y):g}" for x, y in line.points),
            )
            for line in self.lines
        ]


def unit_axis(label: str) -> Axis:
    """An axis from 0 to 1."""
    return Axis(low=0, high=1, ticks=(0, 0.2, 0.4, 0.6, 0.8, 1), label=label)


def value_axis(values: Iterable[float], label: str, *, count: int = 5, log: bool = False) -> Axis:
    """An axis from 0 to a round number that holds all values, or a logarithmic one that just holds them.

    Args:
        values: not negative; NaN and infinity are left out.
        label: what is shown, with its unit.
        count: about how many ticks.
        log: whether a logarithmic axis is allowed; it is chosen if the values are above 0 and differ much.
    """
    finite = np.array([value for value in values if math.isfinite(value)], np.float64)
    high = float(finite.max(initial=0))
    if log and len(finite) and finite.min() > 0 and high > LOG_RATIO * finite.min():
        low = float(finite.min())
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [step * 10.0**power for power in powers for step in LOG_TICKS]
        shown = tuple(float(f"{tick:g}") for tick in ticks if low / 1.1 <= tick <= high * 1.1)
        return Axis(low=low / 1.1, high=high * 1.1, ticks=shown, label=f"{label}, logarithmic axis", log=True)
    if high <= 0:
        return Axis(low=0, high=1, ticks=(0, 1), label=label)
    power = 10.0 ** math.floor(math.log10(high / count))
    step = next(step * power for step in STEPS if step * power * count >= high * (1 - 1e-9))
    return Axis(
        low=0,
        high=step * math.ceil(high / step - 1e-9),
        ticks=tuple(float(f"{step * number:.12g}") for number in range(math.ceil(high / step - 1e-9) + 1)),
        label=label,
    )


def counting_axis(last: int, label: str) -> Axis:
    """An axis of whole numbers from 1 to `last`, such as epochs."""
    step = max(1, round(value_axis([last], label, count=6).ticks[1]))
    ticks = (1, *range(step if step > 1 else 2, last + 1, step))
    return Axis(low=1 if last > 1 else 0.5, high=max(last, 1.5), ticks=ticks, label=label)
