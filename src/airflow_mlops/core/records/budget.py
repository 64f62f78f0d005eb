"""The record of what a model costs, held against its budget."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BudgetCheck:
    """``name`` is ``latency`` or ``size``, ``value`` in seconds or bytes; ``figures`` says it in words.

    ``outcome`` is ``met``, ``beyond`` or, for a measurement that decides nothing, ``unclear``.
    """

    name: str
    value: float
    limit: str
    outcome: str
    figures: str
