"""What the demo says on the terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

_STYLES = {"bold": "1", "dim": "2", "green": "32", "red": "31", "yellow": "33", "cyan": "36"}
_MARKS = {
    "success": ("✓", "green"),
    "failed": ("✗", "red"),
    "skipped": ("·", "dim"),
    "waiting": ("?", "yellow"),
}


class Story:
    """Prints the chapters and steps of the demo, with the time since it began."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def style(self, text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self._coloured else text

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def chapter(self, title: str) -> None:
        self._print("")
        self._print(self.style(f"{self._clock()}  {title}", "bold"))

    def step(self, text: str, mark: str | None = None) -> None:
        sign, style = _MARKS.get(mark or "", (" ", "dim"))
        self._print(f"{self.style(self._clock(), 'dim')}    {self.style(sign, style)} {text}")

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Print aligned columns; the first row is the head."""
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for number, row in enumerate(rows):
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            self._print("           " + (self.style(line, "dim") if number == 0 else line))

    def text(self, text: str = "") -> None:
        self._print(text)

    def _clock(self) -> str:
        minutes, seconds = divmod(int(self.seconds), 60)
        return f"{minutes:2d}:{seconds:02d}"

    def _print(self, text: str) -> None:
        print(text, flush=True)
