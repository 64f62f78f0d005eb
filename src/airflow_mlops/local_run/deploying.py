"""Approval and rollout of a version on one machine."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Any, Final

from airflow_mlops.core.address import shown
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import DatasetRef, DeployRequest, FeatureSet, summarize
from airflow_mlops.local_run.context import Scene, TaskEnd
from airflow_mlops.training.registry import Registry

_ROWS: Final = 5_000
_ANSWERS: Final = {"y": True, "yes": True, "n": False, "no": False}


def why_not_here(scene: Scene) -> str:
    """Return why this machine cannot roll the version out, or nothing when it can."""
    if not scene.place.shared:
        return ""
    version = scene.results.get("register", {}).get("model_version")
    return (
        f"not from here, MLflow at {shown(scene.place.tracking_uri)} serves others too: version {version} "
        f"waits as challenger for the DAG {scene.pipeline.name}__deploy"
    )


def prepare(scene: Scene) -> TaskEnd:
    """Say which version is asked for, beside which champion, and what the gate saw."""
    registry = _registry(scene)
    version = int(scene.results["register"]["model_version"])
    evaluation = registry.evaluation(version)
    request = DeployRequest(
        name=scene.pipeline.name,
        action="deploy",
        model_version=version,
        champion_version=registry.get("champion"),
        metrics=evaluation.metrics if evaluation else {},
        comparisons=evaluation.comparisons if evaluation else (),
        reason="passed its gate",
    ).to_json()
    return TaskEnd("success", request, summarize(request))


def approve(scene: Scene) -> TaskEnd:
    """Ask at the terminal, unless the call has said yes; without a terminal the run waits."""
    request = scene.results["prepare"]
    version = request["model_version"]
    what = f"version {version} of {scene.pipeline.name}"
    if scene.yes:
        return _answered(scene, version, agreed=True, how="--yes")
    if scene.show.interactive:
        for line in _evidence(request):
            scene.show.note(line)
        for _ in range(3):
            given = scene.show.ask(f"  Deploy {what}? [y/n] ").strip().lower()
            if given in _ANSWERS:
                return _answered(scene, version, agreed=_ANSWERS[given], how="at the terminal")
            if not given:
                break
    return TaskEnd("waiting", None, f"{what}: nobody has said yes", f"{what} waits for a person's yes")


def rollout(scene: Scene) -> TaskEnd:
    """Carry the version through its canary, with replayed hold-out rows for callers, to champion or back."""
    from airflow_mlops.core.progress import report
    from airflow_mlops.local_run.local_canary import Rehearsal, hastened, rehearse
    from airflow_mlops.rollout.core import result
    from airflow_mlops.rollout.plan import plan_rollout

    request, deploy = DeployRequest.from_json(scene.results["prepare"]), scene.pipeline.deploy
    if deploy is None:
        raise ConfigError(f"pipeline {scene.pipeline.name} has no `deploy` section")
    plan = plan_rollout(
        deploy.canary,
        name=request.name,
        model_version=request.model_version,
        model_uri=f"models:/{request.name}/{request.model_version}",
        champion_version=request.champion_version,
    )
    if request.champion_version is not None:
        scene.show.note(
            "canary on a model server of this run; hold-out rows are its callers, hold is cut to 1 s"
        )
    rows, labels = _callers(scene)
    state, counts = rehearse(
        hastened(plan),
        Rehearsal(
            place=scene.place,
            registry=_registry(scene),
            rows=rows,
            labels=labels,
            tell=scene.show.note,
            look=report,
        ),
    )
    record = result(state).to_json()
    sent = f" ({counts['requests']:,} requests, {counts['failed']} failed)" if counts["requests"] else ""
    return TaskEnd("success", record, summarize(record) + sent)


def finalize(scene: Scene) -> TaskEnd:
    """Say how the rollout ended; anything but a promotion is a no."""
    record = scene.results["rollout"]
    version, champion = record["model_version"], record["champion_version"]
    if record["outcome"] == "PROMOTED":
        before = f", version {champion} is previous" if champion else ""
        return TaskEnd("success", record, f"version {version} is the champion{before}")
    stays = f"; version {champion} stays champion" if champion else ""
    why = f"version {version} {record['outcome']}: {record['reason']}{stays}"
    return TaskEnd("refused", record, "", why)


def restore(scene: Scene) -> TaskEnd:  # noqa: ARG001 - every task gets the scene
    """Nothing: a rollout on this machine has ended when its task has, or the next run goes on with it."""
    return TaskEnd("skipped", None, "no half-done rollout is left")


def _answered(scene: Scene, version: int, *, agreed: bool, how: str) -> TaskEnd:
    """Keep the answer on the version; a refused one is no challenger any more."""
    registry, who = _registry(scene), f"{getpass.getuser()} ({how})"
    chosen, at = "Approve" if agreed else "Reject", datetime.now(UTC).isoformat(timespec="seconds")
    registry.tag(version, {"mlops.approval": chosen, "mlops.approval.by": who, "mlops.approval.at": at})
    answer = {"chosen": chosen, "by": who, "at": at}
    if agreed:
        return TaskEnd("success", answer, f"approved by {who}")
    if registry.get("challenger") == version:
        registry.delete("challenger")
    return TaskEnd("refused", answer, f"refused by {who}", f"version {version} was refused by {who}")


def _evidence(request: dict[str, Any]) -> list[str]:
    champion = request["champion_version"]
    lines = [f"champion now: {f'version {champion}' if champion else 'none, this is the first'}"]
    lines += [f"{name} {value:.4f}" for name, value in request["metrics"].items()]
    lines += [
        f"{item['metric']} {item['difference']:+.4f} against the champion on the same rows "
        f"(95 % interval {item['low']:+.4f} to {item['high']:+.4f}, limit {item['limit']})"
        for item in request["comparisons"]
    ]
    return lines


def _callers(scene: Scene) -> tuple[list[dict[str, Any]], list[Any]]:
    """Return hold-out rows as JSON objects without the target, and the target of each."""
    from airflow_mlops.data.datasets import read_dataset
    from airflow_mlops.training.models import json_rows, plain

    holdout: DatasetRef = FeatureSet.from_json(scene.results["features"]).holdout
    frame = read_dataset(holdout).head(_ROWS)
    labels = [plain(value) for value in frame.pop(scene.pipeline.data.target)]
    names = [str(name) for name in frame.columns]
    return [dict(zip(names, row, strict=True)) for row in json_rows(frame)], labels


def _registry(scene: Scene) -> Registry:
    return Registry(scene.place.tracking_uri, scene.pipeline.name)
