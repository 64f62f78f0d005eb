"""What reading found out about the data, besides its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

OUTSIDE: Final = "outside the window"
"""Why rows are left out whose event time is not in the window of a run."""
_MOST: Final = 50
"""Notes that a record keeps; more would not be read, and a record travels through XCom."""
_LONGEST: Final = 600
_NAME: Final = 200


@dataclass
class ReadReport:
    """Notes on what was read, and how many rows were left out, by reason.

    Without ``samples`` neither notes nor errors quote a cell, as ``validate.samples: none`` says.

    >>> report = ReadReport()
    >>> report.note("column 'z' is not in a.csv: its rows have no value")
    >>> report.leave_out("outside the window", 3)
    >>> report.leave_out("outside the window", 0)
    >>> report.left_out
    {'outside the window': 3}
    """

    notes: list[str] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    samples: bool = True

    def note(self, text: str) -> None:
        """Add a sentence, once; long ones are cut, and after many the rest is dropped with a word."""
        text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
        if text not in self.notes and len(self.notes) < _MOST:
            self.notes.append(text if len(self.notes) < _MOST - 1 else "more notes are not shown")

    def leave_out(self, reason: str, rows: int) -> None:
        """Count rows that were read and do not go on; none is not an entry."""
        if rows:
            self.left_out[reason] = self.left_out.get(reason, 0) + rows


def named(items: Sequence[str], most: int = 3) -> str:
    """Return the first names of a list, each cut short, and how many more there are.

    >>> named(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    shown = ", ".join(item if len(item) <= _NAME else f"{item[: _NAME - 1]}…" for item in items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most:,} more"
