"""Numbers as a reader sees them: text with a true minus sign, and bars in per cent of a common scale."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from limner.types import Interval

UNKNOWN = "–"


def number(value: float | None, *, sign: bool = False) -> str:
    """Three decimals below 10, two below 100, none above 1000; a dash for what is not known."""
    if value is None:
        return UNKNOWN
    size = abs(value)
    decimals = 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    return f"{value:{'+' if sign else ''},.{decimals}f}".replace("-", "−").replace(",", "\u202f")


def count(value: int) -> str:
    """A whole number with thin spaces between thousands."""
    return f"{value:,}".replace(",", "\u202f")


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def money(usd: float, unknown: int) -> str:
    """A price; calls whose price is not known are said, never taken for 0."""
    text = f"${usd:,.2f}" if usd >= 0.01 or usd == 0 else f"${usd:.4f}"
    return f"{text} + {unknown} of unknown price" if unknown else text


def span(interval: Interval, *, sign: bool = False) -> str:
    """An interval's bounds, or that there are too few values to say."""
    if interval.low is None or interval.high is None:
        return "too few values for an interval"
    return f"{number(interval.low, sign=sign)} to {number(interval.high, sign=sign)}"


class Scale(NamedTuple):
    """A range of values onto which bars and points are laid."""

    low: float
    high: float

    def percent(self, value: float) -> float:
        """Where a value stands: 0 at the low end, 100 at the high end."""
        width = self.high - self.low
        return 50.0 if width == 0 else round((value - self.low) / width * 100, 2)


def scale(values: Iterable[float | None], *, margin: float = 0.06) -> Scale:
    """The range of the known values, with a margin on both sides."""
    known = [value for value in values if value is not None]
    if not known:
        return Scale(0.0, 1.0)
    low, high = min(known), max(known)
    room = (high - low) * margin or abs(high) * margin or 1.0
    return Scale(low - room, high + room)


class Bar(NamedTuple):
    """An interval as drawn: bounds and mean in per cent of the scale, with its texts."""

    mean: float
    low: float
    high: float
    text: str
    bounds: str


def bar(interval: Interval | None, on: Scale, *, sign: bool = False) -> Bar | None:
    """Lay an interval on a scale; one without bounds becomes a point."""
    if interval is None:
        return None
    low = interval.mean if interval.low is None else interval.low
    high = interval.mean if interval.high is None else interval.high
    return Bar(
        on.percent(interval.mean),
        on.percent(low),
        on.percent(high),
        number(interval.mean, sign=sign),
        span(interval, sign=sign),
    )


def bounds(intervals: Iterable[Interval | None]) -> list[float | None]:
    """All ends and means of the intervals that there are."""
    return [value for interval in intervals if interval is not None for value in interval]
