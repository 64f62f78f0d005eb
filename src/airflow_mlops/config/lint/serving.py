"""Rules about what a deployment target can do."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from airflow_mlops.config.lint.classes import lineage
from airflow_mlops.config.lint.code import resolve
from airflow_mlops.config.lint.finding import Finding, Subject
from airflow_mlops.config.lint.source import Definition
from airflow_mlops.config.models import Deploy
from airflow_mlops.rollout import targets

_RULE: Final = "target"


def target(subject: Subject) -> Iterator[Finding]:
    """A rollout asks its target for nothing that it cannot give."""
    section = subject.pipeline.deploy
    if section is None:
        return
    if section.target in targets.names():
        unsupported = targets.facts(section.target).unsupported
    else:
        found = yield from resolve(subject, ("deploy", "target"), section.target)
        unsupported = {} if found is None else _read_unsupported(found, subject)
    for key, reason in unsupported.items():
        if _is_set(section, key):
            able = [name for name in targets.names() if key not in targets.facts(name).unsupported]
            hint = f"leave it out, or use target {' or '.join(able)}" if able else "leave it out"
            yield Finding(_RULE, ("deploy", "canary", *key.split(".")), f"{reason}: {hint}")


def _is_set(section: Deploy, key: str) -> bool:
    """Whether a key below ``deploy.canary`` has a value; one that no section knows has none."""
    value: object = section.canary
    for name in key.split("."):
        value = getattr(value, name, None)
    return value is not None


def _read_unsupported(found: Definition, subject: Subject) -> Mapping[str, str]:
    """Return what the source of a target's class, or of its bases, says that it cannot do."""
    for definition in lineage(found, subject.sources).classes:
        for node in definition.node.body:
            named = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            value = getattr(node, "value", None)
            if isinstance(named, ast.Name) and named.id == "unsupported" and isinstance(value, ast.Dict):
                return _literal(value)
    return {}


def _literal(node: ast.Dict) -> Mapping[str, str]:
    try:
        return {str(key): str(value) for key, value in ast.literal_eval(node).items()}
    except ValueError:  # not a plain mapping of texts: only running it would tell
        return {}
