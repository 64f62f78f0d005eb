"""Rules about limits on metrics: they can be met, they point the right way, their metric is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.finding import Finding, Subject
from airflow_mlops.core.limits import Limit
from airflow_mlops.training.core.metric_facts import METRIC_FACTS, MetricFacts

_RULE: Final = "limits"


def limits(subject: Subject) -> Iterator[Finding]:
    """Every limit can be met and can fail."""
    section, monitor = subject.pipeline.evaluate, subject.pipeline.monitor
    yield from _floors(("evaluate", "require"), section.require)
    if monitor and monitor.performance:
        yield from _floors(("monitor", "performance", "require"), monitor.performance.require)
    for name, limit in section.against_champion.items():
        yield from _against(("evaluate", "against_champion", name), name, limit)
    for column, given in section.slices.items():
        yield from _floors(("evaluate", "slices", column), given)
    twice = [name for number, name in enumerate(section.metrics) if name in section.metrics[:number]]
    for name in dict.fromkeys(twice):
        yield Finding(_RULE, ("evaluate", "metrics"), f"{name} is named twice", "warning")


def named(subject: Subject) -> Iterator[Finding]:
    """What has a limit is among the metrics."""
    section = subject.pipeline.evaluate
    for key, given in (("require", section.require), ("against_champion", section.against_champion)):
        for name in given:
            if name not in section.metrics:
                message = f"{name} is not in evaluate.metrics: add it there, so that it is seen"
                yield Finding(_RULE, ("evaluate", key, name), message)


def _floors(path: KeyPath, given: Mapping[str, str]) -> Iterator[Finding]:
    for name, limit in given.items():
        sign, bound = _read(limit)
        row = METRIC_FACTS[name]
        wanted = ">" if row.larger_is_better else "<"
        here = (*path, name)
        if sign[0] != wanted:
            better = "larger" if row.larger_is_better else "smaller"
            yield Finding(_RULE, here, f"{name} is better when it is {better}: write '{wanted}= {bound:g}'")
        elif reason := _idle(sign, bound, row):
            yield Finding(
                _RULE, here, f"{name} lies between {row.low:g} and {row.high:g}: {limit!r} {reason}"
            )


def _idle(sign: str, bound: float, row: MetricFacts) -> str | None:
    """Say when no figure can fail a limit, or none can meet it."""
    better, worst, best = (1, row.low, row.high) if row.larger_is_better else (-1, row.high, row.low)
    above_worst, below_best = (bound - worst) * better, (best - bound) * better
    if below_best < 0 or (below_best == 0 and len(sign) == 1):
        return "never holds"
    if above_worst < 0 or (above_worst == 0 and len(sign) == 2):
        return "always holds"
    return None


def _against(path: KeyPath, name: str, limit: str) -> Iterator[Finding]:
    """The limit is held against a lower bound whose larger values are better, for losses as well."""
    sign, bound = _read(limit)
    if sign[0] == "<":
        message = (
            f"the difference is better when it is larger, for losses as well: write '>= {-abs(bound):g}'"
        )
        yield Finding(_RULE, path, message)
        return
    widest = METRIC_FACTS[name].high - METRIC_FACTS[name].low
    if widest / 2 <= bound < widest:
        message = f"asks for a {name} better by {bound:g} than the champion's: a floor stands in require"
        yield Finding(_RULE, path, message)
    elif abs(bound) >= widest:
        always = "always holds or never does"
        yield Finding(_RULE, path, f"two models differ in {name} by at most {widest:g}: {limit!r} {always}")


def _read(limit: str) -> tuple[str, float]:
    found = Limit.parse(limit)
    return found.sign, found.bound
