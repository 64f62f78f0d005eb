"""Which columns a function asks a frame for by name: a guess, for what it takes otherwise is not seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd


def columns_asked_for(rows: pd.DataFrame, function: Callable[[pd.DataFrame], Any]) -> set[str]:
    """Call ``function`` with the rows; returns the columns that it, or a frame made of them, was asked for.

    >>> rows = pd.DataFrame({"a": [1], "b": [2], "c": [3]})
    >>> sorted(columns_asked_for(rows, lambda frame: frame.copy().assign(d=frame["a"] + frame.b)))
    ['a', 'b']
    """
    names, asked = set(rows.columns), set()

    class Traced(pd.DataFrame):
        """A frame that keeps which of the columns it was asked for; so do all frames made of it."""

        @property
        def _constructor(self) -> type[pd.DataFrame]:
            return Traced

        def __getitem__(self, key: Any) -> Any:
            if isinstance(key, str):
                asked.add(key)
            elif isinstance(key, list | tuple | pd.Index):
                asked.update(item for item in key if isinstance(item, str))
            return super().__getitem__(key)

        def __getattr__(self, name: str) -> Any:  # type: ignore[misc] # final for the stubs alone
            if name in names:
                asked.add(name)
            return super().__getattr__(name)

    function(Traced(rows))
    return asked & names
