"""What an error of a model's own code says, as text that every answer can hold."""

from __future__ import annotations


def text_of(error: BaseException, most: int = 200) -> str:
    """Return what an error says, on one line of at most ``most`` characters; empty if it cannot say it.

    Halves of surrogate pairs, which UTF-8 cannot hold, become ``?``.

    >>> text_of(ValueError("no\\n room \\ud800"))
    'no room ?'
    """
    try:
        words = " ".join(str(error).split())[:most]
    except Exception:  # noqa: BLE001 - the error is of a model's own class, and its text may fail as well
        return ""
    return words.encode("utf-8", "replace").decode()
