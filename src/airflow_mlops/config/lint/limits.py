"""Rules about limits on metrics: they can be met, they point the right way, their metric is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.finding import Finding, Subject
from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.limits import Limit
from airflow_mlops.training.core.metric_facts import MetricFacts, facts

_AGAINST: Final = (("evaluate", "against_champion"), ("evaluate", "against_anchor"))
_OF_SLICES: Final = "slices_against_champion"


def limits(subject: Subject) -> Iterator[Finding]:
    """Every limit can be met and can fail."""
    for path, required in limits_by_section(subject.pipeline):
        check = _against if path in _AGAINST or path[1] == _OF_SLICES else _floor
        for name, text in required.items():
            yield from check((*path, name), name, text)


def limits_by_section(pipeline: Pipeline) -> Iterator[tuple[KeyPath, Mapping[str, str]]]:
    """Yield every mapping of metrics to limits, with its path."""
    section, monitor = pipeline.evaluate, pipeline.monitor
    yield ("evaluate", "require"), section.require
    yield from zip(_AGAINST, (section.champion_limits, section.anchor_limits), strict=True)
    for column, required in section.slices.items():
        yield ("evaluate", "slices", column), required
    for column, required in section.slices_against_champion.items():
        yield ("evaluate", _OF_SLICES, column), required
    if monitor and monitor.performance:
        yield ("monitor", "performance", "require"), monitor.performance.require


def undeclared_metric(subject: Subject) -> Iterator[Finding]:
    """A metric with a limit is declared in evaluate.metrics."""
    section = subject.pipeline.evaluate
    for key, required in (("require", section.require), ("against_champion", section.champion_limits)):
        for name in required:
            if name not in section.metrics:
                yield Finding(("evaluate", key, name), f"{name} is not in evaluate.metrics: add it there")


def _floor(path: KeyPath, name: str, text: str) -> Iterator[Finding]:
    limit, row = Limit.parse(text), facts(name)
    if limit.is_floor != row.larger_is_better:
        better, sign = ("larger", ">=") if row.larger_is_better else ("smaller", "<=")
        yield Finding(path, f"{name} is better when it is {better}: write '{sign} {limit.bound:g}'")
    elif reason := _idle(limit, row):
        yield Finding(path, f"{name} is between {row.low:g} and {row.high:g}: {text!r} {reason}")


def _idle(limit: Limit, row: MetricFacts) -> str | None:
    """Say when no figure can fail a limit, or none can meet it."""
    worst, best = (row.low, row.high) if row.larger_is_better else (row.high, row.low)
    if not limit.holds(best):
        return "never holds"
    return "always holds" if limit.holds(worst) else None


def _against(path: KeyPath, name: str, text: str) -> Iterator[Finding]:
    """The limit is for a lower bound of the difference, whose larger values are better, for losses too."""
    limit = Limit.parse(text)
    if not limit.is_floor:
        message = "the difference is better when it is larger, for losses as well"
        yield Finding(path, f"{message}: write '>= {-abs(limit.bound):g}'")
        return
    row = facts(name)
    widest = row.high - row.low
    if abs(limit.bound) >= widest:
        message = f"two models differ in {name} by at most {widest:g}: {text!r} always holds or never does"
        yield Finding(path, message)
    elif widest / 2 <= limit.bound:
        message = f"{name} must be better by {limit.bound:g} than the champion's: write floors under require"
        yield Finding(path, message)
