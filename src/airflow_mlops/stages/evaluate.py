"""Evaluate: metrics on the hold-out, limits, and the comparison with earlier versions on the same rows."""

from __future__ import annotations

from airflow_mlops.core.errors import MlopsError
from airflow_mlops.core.records import Evaluation, FeatureSet, ModelRef
from airflow_mlops.data.sources.quoting import error_text
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages.card import log_unjudged
from airflow_mlops.stages.judging import judged


def run(call: StageCall) -> Evaluation:
    """Judge the input ``model`` on the hold-out of ``features``.

    The verdict is in ``passed`` and ``reasons``; nothing is raised for a bad model. One that cannot be judged
    (no figure, no column) raises the reason, which its card and its MLflow run have too.
    ``evaluate.on_inconclusive`` decides when the hold-out does not show whether the limits against earlier
    versions are met.
    """
    model, features = call.input("model", ModelRef), call.input("features", FeatureSet)
    try:
        return judged(call, features, model)
    except MlopsError as error:
        if not error.retryable:  # another try gives the same answer
            log_unjudged(call, features, model, str(error))
        raise
    except Exception as error:  # the model's own code ran here, or memory was not enough
        text = error_text(error, samples=call.quotes_cells)
        log_unjudged(call, features, model, f"{type(error).__name__}: {text}")
        raise
