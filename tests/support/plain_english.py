"""Reads a message as a user would: it has a subject and a verb, and no mannered word."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

VERBS: Final = """
    is are was were has have had does do did must can cannot could would may should needs need expected
    reads read takes take exists exist belongs belong contains holds hold starts ends differ differs matches
    match returns return means lacks lack removes checks uses allows gives lies last lasts leaves leave
    increases increase fails fail skips ignored sends finds learns disables chooses
"""
"""The first clause of a message has one of these words; a good message may need another verb of the field."""
MANNERED: Final = {
    r"\b(told|tells?)\b": "reported",
    r"\b(go|goes|going|went) on\b": "continues",
    r"\banew\b": "again",
    r"(?<!there )\b(is|are|was|were) no\b(?! longer\b)": "is not a",
    r"\b(said|unless said|says so)\b": "a verb of the field",
    r"\bhonest\b": "nothing",
    r"\bnobody\b": "the subject",
    r"\bcoming? to shape\b": "is valid",
    r"\bspelled out\b": "expanded",
    r"\bsomebody\b": "the subject",
    r"\ba person's yes\b": "approval",
}
_QUOTED: Final = r"`[^`]*`|'[^']*'|\"[^\"]*\"|\{[^}]*\}"


def mannered(message: str) -> list[str]:
    """Return the mannered words of a message, each with a better one."""
    text = re.sub(_QUOTED, "…", message)
    found = [(re.search(pattern, text, re.IGNORECASE), better) for pattern, better in MANNERED.items()]
    return [f"write {better} in place of {match[0]!r}" for match, better in found if match]


def unplain(message: str) -> list[str]:
    """Return what is wrong with the language of a message; quoted values and code in it do not count.

    >>> unplain("must be less than 0.5, got 0.9")
    []
    >>> unplain("less than 0.5 (got 0.9)")
    ['the first clause has no verb']
    """
    text = re.sub(_QUOTED, "…", message)
    clauses = [re.findall(r"[a-z]+", clause.lower()) for clause in re.split(r"[:;] | \(", text)]
    verbs = set(VERBS.split())
    # A message about a key may start with its name, as in "mostly: 0 disables the check".
    first = clauses[1] if len(clauses) > 1 and len(text.split(": ")[0].split()) == 1 else clauses[0]
    has_verb = not verbs.isdisjoint([*first, *clauses[0]])
    verbless = [] if has_verb else ["the first clause has no verb"]
    return [*mannered(message), *verbless]


def raised_messages(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every message that a module raises; values in it are ``…``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            for argument in node.exc.args:
                if text := _text(argument):
                    yield node.lineno, text


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return _text(node.left) + _text(node.right) if isinstance(node, ast.BinOp) else ""
