"""Rules about secrets: the file contains none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from airflow_mlops.config.lint.finding import Finding, Subject, texts

_WORDS: Final = r"(password|passwd|pwd|secret|token|(api|access|secret|private|account|storage)_?key)"
_SECRET_KEY: Final = re.compile(rf"(^|[_\-.]){_WORDS}s?$", re.IGNORECASE)
# Every repeat that can begin anywhere is bounded: the time stays proportional to the length of a text.
_SECRET_SHAPES: Final = {
    "a password": re.compile(r"\b(?!github:)[a-z][a-z0-9+.-]{0,20}://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE),
    "a secret in the query": re.compile(
        rf"[?&;][\w\-]*({_WORDS}|x-amz-signature|(?<=[?&])sig)=[^&\s]+", re.IGNORECASE
    ),
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a webhook's address": re.compile(
        r"\bhttps://(hooks\.slack\.com/services|discord(app)?\.com/api/webhooks|[\w.-]{1,60}\.webhook\.office\.com)/\w"
    ),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a token": re.compile(
        r"\b(gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w\-]{16,}|xox[abpr]-[\w\-]{10,}"
        r"|eyJ[\w\-]{10,500}\.eyJ[\w\-]{10,}|sk-[A-Za-z0-9_\-]{20,}|AIza[\w\-]{35}|hf_[A-Za-z0-9]{30,}"
        r"|[sr]k_(live|test)_[A-Za-z0-9]{16,}|npm_[A-Za-z0-9]{30,}|dapi[0-9a-f]{32}|pypi-AgE[\w\-]{20,})"
    ),
    "an authorization": re.compile(r"^(Bearer|Basic)\s+[A-Za-z0-9+/=._\-]{8,}$", re.IGNORECASE),
}
_CAMEL_CASE: Final = re.compile(r"([a-z0-9])([A-Z])")
_ADVICE: Final = "put it into an Airflow connection or variable, as '{{ var.value.name }}'"


def secrets(subject: Subject) -> Iterator[Finding]:
    """No text has the shape of a secret, and no key that is named for one has a value to read."""
    for path, text in texts(subject.values):
        if found := secret_in(text):
            yield Finding(path, found)
        elif text and "{{" not in text and _SECRET_KEY.search(_CAMEL_CASE.sub(r"\1_\2", str(path[-1]))):
            yield Finding(path, f"is a secret in clear text: {_ADVICE}")


def secret_in(text: str) -> str | None:
    """Return what to do about a text that has the shape of a secret, or None."""
    found = next((what for what, shape in _SECRET_SHAPES.items() if shape.search(text)), None)
    return f"contains {found} in clear text: {_ADVICE}" if found else None
