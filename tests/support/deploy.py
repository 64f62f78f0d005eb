"""A pipeline with registered versions, its model server and its registry, for tests of the deploy DAG."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.records import DeployRequest
from airflow_mlops.hooks.rollouts import airflow_rollouts
from airflow_mlops.rollout.core import RolloutPlan
from airflow_mlops.rollout.driver import RolloutDriver
from airflow_mlops.rollout.plan import plan_rollout
from airflow_mlops.training.registry import Registry
from tests.support.airflow import DEPLOY, Ran, connection, model_server, project, run
from tests.support.server import Client

Snapshot = dict[str, Any]


def rollout_driver(pipeline: Pipeline, registry: Registry | None = None) -> RolloutDriver:
    """Return a driver of the pipeline's rollouts; without a registry it moves traffic only."""
    assert pipeline.deploy is not None
    rollouts = airflow_rollouts()
    target = rollouts.target(pipeline.deploy.target, pipeline.deploy.conn_id)
    return RolloutDriver(rollouts.store(), target, registry)


def rollout_plan(pipeline: Pipeline, request: DeployRequest) -> RolloutPlan:
    """Return the plan that the rollout task makes of a request."""
    assert pipeline.deploy is not None
    return plan_rollout(
        pipeline.deploy.canary,
        name=request.name,
        model_version=request.model_version,
        model_uri=f"models:/{request.name}/{request.model_version}",
        champion_version=request.champion_version,
        request=request.request,
    )


@dataclass
class Stage:
    """A pipeline with two registered versions, its model server and its registry."""

    name: str
    folder: Path
    registry: Registry
    client: Client

    def deploy(self, **conf: Any) -> Ran:
        """Run the deploy DAG with a run configuration."""
        return run(self.dag, run_conf=conf)

    @property
    def dag(self) -> DAG:
        return self.with_sections()

    def with_sections(self, **sections: Any) -> DAG:
        """Return the deploy DAG of a file that has these sections too."""
        canary = {**DEPLOY["canary"], **sections.pop("canary", {})}
        deploy = {"canary": canary, "conn_id": f"{self.name}_server"}
        return project(self.folder, name=self.name, deploy=deploy, **sections)["deploy"]

    def snapshot(self) -> Snapshot:
        """Who has the traffic and the aliases now."""
        state = self.client.get("/admin/state").json()
        aliases = {name: self.registry.get(name) for name in ("champion", "previous", "challenger")}
        return {"traffic": (state["champion"], state["weights"]), "epoch": state["epoch"], **aliases}


@contextmanager
def staged(name: str, folder: Path, mlflow_uri: str) -> Iterator[Stage]:
    """Train three versions and serve them; none is champion yet."""
    conn_id = f"{name}_server"
    for alpha in (1.0, 2.0, 3.0):
        train = {"estimator": "sklearn.linear_model.RidgeClassifier", "params": {"alpha": alpha}}
        ran = run(project(folder, name=name, deploy={"conn_id": conn_id}, train=train)["train"])
        assert ran.state == "success", ran.errors
    with model_server(name, mlflow_uri, folder / "server") as client:
        patch = connection(conn_id, client.admin_url)
        yield Stage(name, folder, Registry(mlflow_uri, name), client)
        patch.undo()
