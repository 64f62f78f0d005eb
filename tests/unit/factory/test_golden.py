"""The DAGs of the valid files, held against golden files; ``UPDATE_GOLDEN=1`` writes them anew."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_mlops.config.loader import load_pipeline
from airflow_mlops.factory.builder import build
from airflow_mlops.lifecycle.table import shapes

TESTS = Path(__file__).parents[2]
VALID = sorted((TESTS / "corpus" / "valid").glob("*.yaml"))


def picture(dag: DAG) -> dict[str, Any]:
    timetable = dag.timetable
    condition = getattr(timetable, "asset_condition", None)
    assets = sorted(getattr(asset, "name", None) or asset.uri for asset in getattr(condition, "objects", ()))
    cron = getattr(getattr(timetable, "timetable", timetable), "expression", None)
    return {
        "schedule": {"cron": cron, "assets": assets},
        "catchup": dag.catchup,
        "owner": dag.default_args["owner"],
        "tags": sorted(dag.tags),
        "tasks": {
            task.task_id: {
                "operator": task.task_type,
                "after": sorted(task.upstream_task_ids),
                "updates": [asset.name for asset in task.outlets],
                "mapped": task.is_mapped,
                "teardown": task.is_teardown,
                "pool": f"{task.pool}/{task.pool_slots}/{task.priority_weight}",
                "tries": f"{task.retries} after {task.retry_delay}, x{task.retry_exponential_backoff:g}, "
                f"at most {task.max_retry_delay}",
                "timeout": str(task.execution_timeout),
            }
            for task in dag.tasks
        },
    }


def variants(file: Path) -> list[str | None]:
    return [None, "dev", "alone"] if file.stem == "profiled" else [None]


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.stem)
def test_the_dags_of_a_file_are_as_they_were(file: Path) -> None:
    found = {
        profile or "": {dag_id: picture(dag) for dag_id, dag in build(load_pipeline(file, profile)).items()}
        for profile in variants(file)
    }
    golden = TESTS / "golden" / f"{file.stem}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(golden.read_text())


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.stem)
def test_the_graph_that_needs_no_airflow_is_that_of_the_real_dags(file: Path) -> None:
    for profile in variants(file):
        pipeline = load_pipeline(file, profile)
        real = build(pipeline)
        drawn = {shape.dag_id: shape for shape in shapes(pipeline)}
        assert drawn.keys() == real.keys()
        for dag_id, shape in drawn.items():
            edges = {(first, task.task_id) for task in real[dag_id].tasks for first in task.upstream_task_ids}
            assert set(shape.edges) == edges
            assert set(shape.task_ids) == set(real[dag_id].task_ids)
            updates: dict[str, list[str]] = {name: [] for name in (*shape.before, *shape.after)}
            updates |= {
                task.id: [f"{pipeline.name}/{name}"] if (name := task.updates(pipeline)) else []
                for task in shape.tasks
            }
            assert updates == {
                task.task_id: [asset.name for asset in task.outlets] for task in real[dag_id].tasks
            }
            assets = picture(real[dag_id])["schedule"]["assets"]
            assert sorted(name.rstrip("/") for name in shape.assets) == assets
