"""The grammar of limits such as ``>= 0.8``, and what it means to meet one."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from airflow_mlops.core.errors import ConfigError

PATTERN: Final = r"\s*(>=|<=|>|<)\s*(-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*"
"""The regular expression of a limit, for the JSON Schema as well."""
_OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True)
class Limit:
    """A bound on one figure.

    >>> limit = Limit.parse(">= 0.8")
    >>> limit.holds(0.85), limit.holds(float("nan"))
    (True, False)
    >>> str(limit)
    '>= 0.8'
    """

    sign: str
    bound: float

    @classmethod
    def parse(cls, text: object) -> Limit:
        """Read a sign and a number; raises ConfigError for anything else."""
        match = re.fullmatch(PATTERN, text) if isinstance(text, str) else None
        if match is None:
            raise ConfigError(
                f"a limit must be >=, <=, > or < and a number, in quotes, such as '>= 0.8', got {text!r:.80}"
            )
        return cls(match[1], float(match[2]))

    @property
    def is_floor(self) -> bool:
        """Whether the figure must be above the bound, not below it."""
        return self.sign[0] == ">"

    @property
    def is_strict(self) -> bool:
        """Whether the bound itself does not meet the limit."""
        return len(self.sign) == 1

    def holds(self, value: float) -> bool:
        """Return whether ``value`` meets the bound; a NaN never does."""
        return not math.isnan(value) and _OPERATORS[self.sign](value, self.bound)

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:g}"
