"""Faults of a pipeline file with their places, shown as ``file:line:col: path: message``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from airflow_mlops.core.errors import ConfigError

KeyPath = tuple[str | int, ...]
Level = Literal["error", "warning", "note"]
_SHOWN: Final = 100


@dataclass(frozen=True, order=True)
class Mark:
    """A place in a file; ``line`` and ``column`` count from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True)
class Fault:
    """One fault of a pipeline file; ``line`` and ``column`` count from 1.

    ``rule`` is the check that found it. A ``warning`` is allowed but rarely intended; a ``note`` reports
    what could not be checked.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    level: Level = "error"
    rule: str = "shape"

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        level = "" if self.level == "error" else f"{self.level}: "
        return f"{self.file}:{self.line}:{self.column}: {where}{level}{self.message}"


class FileFaults(ConfigError):
    """All faults of one pipeline file, in the order of its lines."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = in_order(faults)
        lines = [str(fault) for fault in self.faults[:_SHOWN]]
        if len(self.faults) > _SHOWN:
            lines.append(f"… and {len(self.faults) - _SHOWN} more")
        super().__init__("\n".join(lines))


def in_order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Return the faults by file and place, each once."""
    return tuple(sorted(dict.fromkeys(faults), key=lambda fault: (fault.file, fault.line, fault.column)))


def dotted(path: KeyPath) -> str:
    """Return a path of keys as text, at most 200 characters of it.

    >>> dotted(("train", "params", "max_depth"))
    'train.params.max_depth'
    """
    text = ".".join(map(str, path))
    return text if len(text) <= 200 else text[:200] + "…"
