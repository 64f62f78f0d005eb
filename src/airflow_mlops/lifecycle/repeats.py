"""Tasks that do the same in a row, such as the approvals of several people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from airflow_mlops.lifecycle.task import Task


def repeated_rows(rows: Sequence[Task], pipeline: Any) -> tuple[Task, ...]:
    """Return the rows of one DAG, each as often as the pipeline asks for.

    A further task takes the record of the one before. Tasks that take the record take that of the last one;
    tasks that only follow, follow all of them, so that a rejection by any one skips them.
    """
    counts = {row.id: _count(row, pipeline) for row in rows if row.repeats}
    last = {id_: _id(id_, count) for id_, count in counts.items() if count > 1}
    if not last:
        return tuple(rows)
    found: list[Task] = []
    for row in rows:
        inputs = {name: last.get(giver, giver) for name, giver in row.inputs.items()}
        after = tuple(id_ for earlier in row.after for id_ in _ids(earlier, counts.get(earlier, 1)))
        first = replace(row, inputs=inputs, after=after)
        found += [first, *_further(first, counts.get(row.id, 1))]
    return tuple(found)


def _count(row: Task, pipeline: Any) -> int:
    found = pipeline
    for key in row.repeats.split("."):
        found = getattr(found, key, None)
    return int(found or 1)


def _further(row: Task, count: int) -> Iterator[Task]:
    for number in range(2, count + 1):
        before = _id(row.id, number - 1)
        copy = replace(
            row, id=_id(row.id, number), of=row.id, stage=row.stage_module, operator=row.operator_class
        )
        if row.continues in row.inputs:
            yield replace(copy, inputs={**row.inputs, row.continues: before})
        else:
            yield replace(copy, reads={**row.reads, row.continues: before}, after=(before,))


def _ids(id_: str, count: int) -> tuple[str, ...]:
    return tuple(_id(id_, number) for number in range(1, count + 1))


def _id(id_: str, number: int) -> str:
    return id_ if number == 1 else f"{id_}_{number}"
