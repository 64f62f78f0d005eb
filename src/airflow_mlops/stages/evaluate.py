"""Evaluate: metrics on the hold-out, limits, and the comparison with earlier versions on the same rows."""

from __future__ import annotations

from airflow_mlops.core.records import Evaluation, FeatureSet, ModelRef
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages.judging import judged


def run(call: StageCall) -> Evaluation:
    """Judge the input ``model`` on the hold-out of ``features``.

    The verdict is in ``passed`` and ``reasons``; nothing is raised for a bad model.
    ``evaluate.on_inconclusive`` decides when the hold-out does not show whether the limits against earlier
    versions are met.
    """
    model = call.input("model", ModelRef)
    return judged(call, call.input("features", FeatureSet), model)
