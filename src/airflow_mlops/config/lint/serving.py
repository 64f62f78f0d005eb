"""Rules about what a deployment target can do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_mlops.config.lint.finding import Finding, Subject

_CANARY: Final = ("deploy", "canary")


def target(subject: Subject) -> Iterator[Finding]:
    """A rollout asks its target for nothing that it cannot give."""
    section = subject.pipeline.deploy
    if section is None or section.target != "haproxy":
        return
    if section.canary.shadow is not None:
        message = "haproxy sends each request to one slot and copies none: leave it out, or use target local"
        yield Finding((*_CANARY, "shadow"), message)
    if section.canary.guards.prediction_shift is not None:
        message = "haproxy's slots cannot compare their scores: leave it out, or use target local"
        yield Finding((*_CANARY, "guards", "prediction_shift"), message)
