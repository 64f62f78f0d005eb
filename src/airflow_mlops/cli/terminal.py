"""Text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def columns(rows: Iterable[Sequence[str]], indent: str = "") -> list[str]:
    """Return rows of equal length as lines with aligned columns.

    >>> columns([("NAME", "DAGS"), ("a", "train")])
    ['NAME  DAGS', 'a     train']
    """
    cells = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 fault`` or ``2 faults``.

    >>> counted(1, "fault"), counted(0, "fault")
    ('1 fault', '0 faults')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"
