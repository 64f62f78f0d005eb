"""Scales and numbers as a chart shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Scale:
    """A range of values on an axis, drawn from 0 to 1."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Return where a value lies, 0 at ``low`` and 1 at ``high``; values beyond are cut.

        >>> Scale(10, 20).place(15), Scale(10, 20).place(99)
        (0.5, 1.0)
        """
        return float(min(max((value - self.low) / (self.high - self.low), 0.0), 1.0))

    def ticks(self, most: int = 5) -> tuple[float, ...]:
        """Return at most ``most`` round values inside the range.

        >>> Scale(0, 1).ticks()
        (0.0, 0.25, 0.5, 0.75, 1.0)
        """
        raw = (self.high - self.low) / max(most - 1, 1)
        power = 10.0 ** np.floor(np.log10(raw))
        slack = 1e-9 * (self.high - self.low)
        step = next(step * power for step in _STEPS if step * power >= raw - slack)
        first = np.ceil((self.low - slack) / step)
        count = int(np.floor((self.high + slack) / step) - first) + 1
        return tuple(float(round((first + place) * step, 12)) + 0.0 for place in range(count))


def scale_of(values: Iterable[float], *, pad: float = 0.08) -> Scale:
    """Return a scale that holds all finite values with some room; (0, 1) when there are none."""
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return Scale(0.0, 1.0)
    low, high = min(known), max(known)
    room = pad * (high - low) or abs(high) * 0.1 or 1.0
    return Scale(low - room, high + room)


def number(value: float, *, signed: bool = False) -> str:
    """Return a figure to three decimals below one and three digits else, with a true minus.

    >>> number(0.69), number(-12.3456), number(1234567.8), number(0.000123), number(0.02, signed=True)
    ('0.690', '−12.3', '1,234,568', '0.000123', '+0.020')
    """
    if not np.isfinite(value):
        return "not known"
    size = abs(value)
    if size >= 1e9:
        text = f"{size:.3g}"
    elif size >= 1000:
        text = f"{size:,.0f}"
    elif size >= 10:
        text = f"{size:.3g}"
    elif size >= 1:
        text = f"{size:.2f}"
    elif size >= 0.001 or size == 0:
        text = f"{size:.3f}"
    else:
        text = f"{size:.3g}"
    return ("−" if value < 0 and float(text.replace(",", "")) else "+" if signed else "") + text


def interval(low: float, high: float) -> str:
    """Return an interval in words that a minus does not confuse.

    >>> interval(0.684, 0.695), interval(-0.021, 0.026)
    ('0.684–0.695', '−0.021 to 0.026')
    """
    if not np.isfinite([low, high]).all():
        return "interval not known"
    return f"{number(low)} to {number(high)}" if min(low, high) < 0 else f"{number(low)}–{number(high)}"


def percent(share: float) -> str:
    """Return a share as a percentage; very small ones are not rounded to nothing.

    >>> percent(0.256), percent(0.004), percent(0.0001), percent(0.9999), percent(1.0)
    ('26 %', '0.4 %', 'under 0.1 %', 'over 99.9 %', '100 %')
    """
    if 0 < share < 0.001:
        return "under 0.1 %"
    if 0.999 < share < 1:
        return "over 99.9 %"
    exact = 0 < share < 0.1 or 0.99 < share < 1
    return f"{100 * share:.1f} %" if exact else f"{100 * share:.0f} %"


def tick_text(value: float, ticks: Sequence[float]) -> str:
    """Return the text of a tick with as many decimals as its axis needs.

    >>> [tick_text(value, (0.0, 0.25, 0.5)) for value in (0.0, 0.25, 0.5)]
    ['0', '0.25', '0.5']
    """
    step = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else abs(value) or 1.0
    if max(map(abs, ticks), default=0.0) >= 1e6 or step < 1e-4:
        return f"{value:.3g}".replace("-", "−")
    decimals = max(0, int(np.ceil(-np.log10(step))) + 1)
    text = f"{value:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−") if float(text.replace(",", "")) else "0"
