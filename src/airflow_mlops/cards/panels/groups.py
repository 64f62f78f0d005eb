"""Are the groups of the hold-out treated alike?"""

from __future__ import annotations

from typing import Final

from airflow_mlops.cards.core.scales import interval, number
from airflow_mlops.cards.panel import ASK, BAD, OK, Badge, Panel, Table
from airflow_mlops.cards.training import Training, count, cut
from airflow_mlops.core.records import GroupDifference, GroupRate
from airflow_mlops.core.records.groups import BEYOND, MET
from airflow_mlops.training.core.group_rates import RATES

_MOST_RATES: Final = 24
_WORDS: Final = {MET: "met", BEYOND: "missed"}


def groups_panel(training: Training) -> Panel:
    """Each limited difference between groups, and the rates of the groups."""
    found = training.evaluation.groups
    missed = [item for item in found if item.outcome == BEYOND]
    open_ = [item for item in found if item.outcome not in (BEYOND, MET)]
    badge = (
        Badge(BAD, count(len(missed), "limit") + " missed")
        if missed
        else Badge(ASK, "Not enough evidence")
        if open_
        else Badge(OK, "All met")
    )
    rows = tuple(_row(item) for item in found)
    table = Table(("Groups", "Difference in", "Value", "95 % interval", "Limit", ""), rows)
    rates = tuple(_rate(training, item, rate) for item in found for rate in item.rates)[:_MOST_RATES]
    return Panel(
        "Groups",
        _sentence((missed or open_ or list(found))[0]),
        (table, Table(("Group", "Rate", "Value", "Rows"), rates)),
        badge,
        "The largest minus the smallest rate; 95 % intervals, of all pairs of groups together.",
    )


def _sentence(item: GroupDifference) -> str:
    where = cut(item.column, 20)
    if item.difference is None:
        return f"Fewer than two groups of {where} can be judged."
    return f"{where}: {RATES[item.measure]}s differ by {number(item.difference)}, allowed is {item.limit}."


def _row(item: GroupDifference) -> tuple[str, ...]:
    value = "–" if item.difference is None else number(item.difference)
    bounds = "–" if item.low is None or item.high is None else interval(item.low, item.high)
    word = _WORDS.get(item.outcome, "not clear")
    return cut(item.column, 20), RATES[item.measure], value, bounds, item.limit, word


def _rate(training: Training, item: GroupDifference, rate: GroupRate) -> tuple[str, ...]:
    place = item.rates.index(rate) + 1
    named = f" = {cut(rate.value, 24)}" if training.samples else f", value {place}"
    value = number(rate.rate) if rate.rate is not None else training.shown(rate.skipped, 60)
    return f"{cut(item.column, 20)}{named}", RATES[item.measure], value, f"{rate.counted:,}"
