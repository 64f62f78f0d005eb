"""One DAG of a pipeline, as whatever draws, builds or runs it sees it."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_mlops.lifecycle.task import Kind, Task


@dataclass(frozen=True)
class Shape:
    """One DAG of a pipeline: its id, when it runs, and its tasks in the order of their work.

    ``assets`` are the names or URIs of those that start it. ``before`` and ``after`` are the ids of a user's
    own tasks, ``own_edges`` what they follow and precede.
    """

    dag_id: str
    kind: Kind
    schedule: tuple[str, ...]
    tasks: tuple[Task, ...]
    assets: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    own_edges: tuple[tuple[str, str], ...] = ()

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Every pair of tasks that follow each other."""
        ids = {task.id for task in self.tasks}
        own = tuple(
            (earlier, task.id)
            for task in self.tasks
            for earlier in dict.fromkeys((*task.inputs.values(), *task.after))
            if earlier in ids
        )
        return (*own, *self.own_edges)

    @property
    def task_ids(self) -> tuple[str, ...]:
        """The ids of all tasks, a user's own included."""
        return (*self.before, *(task.id for task in self.tasks), *self.after)
