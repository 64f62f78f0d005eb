"""Rules about the gate: each of its keys has something to decide."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_mlops.config.lint.finding import Finding, Subject


def gate(subject: Subject) -> Iterator[Finding]:
    """No key of the comparison with earlier versions is ignored."""
    section = subject.pipeline.evaluate
    written = section.model_fields_set
    if section.against_champion is None:
        for key in ("on_inconclusive", "against_anchor"):
            if key in written and getattr(section, key) is not None:
                message = "ignored with against_champion: off, which refuses nothing: remove one of the two"
                yield Finding(("evaluate", key), message)
        return
    if section.asks and subject.pipeline.approve is None:
        message = "ask needs people to ask: add `approve: {by: [...]}`, or write reject or accept"
        yield Finding(("evaluate", "on_inconclusive"), message)
    compared = section.against_champion or dict.fromkeys(section.metrics[:1], "")
    for name in section.anchor_limits:
        if name not in compared:
            message = f"{name} is not compared with earlier versions: add it to evaluate.against_champion"
            yield Finding(("evaluate", "against_anchor", name), message)
