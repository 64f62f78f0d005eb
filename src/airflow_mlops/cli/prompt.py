"""A value from a flag, or asked for at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable

from airflow_mlops.cli.dispatch import WrongCall


def flag_or_prompt(
    value: str | None, flag: str, question: str, default: str, check: Callable[[str], str]
) -> str:
    """Return the value of a flag, else the answer at the terminal, else the default.

    ``check`` returns a valid value or raises ValueError. The question is repeated after an answer that is not
    valid; a flag that is not valid raises WrongCall, and so does an end of input.
    """
    if value is not None:
        try:
            return check(value)
        except ValueError as error:
            raise WrongCall(f"{flag} {error}") from None
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return default
    while True:
        try:
            answer = input(f"{question} [{default}]: ").strip()
        except EOFError:
            print()
            raise WrongCall(f"no answer; nothing was written: use the flag {flag}") from None
        try:
            return check(answer or default)
        except ValueError as error:
            print(error)
