"""The command ``graph``: the DAGs of a pipeline, as text or as a Mermaid flow chart, without Airflow."""

from __future__ import annotations

import argparse
import re

from airflow_mlops.config.loader import load_pipeline
from airflow_mlops.config.models import Pipeline
from airflow_mlops.lifecycle.table import Shape, Task, shapes


def graph(arguments: argparse.Namespace) -> int:
    """Print the DAGs of a pipeline file; returns 0."""
    draw = as_mermaid if arguments.format == "mermaid" else as_text
    print(draw(load_pipeline(arguments.file, arguments.profile)), end="")
    return 0


def as_text(pipeline: Pipeline) -> str:
    """Return the DAGs one after the other: schedule, then each task with those it follows."""
    return "\n".join(_text(pipeline, shape) for shape in shapes(pipeline))


def as_mermaid(pipeline: Pipeline) -> str:
    """Return a Mermaid flow chart: one box per DAG, joined by the assets that start them."""
    lines = ["flowchart LR"]
    joins: list[str] = []
    boxes: dict[str, str] = {}

    def box(asset: str) -> str:
        return boxes.setdefault(asset, f"asset_{_id(asset.removeprefix(f'{pipeline.name}/'))}")

    for shape in shapes(pipeline):
        labels = {task.id: _label(task) for task in shape.tasks}
        lines.append(f'  subgraph {shape.kind}["{shape.dag_id}"]')
        lines += [f'    {shape.kind}_{_id(name)}["{labels.get(name, name)}"]' for name in shape.task_ids]
        lines += [f"    {shape.kind}_{_id(one)} --> {shape.kind}_{_id(other)}" for one, other in shape.edges]
        lines.append("  end")
        for task in shape.tasks:
            if name := task.updates(pipeline):
                joins.append(f"  {shape.kind}_{task.id} -.-> {box(f'{pipeline.name}/{name}')}")
        first = f"{shape.kind}_{_id(shape.task_ids[0])}"
        joins += [f"  {box(asset)} -.-> {first}" for asset in shape.assets]
    named = [f'  {id_}(["{asset}"])' for asset, id_ in boxes.items()]
    return "\n".join([*lines, *named, *joins]) + "\n"


def _text(pipeline: Pipeline, shape: Shape) -> str:
    lines = [f"{shape.dag_id}  ({' or '.join(shape.schedule) or 'by hand'})"]
    tasks = {task.id: task for task in shape.tasks}
    for id_ in shape.task_ids:
        before = [first for first, second in shape.edges if second == id_]
        after = f"  after {', '.join(before)}" if before else ""
        asset = tasks[id_].updates(pipeline) if id_ in tasks else None
        updates = f"  → asset {pipeline.name}/{asset}" if asset else ""
        label = _label(tasks[id_]) if id_ in tasks else id_
        lines.append(f"  {label}{after}{updates}")
    return "\n".join(lines) + "\n"


def _id(name: str) -> str:
    """Return a name as a part of a Mermaid id."""
    return re.sub(r"\W", "_", name)


def _label(task: Task) -> str:
    return f"{task.id} ×n" if task.mapped else task.id
