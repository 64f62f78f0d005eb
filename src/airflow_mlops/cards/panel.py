"""The pieces of a card: panels that begin with one sentence, and what stands under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

OK: Final = "ok"
ASK: Final = "ask"
BAD: Final = "bad"
IDLE: Final = "idle"


@dataclass(frozen=True)
class Badge:
    """A state as a word with a shape; ``tone`` is ``ok``, ``ask``, ``bad`` or ``idle``."""

    tone: str
    word: str


@dataclass(frozen=True)
class Chart:
    """A drawing, which is safe markup, and what it shows as numbers, for a table one click away."""

    kind: ClassVar[str] = "chart"
    svg: str
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Row:
    """One line of a forest plot or of bars; ``svg`` is safe markup."""

    label: str
    svg: str
    text: str
    note: str = ""
    bold: bool = False


@dataclass(frozen=True)
class Rows:
    """Lines that share a scale, with the axis under them."""

    kind: ClassVar[str] = "rows"
    rows: tuple[Row, ...]
    axis: str
    name: str
    limit: str = ""


@dataclass(frozen=True)
class Table:
    """A table; ``heat`` colours a cell from 1 to 5, 0 for none, in the shape of the rows."""

    kind: ClassVar[str] = "table"
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    heat: tuple[tuple[int, ...], ...] = ()
    numeric: bool = True


@dataclass(frozen=True)
class Pairs:
    """Names with their values."""

    kind: ClassVar[str] = "pairs"
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Code:
    """Lines to copy."""

    kind: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True)
class Items:
    """Sentences, one under the other."""

    kind: ClassVar[str] = "items"
    items: tuple[str, ...]


Part = Chart | Rows | Table | Pairs | Code | Items


@dataclass(frozen=True)
class Panel:
    """One box: a title, a sentence with the answer, a note under it, and the evidence.

    ``width`` is ``third``, ``half``, ``wide`` (two thirds) or ``full``; a phone shows all below each other.
    """

    title: str
    sentence: str
    parts: tuple[Part, ...] = ()
    badge: Badge | None = None
    note: str = ""
    width: str = "half"
