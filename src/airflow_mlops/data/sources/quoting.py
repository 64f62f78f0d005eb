"""Quotes of cells in messages: with ``validate.samples: none`` every sentence does without them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from airflow_mlops.core.address import without_secrets
from airflow_mlops.core.errors import MlopsError

_HIDDEN: Final = "whose text may quote cells and is not shown (validate.samples is none)"
_WITHOUT_CELLS: Final = re.compile(
    r"Expected \d+ fields in line \d+, saw \d+|EOF inside string starting at row \d+"
    r"|No columns to parse from file|unexpected keyword argument '\w+'|unknown encoding: [\w-]+"
    r"|Usecols do not match columns, columns expected but not found: \[[^]]*\]"
    r"|'[\w-]+' codec can't decode"
)
"""Parts of libraries' messages that name lines, arguments and columns, and no cell."""


def such_as(
    cells: Iterable[Any], *, samples: bool, words: str = ", such as ", longest: int = 40, after: str = ""
) -> str:
    """Return a part of a sentence that quotes cells, or an empty text.

    :param cells: what is quoted, each as Python writes it.
    :param samples: whether cells may be quoted.
    :param words: what stands before them.
    :param longest: characters after which a cell is cut.
    :param after: what stands behind them.

    >>> such_as(["007", "010"], samples=True), such_as(["007"], samples=False), such_as([], samples=True)
    (", such as '007', '010'", '', '')
    """
    shown = ", ".join(repr(cell)[:longest] for cell in cells) if samples else ""
    return f"{words}{shown}{after}" if shown else ""


def error_text(error: BaseException, *, samples: bool, longest: int = 300) -> str:
    """Return what a library reports, in one line and without secrets.

    Where cells may not be quoted, that is the part of it that is known to have none, or else only its type.

    >>> error_text(ValueError("could not convert 'Ann'"), samples=True)
    "could not convert 'Ann'"
    >>> error_text(ValueError("could not convert 'Ann'"), samples=False)
    'ValueError, whose text may quote cells and is not shown (validate.samples is none)'
    >>> error_text(ValueError("C error: Expected 2 fields in line 3, saw 4"), samples=False)
    'Expected 2 fields in line 3, saw 4'
    """
    text = without_secrets(" ".join(str(error).split())) or type(error).__name__
    if not samples:
        plain = _WITHOUT_CELLS.search(text)
        return plain[0] if plain else f"{type(error).__name__}, {_HIDDEN}"
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


@contextmanager
def without_causes(*, samples: bool) -> Iterator[None]:
    """Take the causes off errors of this package, and the text off others, where cells may not be quoted.

    A log shows the causes of an error with it, and a library's own message may quote cells.
    """
    try:
        yield
    except MlopsError as error:
        if samples:
            raise
        raise error from None
    except Exception as error:
        if samples:
            raise
        raise RuntimeError(error_text(error, samples=False)).with_traceback(error.__traceback__) from None
