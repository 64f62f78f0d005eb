"""Rules about limits on metrics: they can be met, they point the right way, their metric is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.finding import Finding, Subject
from airflow_mlops.core.limits import Limit
from airflow_mlops.training.core.metric_facts import METRIC_FACTS, MetricFacts


def limits(subject: Subject) -> Iterator[Finding]:
    """Every limit can be met and can fail."""
    section, monitor = subject.pipeline.evaluate, subject.pipeline.monitor
    yield from _floors(("evaluate", "require"), section.require)
    if monitor and monitor.performance:
        yield from _floors(("monitor", "performance", "require"), monitor.performance.require)
    for name, limit in section.against_champion.items():
        yield from _against(("evaluate", "against_champion", name), name, limit)
    for column, required in section.slices.items():
        yield from _floors(("evaluate", "slices", column), required)
    twice = [name for number, name in enumerate(section.metrics) if name in section.metrics[:number]]
    for name in dict.fromkeys(twice):
        yield Finding(("evaluate", "metrics"), f"{name} is a duplicate", "warning")


def undeclared_metric(subject: Subject) -> Iterator[Finding]:
    """A metric with a limit is declared in evaluate.metrics."""
    section = subject.pipeline.evaluate
    for key, required in (("require", section.require), ("against_champion", section.against_champion)):
        for name in required:
            if name not in section.metrics:
                message = f"{name} is not in evaluate.metrics: add it there"
                yield Finding(("evaluate", key, name), message)


def _floors(path: KeyPath, required: Mapping[str, str]) -> Iterator[Finding]:
    for name, text in required.items():
        limit, facts, here = Limit.parse(text), METRIC_FACTS[name], (*path, name)
        if limit.is_floor != facts.larger_is_better:
            better, sign = ("larger", ">=") if facts.larger_is_better else ("smaller", "<=")
            yield Finding(here, f"{name} is better when it is {better}: write '{sign} {limit.bound:g}'")
        elif reason := _idle(limit, facts):
            yield Finding(here, f"{name} is between {facts.low:g} and {facts.high:g}: {text!r} {reason}")


def _idle(limit: Limit, facts: MetricFacts) -> str | None:
    """Say when no figure can fail a limit, or none can meet it."""
    worst, best = (facts.low, facts.high) if facts.larger_is_better else (facts.high, facts.low)
    beyond = limit.bound > best if facts.larger_is_better else limit.bound < best
    if beyond or (limit.bound == best and limit.is_strict):
        return "never holds"
    idle = limit.bound < worst if facts.larger_is_better else limit.bound > worst
    if idle or (limit.bound == worst and not limit.is_strict):
        return "always holds"
    return None


def _against(path: KeyPath, name: str, text: str) -> Iterator[Finding]:
    """The limit is for a lower bound of the difference, whose larger values are better, for losses too."""
    limit = Limit.parse(text)
    if not limit.is_floor:
        message = "the difference is better when it is larger, for losses as well"
        yield Finding(path, f"{message}: write '>= {-abs(limit.bound):g}'")
        return
    widest = METRIC_FACTS[name].high - METRIC_FACTS[name].low
    if abs(limit.bound) >= widest:
        message = f"two models differ in {name} by at most {widest:g}: {text!r} always holds or never does"
        yield Finding(path, message)
    elif widest / 2 <= limit.bound:
        message = f"{name} must be better by {limit.bound:g} than the champion's: write floors under require"
        yield Finding(path, message)
