"""Places that serve models, by the name that a pipeline file uses. A new one is one line here."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any, Final, cast

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.rollout.targets.base import Target

TARGETS: Final[Mapping[str, str]] = {
    "local": "airflow_mlops.rollout.targets.local:LocalTarget",
    "haproxy": "airflow_mlops.rollout.targets.haproxy.target:HaproxyTarget",
}


def build_target(kind: str, **options: Any) -> Target:
    """Return the target ``kind`` made with ``options``; raises ConfigError for an unknown kind."""
    path = TARGETS.get(kind)
    if path is None:
        close = difflib.get_close_matches(kind, TARGETS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ConfigError(f"unknown deployment target {kind!r}; known: {', '.join(TARGETS)}{hint}")
    module, _, name = path.partition(":")
    return cast(Target, getattr(importlib.import_module(module), name)(**options))


__all__ = ["TARGETS", "Target", "build_target"]
