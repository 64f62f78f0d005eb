"""Regular expressions of Python that mean the same to RE2, the engine of DuckDB, and to PostgreSQL."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

_MOST: Final = 1000
"""RE2 repeats nothing more often."""
_MOST_OF_POSTGRESQL: Final = 255
_REPEATED: Final = re.compile(r"[{,](\d+)(?=[,}])")
_POINT: Final = re.compile(r"\\x\{([0-9a-f]+)\}")
_CLASSES: Final = {
    "CATEGORY_DIGIT": "0-9",
    "CATEGORY_WORD": "0-9A-Za-z_",
    "CATEGORY_SPACE": r" \t\n\r\f\v",
}
_NOT: Final = "CATEGORY_NOT_"


@dataclass(frozen=True)
class Pattern:
    """A pattern for RE2.

    With ``needs_plain`` it means the same only where texts have printable ASCII characters and nothing else,
    with ``needs_no_newline`` only where no text ends with a new line.
    """

    text: str
    needs_plain: bool = False
    needs_no_newline: bool = False


class _Differs(Exception):
    """A part of a pattern may mean something else to RE2."""


def for_re2(pattern: str) -> Pattern | None:
    r"""Return a pattern of Python for RE2, or None when the two may differ.

    Look-around, back-references, flags, possessive repeats and characters beyond ASCII are left out.

    >>> for_re2(r"^[A-Z]{2}\d+$").text, for_re2(r"(?i)a"), for_re2(r"(a)\1")
    ('\\A[\\x{41}-\\x{5a}]{2,2}[0-9]{1,}\\z', None, None)
    """
    try:
        with warnings.catch_warnings(action="error"):
            compiled = re.compile(pattern)
            tree = re._parser.parse(pattern)  # type: ignore[attr-defined]
    except (re.error, Warning, RecursionError, OverflowError):
        return None
    if compiled.flags != re.UNICODE or not pattern:
        return None
    seen: set[str] = set()
    try:
        text = "".join(_parts(tree, seen))
    except _Differs:
        return None
    return Pattern(text, needs_plain="plain" in seen, needs_no_newline="end" in seen)


def for_postgresql(pattern: str) -> Pattern | None:
    r"""Return a pattern of Python for PostgreSQL, or None when the two may differ.

    >>> for_postgresql(r"^[A-Z]{2}\d+$").text
    '\\A[\\u0041-\\u005a]{2,2}[0-9]{1,}\\Z'
    """
    found = for_re2(pattern)
    if found is None or any(int(number) > _MOST_OF_POSTGRESQL for number in _REPEATED.findall(found.text)):
        return None
    text = _POINT.sub(lambda point: f"\\u{int(point[1], 16):04x}", found.text)
    return replace(found, text=text.replace(r"\z", r"\Z").replace(r"\b", r"\y"))


def _parts(tree: Any, seen: set[str]) -> Iterator[str]:
    for code, value in tree:
        yield _part(str(code), value, seen)


def _part(code: str, value: Any, seen: set[str]) -> str:
    if code == "LITERAL":
        return _character(value)
    if code == "NOT_LITERAL":
        return f"[^{_character(value)}]"
    if code == "ANY":
        return r"[^\n]"
    if code == "IN":
        return _class(value, seen)
    if code == "BRANCH" and value[0] is None:
        return f"(?:{'|'.join(''.join(_parts(branch, seen)) for branch in value[1])})"
    if code == "SUBPATTERN" and not value[1] and not value[2]:
        return f"(?:{''.join(_parts(value[3], seen))})"
    if code in ("MAX_REPEAT", "MIN_REPEAT"):
        return _repeat(value, seen)
    if code == "AT":
        return _place(str(value), seen)
    raise _Differs


def _character(point: int) -> str:
    if not 0 < point < 128:
        raise _Differs
    return f"\\x{{{point:x}}}"


def _class(items: Any, seen: set[str]) -> str:
    parts, negated = [], ""
    for code, value in items:
        if str(code) == "NEGATE":
            negated = "^"
        elif str(code) == "LITERAL":
            parts.append(_character(value))
        elif str(code) == "RANGE":
            parts.append(f"{_character(value[0])}-{_character(value[1])}")
        else:
            seen.add("plain")
            name = str(value)
            if name.startswith(_NOT) and len(items) == 1:  # such as \D on its own
                negated, name = "^", f"CATEGORY_{name.removeprefix(_NOT)}"
            if name not in _CLASSES:
                raise _Differs
            parts.append(_CLASSES[name])
    return f"[{negated}{''.join(parts)}]"


def _repeat(value: Any, seen: set[str]) -> str:
    least, most, tree = value
    endless = str(most) == "MAXREPEAT"
    if least > _MOST or (not endless and most > _MOST):
        raise _Differs
    return f"{_group(tree, seen)}{{{least},{'' if endless else most}}}"


def _group(tree: Any, seen: set[str]) -> str:
    text = "".join(_parts(tree, seen))
    single = len(tree) == 1 and str(tree[0][0]) in ("LITERAL", "NOT_LITERAL", "ANY", "IN", "SUBPATTERN")
    return text if single else f"(?:{text})"


def _place(name: str, seen: set[str]) -> str:
    if name in ("AT_BEGINNING", "AT_BEGINNING_STRING"):
        return r"\A"
    if name == "AT_END_STRING":
        return r"\z"
    if name == "AT_END":
        seen.add("end")
        return r"\z"
    if name == "AT_BOUNDARY":
        seen.add("plain")
        return r"\b"
    raise _Differs
