"""Findings of checks, their output, and the removal of secrets from it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Final

_HIDDEN: Final = "***"
_SHORTEST: Final = 3
_IN_URL: Final = re.compile(r"(\w[\w+.-]*)://(\S*)@")
_NAMED: Final = re.compile(r"(?i)\b(password|passwd|token|secret|api_key)=[^\s&'\"]+")


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_NEEDED = "not needed"


@dataclass(frozen=True)
class Finding:
    """The result of one check in one sentence; ``fix`` is the next command or step."""

    check: str
    status: Status
    message: str
    fix: str = ""


def ok(check: str, message: str) -> Finding:
    """Return the finding of a check that is fine."""
    return Finding(check, Status.OK, message)


def warning(check: str, message: str, fix: str) -> Finding:
    """Return the finding of something that works but is rarely intended, or that could not be checked."""
    return Finding(check, Status.WARNING, message, fix)


def failed(check: str, message: str, fix: str) -> Finding:
    """Return the finding of something that keeps a pipeline from running."""
    return Finding(check, Status.FAILED, message, fix)


def not_needed(check: str, message: str, fix: str = "") -> Finding:
    """Return the finding of something that no pipeline here uses."""
    return Finding(check, Status.NOT_NEEDED, message, fix)


def worst(findings: Iterable[Finding]) -> Status:
    """Return failed, else warning, else ok."""
    found = {finding.status for finding in findings}
    return next((status for status in (Status.FAILED, Status.WARNING) if status in found), Status.OK)


def without_secrets(findings: Iterable[Finding], secrets: Iterable[str]) -> list[Finding]:
    """Return the findings with every known secret and every password of a URL replaced by ``***``."""
    known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST}, key=len, reverse=True)
    return [
        replace(item, message=_hidden(item.message, known), fix=_hidden(item.fix, known)) for item in findings
    ]


def _hidden(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return _NAMED.sub(rf"\1={_HIDDEN}", _IN_URL.sub(_hidden_login, text))


def _hidden_login(match: re.Match[str]) -> str:
    """Keep ``s3://conn_id@bucket``, which names a connection and not a login."""
    scheme, login = match.groups()
    secret = ":" in login or scheme.startswith("http")
    return f"{scheme}://{_HIDDEN if secret else login}@"


def as_text(findings: Sequence[Finding]) -> str:
    """Return one aligned line per check, each followed by its fix, and a line of counts."""
    width = max((len(finding.check) for finding in findings), default=0)
    lines = []
    for finding in findings:
        lines.append(f"{finding.status:<10}  {finding.check:<{width}}  {_one_line(finding.message)}")
        if finding.fix:
            lines.append(f"{'':<10}  {'':<{width}}  → {_one_line(finding.fix)}")
    counted = [f"{sum(item.status == status for item in findings)} {status}" for status in Status]
    return "\n".join([*lines, "", ", ".join(counted)])


def as_json(findings: Sequence[Finding]) -> str:
    """Return an object with the worst status and one object per check."""
    document = {"status": worst(findings), "checks": [asdict(finding) for finding in findings]}
    return json.dumps(document, indent=2, ensure_ascii=False)


def _one_line(text: str) -> str:
    return " ".join(text.split())
