"""What a command needs to know: by a flag, or asked at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable

from airflow_mlops.core.errors import ConfigError


def said_or_asked(
    said: str | None, flag: str, question: str, default: str, check: Callable[[str], str]
) -> str:
    """Return what the flag said, else the answer at the terminal, else the default.

    ``check`` returns a good value or raises ValueError. A bad answer is asked for again; a bad flag raises
    ConfigError, and so does an end of input.
    """
    if said is not None:
        try:
            return check(said)
        except ValueError as error:
            raise ConfigError(f"{flag} {error}") from None
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return default
    while True:
        try:
            answer = input(f"{question} [{default}]: ").strip()
        except EOFError:
            print()
            raise ConfigError(f"no answer; nothing was written: say it by {flag}") from None
        try:
            return check(answer or default)
        except ValueError as error:
            print(error)
