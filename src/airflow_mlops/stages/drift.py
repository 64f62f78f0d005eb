"""Compares a scored window with the reference profile of the champion's training."""

from __future__ import annotations

from typing import Final

from airflow_mlops.config.models import Drift
from airflow_mlops.core.records import DriftReport, ScoredWindow
from airflow_mlops.lifecycle.call import StageCall

_SCORE: Final = "_score"


def run(call: StageCall) -> DriftReport:
    """Return and store the drift report of the input ``window``.

    Streams the window's Parquet file. Keys, times, the target and the model's outputs are not
    compared; the score is compared on its own. Raises ConfigError when the champion's run has no
    profile, BackendError when MLflow or storage does not answer.
    """
    from airflow_mlops.monitoring.core.drift.profiles import Profile
    from airflow_mlops.monitoring.core.drift.quality import quality_findings
    from airflow_mlops.monitoring.core.drift.verdict import judge
    from airflow_mlops.monitoring.history import MonitorHistory
    from airflow_mlops.monitoring.profile import window_profile

    window = call.input("window", ScoredWindow)
    section = (call.pipeline.monitor and call.pipeline.monitor.drift) or Drift.model_validate({})
    data = call.pipeline.data
    history = MonitorHistory(call.artifacts, call.pipeline.name, call.storage)
    profile = Profile.from_json(
        history.profile(window.model_version, window.run_id, lambda: _download(call, window.run_id))
    )
    left_out = {*data.keys, data.target}
    reference = {name: column for name, column in profile.columns.items() if name not in left_out}
    compared = reference if profile.score is None else {**reference, _SCORE: profile.score}
    found = window_profile(window.dataset.uri, compared, call.storage)
    judged = judge(
        compared,
        found,
        score=_SCORE,
        rows=window.dataset.rows,
        threshold=section.threshold,
        min_share=section.min_share,
    )
    report = DriftReport(
        start=window.start,
        end=window.end,
        model_version=window.model_version,
        rows=window.dataset.rows,
        columns=judged.columns,
        score=judged.score,
        drifted=judged.drifted,
        threshold=section.threshold,
        verdict=judged.verdict,
        quality=quality_findings(reference, found),
        learned_times=profile.times,
    )
    history.write(report)
    return report


def _download(call: StageCall, run_id: str) -> dict[str, object]:
    # Observing the window has stored the profile already: MLflow, seconds to import, is the exception.
    from airflow_mlops.monitoring.champion import load_profile

    return load_profile(call.mlflow.uri, run_id)
