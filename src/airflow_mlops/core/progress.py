"""How far a long piece of work is, for whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Hears pieces done, all pieces, and a detail in words."""


def silent(done: int, total: int, detail: str = "") -> None:
    """Show nothing.

    >>> silent(1, 2, "half done")
    """
