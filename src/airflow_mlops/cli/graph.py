"""The command ``graph``: the DAGs of a pipeline, as text or as a Mermaid flow chart, without Airflow."""

from __future__ import annotations

import argparse

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
    assets: dict[str, None] = {}
    for shape in shapes(pipeline):
        lines.append(f'  subgraph {shape.kind}["{shape.dag_id}"]')
        lines += [f'    {shape.kind}_{task.id}["{_label(task)}"]' for task in shape.tasks]
        lines += [f"    {shape.kind}_{first} --> {shape.kind}_{second}" for first, second in shape.edges]
        lines.append("  end")
        for task in shape.tasks:
            if name := task.updates(pipeline):
                assets[name] = None
                joins.append(f"  {shape.kind}_{task.id} -.-> asset_{name}")
        for text in shape.schedule:
            if text.startswith("asset "):
                name = text.rpartition("/")[2]
                assets[name] = None
                joins.append(f"  asset_{name} -.-> {shape.kind}_{shape.tasks[0].id}")
    boxes = [f'  asset_{name}(["{pipeline.name}/{name}"])' for name in assets]
    return "\n".join([*lines, *boxes, *joins]) + "\n"


def _text(pipeline: Pipeline, shape: Shape) -> str:
    lines = [f"{shape.dag_id}  ({' or '.join(shape.schedule) or 'by hand'})"]
    for task in shape.tasks:
        before = [first for first, second in shape.edges if second == task.id]
        after = f"  after {', '.join(before)}" if before else ""
        asset = task.updates(pipeline)
        updates = f"  → asset {pipeline.name}/{asset}" if asset else ""
        lines.append(f"  {_label(task)}{after}{updates}")
    return "\n".join(lines) + "\n"


def _label(task: Task) -> str:
    return f"{task.id} ×n" if task.mapped else task.id
