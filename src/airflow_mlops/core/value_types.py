"""Types of Python's own that hold values: making one runs nothing of the model that names it."""

from __future__ import annotations

from typing import Final

VALUES: Final = frozenset(
    {
        "builtins.frozenset",
        "collections.Counter",
        "collections.OrderedDict",
        "collections.deque",
        "datetime.date",
        "datetime.datetime",
        "datetime.timedelta",
        "datetime.timezone",
        "decimal.Decimal",
        "functools.partial",
        "uuid.UUID",
    }
)
"""A partial's function is a type of its own in every list of trusted types."""
