"""Rules about secrets: none stands in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.finding import Finding, Subject

_RULE: Final = "secrets"
_NAMED: Final = re.compile(
    r"(^|_)(password|passwd|pwd|secret|token|api_?key|access_?key|secret_?key|private_?key)s?$", re.IGNORECASE
)
_IN_URI: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)
_ADVICE: Final = "put it into an Airflow connection or variable, as '{{ var.value.name }}'"


def secrets(subject: Subject) -> Iterator[Finding]:
    """No password stands in a URI, and no key that is named for a secret has a value to read."""
    yield from _walk(subject.values, ())


def _walk(value: Any, path: KeyPath) -> Iterator[Finding]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _walk(item, (*path, number))
    elif isinstance(value, str) and "{{" not in value:
        if _IN_URI.search(value):
            yield Finding(_RULE, path, f"a password in clear text: {_ADVICE}")
        elif value and _NAMED.search(str(path[-1])):
            yield Finding(_RULE, path, f"a secret in clear text: {_ADVICE}")
