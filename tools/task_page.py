"""The reference page of all tasks, from the life-cycle table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import get_args

from airflow_mlops.lifecycle.table import TASKS, Kind, Task


def task_page(tasks: Iterable[Task] = TASKS) -> str:
    """Return the page: for each DAG a table of its tasks, with what happens when a task rejects."""
    rows = tuple(tasks)
    lines = [
        "# Tasks",
        "",
        "Generated from the life-cycle table (`airflow_mlops/lifecycle/table.py`) by `make docs`.",
        "",
        "A task exists if the pipeline file has its section; *always* needs none. Every task reads `name`;",
        "*reads* lists the other top-level keys. *Takes* lists the tasks whose records it gets, *record* is",
        "the class in `airflow_mlops.core` that it returns.",
    ]
    for kind in get_args(Kind):
        lines += _dag(kind, [task for task in rows if task.dag == kind])
    return "\n".join(lines) + "\n"


def _dag(kind: str, tasks: list[Task]) -> Iterator[str]:
    yield from ("", f"## `<name>__{kind}`", "")
    yield from ("| task | what it does | section | reads | takes | record |", "|---|---|---|---|---|---|")
    for task in tasks:
        mapped = " One instance per tuning worker." if task.mapped else ""
        takes = dict.fromkeys((*task.inputs.values(), *task.reads.values()))
        cells = (
            f"`{task.id}`",
            f"{task.does}{mapped}",
            _exists(task),
            _keys(task.sections),
            ", ".join(takes) or "–",
            f"`{task.record}`",
        )
        yield f"| {' | '.join(cells)} |"
    rejections = [task for task in tasks if task.rejection]
    if rejections:
        yield from ("", "| task | when it rejects |", "|---|---|")
        yield from (f"| `{task.id}` | {task.rejection} |" for task in rejections)


def _exists(task: Task) -> str:
    needed = f"`{task.exists_with}`" if task.section else "always"
    return f"{needed}, not with `{task.without}`" if task.without else needed


def _keys(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "–"
