"""Lays Python expressions out in lines, as ruff and black do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WIDTH: Final = 88
_INDENT: Final = "    "


@dataclass(frozen=True)
class Text:
    """A string; one that does not fit into its line is written in pieces."""

    value: str


@dataclass(frozen=True)
class Group:
    """What stands in brackets, each item with its label, such as ``task_id=``; ``comma``: a tuple of one."""

    opening: str
    items: tuple[tuple[str, Source], ...]
    closing: str
    comma: bool = False


Source = str | Text | Group


def flat(source: Source) -> str:
    """Return an expression in one line."""
    if isinstance(source, Text):
        return quoted(source.value)
    if isinstance(source, str):
        return source
    inside = ", ".join(label + flat(item) for label, item in source.items)
    return f"{source.opening}{inside}{',' if source.comma else ''}{source.closing}"


def laid_out(source: Source, before: str = "", after: str = "", depth: int = 0) -> list[str]:
    """Return the lines of an expression between ``before`` and ``after``, indented by ``depth`` levels."""
    margin = _INDENT * depth
    line = f"{margin}{before}{flat(source)}{after}"
    if len(line) <= WIDTH or isinstance(source, str):
        return [line]
    if isinstance(source, Text):
        pieces = _pieces(source.value, WIDTH - len(margin) - len(_INDENT) - 4)
        if len(pieces) == 1:
            return [line]
        inside = [f"{margin}{_INDENT}{quoted(piece)}" for piece in pieces]
        return [f"{margin}{before}(", *inside, f"{margin}){after}"]
    if not source.items:
        return [line]
    items = [text for label, item in source.items for text in laid_out(item, label, ",", depth + 1)]
    return [f"{margin}{before}{source.opening}", *items, f"{margin}{source.closing}{after}"]


def quoted(text: str) -> str:
    """Return a string literal in double quotes, or in single ones where that needs fewer backslashes."""
    mark = "'" if text.count('"') > text.count("'") else '"'
    escaped = "".join(
        f"\\{letter}" if letter == mark else letter if letter in "'\"" else repr(letter)[1:-1]
        for letter in text
    )
    return f"{mark}{escaped}{mark}"


def _pieces(text: str, width: int) -> list[str]:
    """Split a string after spaces so that each piece fits, as far as its words do."""
    pieces = [""]
    for word in text.split(" "):
        piece = f"{word} "
        if pieces[-1] and len(quoted(pieces[-1] + piece)) > width:
            pieces.append("")
        pieces[-1] += piece
    pieces[-1] = pieces[-1][:-1]
    return [piece for piece in pieces if piece]
