"""The page of tasks shows every row of the life-cycle table, and one that is added."""

from __future__ import annotations

from airflow_mlops.lifecycle.table import TASKS, Task
from tools.task_page import task_page


def test_every_task_is_on_the_page_with_its_sentence() -> None:
    page = task_page()
    for task in TASKS:
        assert f"| `{task.id}` | {task.does}" in page
        assert not task.rejection or f"| `{task.id}` | {task.rejection} |" in page


def test_a_task_that_is_added_appears_in_its_dag() -> None:
    made_up = Task(
        id="explain",
        dag="train",
        does="Explains the model.",
        record="Explanation",
        section="train.explain",
        config=("train", "data"),
        inputs={"model": "train"},
        reads={"evaluation": "evaluate"},
        rejection="A model that cannot be explained fails the run.",
    )
    page = task_page((*TASKS, made_up))
    cells = "Explains the model. | `train.explain` | `train`, `data` | train, evaluate | `Explanation`"
    train = page.partition("## `<name>__train`")[2].partition("## `<name>__deploy`")[0]
    assert f"| `explain` | {cells} |" in train
    assert "| `explain` | A model that cannot be explained fails the run. |" in train
