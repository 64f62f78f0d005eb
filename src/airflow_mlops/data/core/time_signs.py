"""Signs that a column holds times: its name, and how its values are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from airflow_mlops.core.time_format import EPOCHS, ISO, reads

ISO_TEXT: Final = (
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}(?::?\d{2}(?::?\d{2}(?:\.\d+)?)?)?\s?(?:Z|UTC|[+-]\d{2}(?::?\d{2})?)?)?"
)
"""ISO 8601 dates and times, with or without an offset."""
_WORDS: Final = frozenset(
    {"time", "date", "datetime", "timestamp", "tstamp", "ts", "dt", "at", "when", "day", "hour", "week",
     "month", "quarter", "year", "epoch", "datum", "zeit", "fecha"}
)  # fmt: skip
_IDENTIFIERS: Final = frozenset(
    {"id", "ids", "uuid", "key", "code", "number", "nr", "no", "ref", "account", "phone"}
)
_TOKENS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_DATES: Final = (
    "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%Y.%m.%d", "%d-%m-%Y", "%m-%d-%Y",
    "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%b %d, %Y", "%B %d, %Y", "%a, %d %b %Y",
    "%d/%m/%y", "%m/%d/%y", "%d.%m.%y",
)  # fmt: skip
_CLOCKS: Final = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_DIGITS_ONLY: Final = ("%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%dT%H%M%S", "%Y%m%d %H:%M:%S", "%Y%m%d %H:%M")
_NUMBERS: Final = _DIGITS_ONLY[:2]
_OFFSETS: Final = ("", " %z", "%z")
FORMATS: Final = tuple(
    f"{day}{offset}"
    for day in (*(f"{date}{clock}" for date in _DATES for clock in _CLOCKS), *_DIGITS_ONLY)
    for offset in _OFFSETS
)
"""The formats that are suggested, never assumed."""
_SHAPE: Final = re.compile(
    r"\d{1,4}([./-])\d{1,2}\1\d{1,4}(\D.*)?|\d{8}([ T]?\d{2}:?\d{2}.*|[Z +-].*)?"
    r"|(\w{3}, )?\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{4}(\D.*)?"
    r"|[A-Za-z]{3,9} \d{1,2}, \d{4}(\D.*)?"
)
_DIGITS: Final = re.compile(r"\d+(\.\d+)?")
_FIRST, _LAST = 10**9, 2_300_000_000  # seconds: September 2001 to November 2042
_SHARE_OF_TEXT, _SHARE_OF_DIGITS = 0.1, 0.9
_YEARS: Final = range(1900, 2101)
_LONGEST: Final = 40
_SAMPLES: Final = 500


def is_named_like_time(name: str) -> bool:
    """Whether a column has the name of a time.

    >>> [is_named_like_time(name) for name in ("seen_at", "eventTime", "customer_id", "lifetime")]
    [True, True, False, False]
    """
    return not _WORDS.isdisjoint(_tokens(name))


def is_iso(text: str) -> bool:
    """Whether a text is an ISO 8601 date or time.

    >>> is_iso("2025-01-31T06:00Z"), is_iso("31.01.2025")
    (True, False)
    """
    return bool(re.fullmatch(ISO_TEXT, text.strip(), re.ASCII)) and _reads(text.strip()[:10], "%Y-%m-%d")


def are_like_times(texts: Sequence[str], name: str) -> bool:
    """Whether the values of a column, as text, are written as times are.

    A number counts only when nearly all are plausible, and never in a column that is named as an identifier.
    """
    samples = [text.strip() for text in texts if text.strip()][:_SAMPLES]
    digits = [text for text in samples if _DIGITS.fullmatch(text)]
    words = [text for text in samples if not _DIGITS.fullmatch(text)]
    forms = _candidates(words)
    dated = sum(is_iso(text) or any(_reads(text, form) for form in forms) for text in words)
    if samples and dated >= _SHARE_OF_TEXT * len(samples):
        return True
    if not digits or not _IDENTIFIERS.isdisjoint(_tokens(name)[-1:]):
        return False
    plausible = sum(bool(_epoch(text)) or any(_reads(text, form) for form in _NUMBERS) for text in digits)
    return plausible >= _SHARE_OF_DIGITS * len(samples)


def formats_of(texts: Iterable[str]) -> list[str]:
    """Return the formats that read most of the values, at least half of them.

    >>> formats_of(["31/01/2025", "01/02/2025", "unknown"]), formats_of(["1738303200"])
    (['%d/%m/%Y'], ['epoch_s'])
    """
    samples = [text.strip() for text in texts if text.strip()][:_SAMPLES]
    epochs = [_epoch(text) for text in samples]
    found = next((name for name in epochs if name), None)
    if found and epochs.count(found) * 2 >= len(samples):
        return [found]
    counts = {form: sum(_reads(text, form) for text in samples) for form in _candidates(samples)}
    most = max(counts.values(), default=0)
    return [form for form, count in counts.items() if count == most and count * 2 >= len(samples)]


def advice(column: str, texts: Sequence[str]) -> str:
    """Return the keys to write for a column with such values, as one sentence."""
    found = formats_of(texts)
    off = "or `time: off` if it is not a time"
    if not found:
        known = ", ".join((ISO, *EPOCHS))
        return (
            f'declare it under data, as `time: {{column: {column}, format: "%d.%m.%Y %H:%M"}}` (or a '
            f"format of {known}), {off}"
        )
    ways = " or ".join(f'`time: {{column: {column}, format: "{form}"}}`' for form in found)
    both = ", whichever is right," if len(found) > 1 else ""
    return f"write {ways}{both} under data, {off}"


def misplaced(name: str, last: str) -> str:
    """Return the message that a key is a time and another one is the last."""
    return (
        f"{name!r}, one of data.keys, is a time, but the last of them is {last!r}: write the time last, or "
        f"`time: {{column: {name}}}` under data, or `time: off` if rows are not chosen by time"
    )


def _tokens(name: str) -> list[str]:
    return [token.lower() for token in _TOKENS.findall(name)]


def _candidates(texts: Sequence[str]) -> list[str]:
    """Return the formats that read one of the first values that have the shape of a date."""
    shaped = [text for text in texts if len(text) <= _LONGEST and _SHAPE.fullmatch(text)][:10]
    return [form for form in FORMATS if any(_reads(text, form) for text in shaped)]


def _reads(text: str, form: str) -> bool:
    return reads(text, form) and datetime.strptime(text, form).year in _YEARS


def _epoch(text: str) -> str | None:
    match = re.fullmatch(r"(\d{10,19})(\.\d+)?", text)
    if match is None:
        return None
    number = int(match[1])
    return next((name for name, units in EPOCHS.items() if _FIRST <= number / units < _LAST), None)
