"""How event times are written: the formats that can be declared, and whether a declaration is valid."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from airflow_mlops.core.suggestions import did_you_mean

ISO: Final = "iso"
EPOCHS: Final[Mapping[str, int]] = {"epoch_s": 1, "epoch_ms": 10**3, "epoch_us": 10**6, "epoch_ns": 10**9}
"""The names of counts since 1970-01-01 UTC, each with its units per second."""
DIRECTIVES: Final = "YymdHIMSfpzbBaAj"
_WIDTHS: Final = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "j": 3}
_LETTERS: Final = (
    ("yyyy", "%Y"), ("yy", "%y"), ("dd", "%d"), ("hh", "%H"), ("ss", "%S"), ("mi", "%M"),
)  # fmt: skip
_SAMPLE: Final = datetime(2025, 1, 31, 6, 30, tzinfo=UTC)
_NEEDS: Final = (
    ("M", "HI", "%M is the minute and needs the hour, %H; the month is %m"),
    ("I", "p", "%I is an hour from 1 to 12 and needs %p; an hour from 0 to 23 is %H"),
    ("p", "I", "%p has an effect only beside %I, an hour from 1 to 12"),
    ("S", "M", "%S is the second and needs the minute, %M"),
    ("f", "S", "%f is a part of a second and needs %S"),
    ("d", "mbB", "%d is the day of a month and needs the month, %m"),
    ("HI", "dj", "an hour needs the day, %d"),
)
"""Directives that need one of others: without it, strptime would take a January, a morning or a midnight."""


def check_time_format(text: str) -> str:
    """Return ``text`` when it is a format of event times; raises ValueError.

    >>> check_time_format("%d.%m.%Y"), check_time_format("epoch_ms")
    ('%d.%m.%Y', 'epoch_ms')
    """
    names = (ISO, *EPOCHS)
    if text in names:
        return text
    given = re.findall(r"%(.?)", text.replace("%%", ""))
    if not given:
        meant = _from_letters(text)
        hint = f" (did you mean {meant}?)" if meant else did_you_mean(text, names)
        raise ValueError(
            f"a time format must be written with directives such as %d.%m.%Y, or be one of "
            f"{', '.join(names)}, got {text!r:.80}{hint}"
        )
    wrong = next((letter for letter in given if letter not in DIRECTIVES or not letter), None)
    if wrong is not None:
        known = " ".join(f"%{letter}" for letter in DIRECTIVES)
        raise ValueError(f"%{wrong} cannot be used in a time format, got {text!r:.80}; known: {known}")
    if not {"Y", "y"} & set(given):
        raise ValueError(f"a time format needs the year, %Y or %y, got {text!r:.80}")
    for some, others, reason in _NEEDS:
        if set(some) & set(given) and not set(others) & set(given):
            raise ValueError(f"a time format must be complete, got {text!r:.80}: {reason}")
    try:  # a directive twice and the like
        datetime.strptime(_SAMPLE.strftime(text), text)
    except (ValueError, re.error) as error:
        raise ValueError(f"a time format must be readable by strptime, got {text!r:.80}: {error}") from None
    return text


def reads(text: str, form: str) -> bool:
    """Whether a value, as text, can be read by a checked format other than ``iso``.

    >>> reads("31.01.2025", "%d.%m.%Y"), reads("1738303200", "epoch_s"), reads("", "epoch_s")
    (True, True, False)
    """
    if form in EPOCHS:
        return bool(re.fullmatch(r"-?\d{1,18}(\.\d*)?", text, re.ASCII))
    width = digits_of(form)
    if width is not None and len(text) != width:
        return False
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def digits_of(text: str) -> int | None:
    """Return the width of a format that is written in digits only, else None.

    Whole numbers lose their leading zeros, and text of another width could be read in two ways.

    >>> digits_of("%d%m%Y"), digits_of("%d.%m.%Y")
    (8, None)
    """
    widths = [_WIDTHS.get(letter) for letter in re.findall(r"%(.)", text)]
    if re.sub(r"%.", "", text) or not widths or None in widths:
        return None
    return sum(width or 0 for width in widths)


def _from_letters(text: str) -> str | None:
    """Return the directives that ``dd.mm.yyyy`` and its like stand for, or None."""
    found = text.lower()
    for letters, directive in _LETTERS:
        found = found.replace(letters, directive)
    date, clock, rest = found.partition("%H")
    rest = re.sub(r"^(\W?)mm", r"\1%M", rest)  # beside the hour it is the minute
    found = f"{date}{clock}{rest}".replace("mm", "%m")
    return found if "%Y" in found and not re.search(r"(?<!%)[a-su-z]", found.lower()) else None
