"""Facts about the text of a SQL query, read without a parser: first word, statements, parameters."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from airflow_mlops.core.suggestions import did_you_mean

WINDOW: Final = ("window_start", "window_end")
"""The parameters that every query may use: the bounds of the rows that a run may see."""

_READS: Final = ("select", "with", "values", "table", "from")
# What no parameter stands in: texts, quoted names, comments, PostgreSQL's dollar quotes. What is never closed
# reaches to the end, so that the time stays proportional to the length of a text.
_OPAQUE: Final = (
    r"'(?:[^']|'')*(?:'|\Z)|\"(?:[^\"]|\"\")*(?:\"|\Z)|`[^`]*(?:`|\Z)|--[^\n]*|/\*.*?(?:\*/|\Z)"
    r"|(?P<dollar>\$[A-Za-z_]{0,60}\$).*?(?:(?P=dollar)|\Z)"
)
_PARAMETER: Final = r"(?<![:\w\\]):(?P<name>[A-Za-z_]\w*)(?![:\w])"
_SCANNED: Final = re.compile(f"{_OPAQUE}|{_PARAMETER}", re.DOTALL)
_QUIET: Final = re.compile(_OPAQUE, re.DOTALL)
_TEMPLATE: Final = re.compile(r"{{.*?(?:}}|\Z)|{%.*?(?:%}|\Z)|{#.*?(?:#}|\Z)", re.DOTALL)


_RANDOM: Final = re.compile(
    r"\b(random|random_normal|randomblob|rand|gen_random_uuid|uuidv[47]|uuid_generate_v\w+|clock_timestamp|"
    r"timeofday)\s*\(|\btablesample\b(?!.*\brepeatable\b)",
    re.IGNORECASE | re.DOTALL,
)
_LIMITED: Final = re.compile(r"\blimit\b|\bfetch\s+(?:first|next)\b", re.IGNORECASE)
_ORDERED: Final = re.compile(r"\border\s+by\b", re.IGNORECASE)


def is_template(sql: str) -> bool:
    """Whether Jinja still has something to fill in."""
    return bool(_TEMPLATE.search(sql))


def parameters(sql: str) -> tuple[str, ...]:
    """Return the names of the parameters ``:name`` in the order of their first use; templates have none.

    >>> parameters("SELECT * FROM t WHERE a = :a AND b = ':b' AND c = :window_start")
    ('a', 'window_start')
    """
    return tuple(dict.fromkeys(_named(_TEMPLATE.sub(" ", sql))))


def _named(sql: str) -> Iterator[str]:
    for match in _SCANNED.finditer(sql):
        if match["name"]:
            yield match["name"]


def unknown_parameter(sql: str, given: Collection[str]) -> str | None:
    """Return what is wrong when a query names a parameter besides the window's and the ``given``, or None."""
    known = list(dict.fromkeys([*WINDOW, *given]))
    name = next((name for name in parameters(sql) if name not in known), None)
    if name is None:
        return None
    return f"no parameter :{name}{did_you_mean(name, known)}; known: {', '.join(known)}"


def window_fault(sql: str, form: str | None, timezone: str) -> str | None:
    """Return why a query cannot use the window's parameters with a declared time, or None.

    The database would compare them, which are UTC, with times that are written in another way: rows would be
    missing and nothing could show it.

    >>> window_fault("SELECT * FROM t WHERE at < :window_end", "epoch_s", "UTC")[:45]
    ':window_end is in UTC, but data.time declares'
    """
    used = next((name for name in parameters(sql) if name in WINDOW), None)
    if used is None or (form in (None, "iso") and timezone == "UTC"):
        return None
    key = f"format {form}" if form not in (None, "iso") else f"timezone {timezone}"
    return (
        f":{used} is in UTC, but data.time declares the {key}: convert the column to UTC in the query and "
        f"remove data.time.{key.partition(' ')[0]}, or remove the parameter: rows outside the window are "
        "left out after reading"
    )


def misfit(sql: str) -> str | None:
    """Return why a text is not one query that reads rows, or None; what a template fills in is not seen.

    >>> misfit("SELECT 1; SELECT 2")
    'is more than one statement: give one query'
    """
    plain = _QUIET.sub(" '' ", _TEMPLATE.sub(" TEMPLATE ", sql)).replace("''", " ").strip().rstrip("; \n\t\r")
    if not plain:
        return "is empty"
    word = re.match(r"[(\s]*([^\W\d]\w*)?", plain)
    first = (word[1] if word else None) or plain[:20]
    if first != "TEMPLATE" and first.lower() not in _READS:
        return f"{first[:40]} reads no rows: a query begins with SELECT or WITH"
    return "is more than one statement: give one query" if ";" in plain else None


def fickle(sql: str) -> str | None:
    """Return why a query may have other rows each time that it is run, with the next step, or None.

    What a view or a function of the user's does inside is not seen.

    >>> fickle("SELECT * FROM t ORDER BY random() LIMIT 10")
    'it uses random(): choose rows by their keys'
    >>> fickle("SELECT random, limits FROM t -- random()")
    """
    plain = _QUIET.sub(" '' ", _TEMPLATE.sub(" ", sql))
    if found := _RANDOM.search(plain):
        shown = f"{found[1].lower()}()" if found[1] else "TABLESAMPLE"
        return f"it uses {shown}: choose rows by their keys"
    if _LIMITED.search(plain) and not _ORDERED.search(plain):
        return "it has LIMIT without ORDER BY: order its rows by their keys"
    return None


def for_binding(sql: str, names: Collection[str]) -> str:
    r"""Return a query for ``sqlalchemy.text``: every colon that begins none of ``names`` becomes ``\:``."""

    def escaped(match: re.Match[str]) -> str:
        text = match[0]
        return text if match["name"] in names else text.replace(":", r"\:")

    return _SCANNED.sub(escaped, _without_end(sql)).strip()


def _without_end(sql: str) -> str:
    """Return a query without the semicolons at its end, so that it can be a part of another one."""

    def blank(match: re.Match[str]) -> str:
        return " " * len(match[0]) if match[0].startswith(("--", "/*")) else match[0]

    plain = _QUIET.sub(blank, sql)
    end = len(plain.rstrip("; \n\t\r"))
    rest = zip(sql[end:], plain[end:], strict=True)  # a semicolon in a comment stays
    return sql[:end] + "".join("" if shown == ";" else written for written, shown in rest)
