"""What does the model cost when it is served?"""

from __future__ import annotations

from typing import Final

from airflow_mlops.cards.panel import ASK, BAD, OK, Badge, Panel, Table
from airflow_mlops.cards.training import Training, cut
from airflow_mlops.core.records import BudgetCheck
from airflow_mlops.core.records.groups import BEYOND, MET

_WORDS: Final = {MET: "met", BEYOND: "beyond"}
_NAMES: Final = {"latency": "Time of one row", "size": "Size of files"}


def budget_panel(training: Training) -> Panel:
    """Time and size of the logged model against ``evaluate.budget``."""
    found = training.evaluation.budget
    beyond = [item for item in found if item.outcome == BEYOND]
    open_ = [item for item in found if item.outcome not in (BEYOND, MET)]
    badge = Badge(BAD, "Beyond") if beyond else Badge(ASK, "Not judged") if open_ else Badge(OK, "Met")
    rows = tuple(
        (_named(item), _short(item), item.limit, _WORDS.get(item.outcome, "not judged")) for item in found
    )
    first = (beyond or open_ or list(found))[0]
    sentence = f"{_named(first)}: {_short(first)}, the budget is {first.limit}."
    times = [f"One row: {cut(item.figures, 120)}." for item in found if item.name == "latency"]
    note = " ".join([*times, "Measured where evaluate ran, in one process, without HTTP."])
    if open_:
        note += " Not judged: the machine was too busy, or the times vary around the budget."
    head = ("Cost", "Measured", "Budget", "")
    return Panel("Budget", sentence, (Table(head, rows),), badge, note)


def _named(item: BudgetCheck) -> str:
    return _NAMES.get(item.name, item.name)


def _short(item: BudgetCheck) -> str:
    return f"{item.value * 1e3:.3g} ms" if item.name == "latency" else item.figures
