"""Rules about what a deployment target can do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from airflow_mlops.config.lint.finding import Finding, Subject
from airflow_mlops.config.lint.functions import class_attribute
from airflow_mlops.config.models import Deploy
from airflow_mlops.rollout import targets


def target(subject: Subject) -> Iterator[Finding]:
    """A rollout asks its target for nothing that it cannot give."""
    section = subject.pipeline.deploy
    if section is None:
        return
    if section.target in targets.names():
        unsupported: Mapping[str, str] = targets.facts(section.target).unsupported
    else:
        path = ("deploy", "target")
        declared = yield from class_attribute(subject, path, section.target, "unsupported")
        unsupported = declared if isinstance(declared, dict) else {}
    for key, reason in unsupported.items():
        if _is_set(section, key):
            able = [name for name in targets.names() if key not in targets.facts(name).unsupported]
            hint = f"leave it out, or use target {' or '.join(able)}" if able else "leave it out"
            yield Finding(("deploy", "canary", *key.split(".")), f"{reason}: {hint}")


def _is_set(section: Deploy, key: str) -> bool:
    """Whether a key below ``deploy.canary`` has a value; one that no section knows has none."""
    value: object = section.canary
    for name in key.split("."):
        value = getattr(value, name, None)
    return value is not None
