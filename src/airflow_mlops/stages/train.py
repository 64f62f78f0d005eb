"""Train: fit the estimator to the rows that are not held out, and log a model that takes raw rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import FeatureSet, ModelRef, TuneResult
from airflow_mlops.core.tags import DATA_DIGEST
from airflow_mlops.data.test_set import check_used
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages import first_checks, model_runs, run_facts
from airflow_mlops.stages.lessons import held_rows, judged_rows
from airflow_mlops.stages.served_answers import check_as_served
from airflow_mlops.training import estimators, groups, scorers
from airflow_mlops.training.counted_rows import log_learned
from airflow_mlops.training.fitting import fit_and_log


def run(call: StageCall) -> ModelRef:
    """Fit with the best parameters of the inputs ``tune`` (if any) over ``train.params``.

    The logged model is a scikit-learn pipeline from raw rows to predictions that carries the user's
    function inside. Its run also holds ``golden.json``, the reference ``profile.json``
    and the page of the validation.
    """
    found = call.input("features", FeatureSet)
    check_used(call.pipeline.evaluate, found)
    params = {**call.pipeline.train.params, **_best_params(call.inputs_of("tune", TuneResult))}
    recipe = model_runs.recipe(call, params)
    estimator = recipe.make()
    names = estimators.check_metrics(call.pipeline.evaluate, estimator)
    scorers.preparations(names, call.base)
    rows = judged_rows(call, found)
    classes = estimators.check_target(rows.labels(), estimator, call.pipeline.data, names)
    groups.check_classes(call.pipeline.evaluate, classes, call.pipeline.data.positive)
    first_checks.look(call, found, estimator)
    with model_runs.opened(call, {DATA_DIGEST: found.train.digest}) as run_:
        run_facts.log_start(run_, recipe, estimator, rows, found)
        fitted = fit_and_log(run_, recipe, estimator, rows, held_rows(call, found))
        check_as_served(run_, fitted.uri)
        run_facts.log_learned_scores(run_, fitted, rows, found)
        model_runs.log_profile(call, run_, fitted.raw, rows, fitted.scores)
        model_runs.log_data(call, run_, found)
        log_learned(run_, found, call.read)
        return ModelRef(
            name=call.pipeline.name,
            model_uri=fitted.uri,
            run_id=run_.run_id,
            digest=fitted.digest(recipe, rows.digests),
            params=params,
            rows=rows.rows,
            positive=fitted.positive,
            threshold=fitted.threshold,
            preprocess=fitted.learned.plan,
            rounds=fitted.learned.rounds,
            format=fitted.format,
        )


def _best_params(results: Sequence[TuneResult]) -> dict[str, Any]:
    scored = [result for result in results if result.best_score is not None]
    if results and not scored:
        raise ConfigError(f"none of the {len(results)} tuning workers found parameters: see their logs")
    if not scored:
        return {}
    return dict(max(scored, key=lambda result: (result.best_score or 0.0, -result.worker)).best_params)
