"""Retrain: a finding becomes the request for a new training."""

from __future__ import annotations

from airflow_mlops.core.errors import NothingToDo
from airflow_mlops.core.records import RetrainRequest, Triage
from airflow_mlops.lifecycle.call import StageCall


def run(call: StageCall) -> RetrainRequest:
    """Return why to train again; raises NothingToDo when the input ``triage`` asks for something else."""
    triage = call.input("triage", Triage)
    if triage.action != "retrain":
        raise NothingToDo(f"no retraining: {triage.action}: {triage.reason}")
    return RetrainRequest(
        causes=triage.causes,
        reason=triage.reason,
        model_version=triage.model_version,
        window=(triage.start, triage.end),
        until=triage.end,
    )
