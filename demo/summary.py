"""Gathers what the demo did from MLflow, the rollout store and Airflow, for `.demo/summary.json`."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from demo.airflow_api import Airflow, Json
from demo.layout import PIPELINE, Layout
from demo.life import DEPLOY, MONITOR, TRAIN


def gather(layout: Layout, api: Airflow, windows: list[Json], seconds: float) -> Json:
    """Return everything that is worth keeping, as JSON values."""
    versions, aliases = _versions(layout)
    rollouts = _rollouts(layout, versions)
    runs = {dag_id: [_run(run) for run in api.runs(dag_id)] for dag_id in (TRAIN, DEPLOY, MONITOR)}
    return {
        "pipeline": PIPELINE,
        "champion": aliases.get("champion"),
        "previous": aliases.get("previous"),
        "aliases": aliases,
        "versions": versions,
        "alias_moves": _alias_moves(rollouts),
        "rollouts": rollouts,
        "monitor": [_window(window) for window in windows],
        "retrain": _retrain(api),
        "runs": runs,
        "stages": _stages(api, runs),
        "traffic": _traffic(layout),
        "seconds": round(seconds, 1),
    }


def _versions(layout: Layout) -> tuple[list[Json], dict[str, int]]:
    from airflow_mlops.training.tracking import connect

    client = connect(layout.tracking_uri)
    aliases = {str(k): int(v) for k, v in client.get_registered_model(PIPELINE).aliases.items()}
    found = sorted(client.search_model_versions(f"name='{PIPELINE}'"), key=lambda one: int(one.version))
    versions = [
        {
            "version": int(one.version),
            "run_id": one.run_id,
            "created": one.creation_timestamp / 1000,
            "aliases": sorted(alias for alias, version in aliases.items() if version == int(one.version)),
            "tags": dict(one.tags),
        }
        for one in found
    ]
    return versions, aliases


def _rollouts(layout: Layout, versions: list[Json]) -> list[Json]:
    from airflow_mlops.rollout.core import result
    from airflow_mlops.rollout.store.store import RolloutStore

    store = RolloutStore(str(layout.root / "rollouts.db"))
    ids = [one["tags"].get("mlops.rollout.id") for one in versions]
    return [result(state).to_json() for one in ids if one and (state := store.find(one))]


def _alias_moves(rollouts: list[Json]) -> list[Json]:
    """Return every move of ``champion`` and ``previous`` with its time, oldest first."""
    moves = []
    for rollout in rollouts:
        if rollout["outcome"] == "PROMOTED":
            at = datetime.fromtimestamp(rollout["history"][-1]["at"], UTC).isoformat(timespec="seconds")
            moves.append({"alias": "champion", "version": rollout["model_version"], "at": at})
            if rollout["champion_version"] is not None:
                moves.append({"alias": "previous", "version": rollout["champion_version"], "at": at})
    return sorted(moves, key=lambda move: str(move["at"]))


def _window(window: Json) -> Json:
    drift, performance, triage = window["drift"] or {}, window["performance"] or {}, window["triage"] or {}
    return {
        "month": str(window["start"])[:7],
        "run_id": window["run_id"],
        "rows": (window["observe"] or {}).get("dataset", {}).get("rows"),
        "drift": drift.get("verdict"),
        "drifted": drift.get("drifted", []),
        "effects": {one["column"]: round(one["effect"], 4) for one in drift.get("columns", [])},
        "performance": performance.get("verdict"),
        "metrics": performance.get("metrics", {}),
        "action": triage.get("action"),
        "reason": triage.get("reason"),
    }


def _retrain(api: Airflow) -> Json | None:
    events = api.asset_events(f"{PIPELINE}/retrain")
    if not events:
        return None
    event = events[-1]
    return {
        "cause": event["extra"],
        "emitted_by": event["source_run_id"],
        "at": event["timestamp"],
        "started": [run["run_id"] for run in event["created_dagruns"]],
    }


def _run(run: Json) -> Json:
    kept = ("dag_run_id", "run_type", "state", "start_date", "end_date")
    return {key: run[key] for key in kept}


def _stages(api: Airflow, runs: dict[str, list[Json]]) -> list[Json]:
    """Sum seconds per task over all runs: wall by Airflow, wall and CPU of the stage by its operator."""
    sums: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for dag_id, of_dag in runs.items():
        for run in of_dag:
            for task in api.tasks(dag_id, run["dag_run_id"]):
                row = sums[dag_id, task["task_id"]]
                row["tasks"] += 1
                row["task_seconds"] += task["duration"] or 0.0
                cost = _cost(api, task)
                row["seconds"] += cost.get("seconds", 0.0)
                row["cpu_seconds"] += cost.get("cpu_seconds", 0.0)
    return [
        {"dag": dag_id, "task": task_id, **{key: round(value, 2) for key, value in row.items()}}
        for (dag_id, task_id), row in sums.items()
    ]


def _cost(api: Airflow, task: Json) -> dict[str, Any]:
    if task["state"] not in ("success", "failed"):
        return {}
    found = api.xcom(task["dag_id"], task["dag_run_id"], task["task_id"], "mlops_cost", task["map_index"])
    return dict(found or {})


def _traffic(layout: Layout) -> Json:
    report = layout.root / "traffic.json"
    found: Json = json.loads(report.read_text()) if report.exists() else {}
    return found
