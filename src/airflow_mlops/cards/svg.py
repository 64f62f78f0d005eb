"""Charts as inline SVG: colours are the page's variables, so that one drawing serves light and dark.

Curves are drawn in a fixed frame of about their size on a phone. Rows (intervals, bars) use percentages of
their width, so that no text is stretched. Everything that comes from outside is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np

from airflow_mlops.cards.core.curves import Curve
from airflow_mlops.cards.core.scales import Scale, tick_text

_WIDTH: Final = 340
_HEIGHT: Final = 270
_LEFT: Final = 46
_RIGHT: Final = 12
_TOP: Final = 22
_BOTTOM: Final = 40
_ROW: Final = 22


@dataclass(frozen=True)
class Axes:
    """The two axes of a chart with their names; the y axis is named at its top."""

    x: Scale
    y: Scale
    x_name: str
    y_name: str

    def across(self, value: float) -> float:
        """Return the place of a value on the x axis in the drawing."""
        return _LEFT + self.x.place(value) * (_WIDTH - _LEFT - _RIGHT)

    def up(self, value: float) -> float:
        """Return the place of a value on the y axis in the drawing."""
        return _HEIGHT - _BOTTOM - self.y.place(value) * (_HEIGHT - _TOP - _BOTTOM)


def chart(label: str, axes: Axes, *parts: str) -> str:
    """Return a drawing with a grid, names of the axes and the given parts; ``label`` says what it shows."""
    ticks = axes.y.ticks(5)
    grid = "".join(
        f"{_rule('grid', _LEFT, _WIDTH - _RIGHT, axes.up(tick), axes.up(tick))}"
        f'<text x="{_LEFT - 6}" y="{axes.up(tick) + 4:.1f}" text-anchor="end">{tick_text(tick, ticks)}</text>'
        for tick in ticks
    )
    marks = axes.x.ticks(5)
    below = "".join(
        f'<text x="{axes.across(mark):.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">'
        f"{tick_text(mark, marks)}</text>"
        for mark in marks
    )
    names = (
        f'<text x="{_LEFT - 40}" y="12">{escape(axes.y_name)}</text>'
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 6}" text-anchor="middle">'
        f"{escape(axes.x_name)}</text>"
    )
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">'
        f"{grid}{below}{names}{''.join(parts)}</svg>"
    )


def line(axes: Axes, curve: Curve, style: str = "series") -> str:
    """Return a line through points; ``style`` is ``series``, ``other`` (dashed) or ``exact`` (dotted)."""
    points = " ".join(f"{axes.across(x):.1f},{axes.up(y):.1f}" for x, y in zip(curve.x, curve.y, strict=True))
    return f'<polyline class="{style}" points="{points}"/>'


def dots(axes: Axes, points: Sequence[tuple[float, float, float, float]]) -> str:
    """Return points with vertical intervals, each as (x, y, low, high); an unknown interval is not drawn."""
    drawn = []
    for x, y, low, high in points:
        place = f"{axes.across(x):.1f}"
        if np.isfinite([low, high]).all():
            drawn.append(_rule("range", axes.across(x), axes.across(x), axes.up(low), axes.up(high)))
        drawn.append(f'<circle class="dot" cx="{place}" cy="{axes.up(y):.1f}" r="3.2"/>')
    return "".join(drawn)


def columns(axes: Axes, edges: Sequence[float], heights: Sequence[float]) -> str:
    """Return the columns of a histogram from the x axis up; ``edges`` has one value more than ``heights``."""
    base, drawn = axes.up(axes.y.low), []
    for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True):
        if height > 0:
            x, y = axes.across(left), axes.up(height)
            width = max(axes.across(right) - x - 1, 0.5)
            size = f'width="{width:.1f}" height="{base - y:.1f}"'
            drawn.append(f'<rect class="column" x="{x + 0.5:.1f}" y="{y:.1f}" {size}/>')
    return "".join(drawn)


def note(axes: Axes, x: float, y: float, text: str, *, anchor: str = "start", style: str = "") -> str:
    """Return a text at a place of the chart."""
    return (
        f'<text class="{escape(style)}" x="{axes.across(x):.1f}" y="{axes.up(y):.1f}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def interval_row(
    scale: Scale,
    value: float,
    low: float,
    high: float,
    *,
    limit: float | None = None,
    tone: str = "",
    zero: bool = False,
) -> str:
    """Return one row of a forest plot: a point with its interval, the limit dashed, zero as a thin line.

    ``tone`` colours the point, which then has a shape of its own: ``ask`` a diamond, ``bad`` a square.
    """
    middle = _ROW / 2
    parts = []
    if zero and scale.low <= 0 <= scale.high:
        parts.append(_upright("zero", scale.place(0)))
    if limit is not None and scale.low <= limit <= scale.high:
        parts.append(_upright("limit", scale.place(limit)))
    if np.isfinite([low, high]).all():
        parts.append(_span(f"range {tone}", scale, low, high))
    if np.isfinite(value):
        parts.append(_mark(_percent(scale.place(value)), middle, tone))
    return f'<svg class="row" height="{_ROW}" aria-hidden="true">{"".join(parts)}</svg>'


def _mark(x: str, y: float, tone: str) -> str:
    if tone in ("ask", "bad"):
        turn = ' transform="rotate(45)"' if tone == "ask" else ""
        return (
            f'<svg x="{x}" y="{y}" overflow="visible"><rect class="mark {tone}" x="-4" y="-4" width="8" '
            f'height="8"{turn}/></svg>'
        )
    return f'<circle class="mark {tone}" cx="{x}" cy="{y}" r="4"/>'


def axis_row(scale: Scale, most: int = 4) -> str:
    """Return the ticks under the rows of a forest plot."""
    ticks = scale.ticks(most)
    texts = "".join(
        f'<text x="{_percent(scale.place(tick))}" y="12" text-anchor="{_anchor(scale.place(tick))}">'
        f"{tick_text(tick, ticks)}</text>"
        for tick in ticks
    )
    return f'<svg class="row" height="16" aria-hidden="true">{texts}</svg>'


def _anchor(place: float) -> str:
    """Keep the text of a tick at the edge inside."""
    return "start" if place < 0.04 else "end" if place > 0.96 else "middle"


def bar_row(scale: Scale, value: float, low: float, high: float) -> str:
    """Return one bar from zero with its interval."""
    start, end = sorted((scale.place(0), scale.place(value)))
    width = _percent(max(end - start, 0.003))
    parts = [f'<rect class="column" x="{_percent(start)}" y="4" width="{width}" height="{_ROW - 8}"/>']
    if np.isfinite([low, high]).all():
        parts.append(_span("range", scale, low, high))
    return f'<svg class="row" height="{_ROW}" aria-hidden="true">{"".join(parts)}</svg>'


def _rule(style: str, x1: float, x2: float, y1: float, y2: float) -> str:
    return f'<line class="{style}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>'


def _span(style: str, scale: Scale, low: float, high: float) -> str:
    ends = f'x1="{_percent(scale.place(low))}" x2="{_percent(scale.place(high))}"'
    return f'<line class="{style}" {ends} y1="{_ROW / 2}" y2="{_ROW / 2}"/>'


def _upright(style: str, place: float) -> str:
    return f'<line class="{style}" x1="{_percent(place)}" x2="{_percent(place)}" y1="0" y2="{_ROW}"/>'


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"
