"""Defaults that depend on other keys, as sentences for the end of ``render``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_mlops.config.models import Pipeline

_WITHOUT_EVIDENCE: Final = "when the hold-out does not give enough evidence"


def remarks(pipeline: Pipeline) -> Iterator[str]:
    """Yield one sentence for each default that the effective configuration cannot show."""
    section = pipeline.evaluate
    if section.against_champion is None:
        yield "evaluate.against_champion is off: the champion is compared and shown, and no model is refused"
    elif not section.against_champion:
        yield (
            f"evaluate.against_champion is not set: a model that is clearly worse than the champion by "
            f"{section.metrics[0]} (its whole 95 % interval is below 0) is refused"
        )
    if section.against_champion is not None and section.on_inconclusive is None:
        yield f"evaluate.on_inconclusive is not set: {section.policy} ({_WITHOUT_EVIDENCE})"
    limited = {"slices_against_champion": section.slices_against_champion, "groups": section.groups}
    keys = [f"evaluate.{key}" for key, limits in limited.items() if limits]
    if keys and section.on_inconclusive is None and section.policy_of_parts != section.policy:
        policy = f"{section.policy_of_parts} for {' and '.join(keys)}"
        yield f"evaluate.on_inconclusive is not set: {policy} ({_WITHOUT_EVIDENCE})"
    if pipeline.approve and pipeline.approve.author is None:
        found = "refuse" if pipeline.approve.refuses_author else "allow"
        yield f"approve.author is not set: {found} (whether the author of a model may approve it)"
