"""Refit: the model that passed its gate is fitted once more, on all rows, and that one is registered."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from typing import Any

import numpy as np

from airflow_mlops.config.models.budget import bytes_of
from airflow_mlops.core.errors import GateRejected
from airflow_mlops.core.records import Agreement, Evaluation, FeatureSet, ModelRef, Refit
from airflow_mlops.core.tags import DATA_DIGEST, EVALUATION, JUDGED_DIGEST, JUDGED_MODEL_URI, JUDGED_RUN
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages import model_runs, run_facts
from airflow_mlops.stages.card import copy_card
from airflow_mlops.stages.lessons import Lesson, all_rows, held_rows
from airflow_mlops.stages.served_answers import check_as_served
from airflow_mlops.training import estimators, footprint
from airflow_mlops.training.core import agreement as agree
from airflow_mlops.training.core import budget, metrics
from airflow_mlops.training.fitting import Fitted, fit_and_log
from airflow_mlops.training.tracking import TaskRun

_LOG = logging.getLogger(__name__)


def run(call: StageCall) -> Refit:
    """Fit the estimator of the input ``evaluation``'s model, with its parameters, to all ``features``.

    The judged model stays as it is: its labels and scores of the hold-out are compared with those of the new
    one. The new run has what readers of a version look for: ``golden.json``, ``profile.json`` (its scores are
    the judged model's, of rows that it had not seen) and ``evaluation.json``. Raises GateRejected when the
    evaluation did not pass.
    """
    found = call.input("features", FeatureSet)
    evaluation = call.optional("decision", Evaluation) or call.input("evaluation", Evaluation)
    judged = evaluation.model
    if not evaluation.passed:
        why = "; ".join(evaluation.reasons) or "no reason recorded"
        raise GateRejected(f"{judged.name}: not fitted once more, the evaluation did not pass: {why}")
    if why := _nothing_to_add(call, found):
        _LOG.info("the judged model is registered: %s", why)
        about = {"positive": judged.positive, "threshold": judged.threshold, "format": judged.format}
        return _refit(judged, judged.model_uri, judged.run_id, judged.digest, judged.rows, kept=why, **about)
    twin = call.mlflow.load_model(judged.model_uri)
    recipe = replace(model_runs.recipe(call, judged.params), plan=judged.preprocess, rounds=judged.rounds)
    # A label that the judged model does not know did not count in its figures either: a slip is not learned.
    rows, held = all_rows(call, found, estimators.known_classes(twin)), held_rows(call, found)
    tags = {
        DATA_DIGEST: hashlib.sha256("".join(rows.digests).encode()).hexdigest(),
        EVALUATION: "passed",
        JUDGED_MODEL_URI: judged.model_uri,
        JUDGED_RUN: judged.run_id,
        JUDGED_DIGEST: judged.digest,
    }
    with model_runs.opened(call, tags) as run_:
        estimator = recipe.make()
        run_facts.log_start(run_, recipe, estimator, rows, found)
        fitted = fit_and_log(run_, recipe, estimator, rows, held)
        check_as_served(run_, fitted.uri)
        _check_size(call, fitted.uri)
        agreement, caution, scores = _compared(twin, fitted, held)
        model_runs.log_profile(call, run_, fitted.raw, rows, scores)
        model_runs.log_data(call, run_, found)
        _log_evidence(run_, evaluation, agreement)
        digest = fitted.digest(recipe, rows.digests)
        about = {"positive": fitted.positive, "threshold": fitted.threshold, "format": fitted.format}
        more = {**about, "agreement": agreement, "caution": caution}
        refit = _refit(judged, fitted.uri, run_.run_id, digest, len(fitted.raw), **more)
        copy_card(call, evaluation, run_, refit.beside_figures)
        return refit


def _check_size(call: StageCall, model_uri: str) -> None:
    """Raise GateRejected where all rows have made the model larger than its budget."""
    limits = call.pipeline.evaluate.budget
    if limits and limits.size:
        found = footprint.size(call.mlflow.uri, model_uri)
        check = budget.size_check(found, bytes_of(limits.size), limits.size)
        if too_large := budget.beyond([check]):
            raise GateRejected(f"{call.pipeline.name}, fitted to all rows: {too_large[0]}")


def _nothing_to_add(call: StageCall, found: FeatureSet) -> str:
    """Return why the judged model itself is the one to register; empty when it is not."""
    if not call.pipeline.train.refit:
        return "train.refit is off"
    if found.test_set:
        return "the hold-out is a test set of its own, so it has learned all rows of data.source"
    return ""


def _compared(twin: Any, fitted: Fitted, held: Lesson) -> tuple[Agreement, str, np.ndarray[Any, Any] | None]:
    """Return the agreement with the judged model, what is striking about it, and that model's scores."""
    asked = held.raw()
    labels, scores = estimators.answers(twin, asked)
    numbers = estimators.task_of(twin) == metrics.REGRESSION
    pair = None if scores is None or fitted.scores is None else (scores, fitted.scores)
    agreement = agree.agreement(labels, fitted.answers, pair, numbers=numbers)
    truth = held.labels().to_numpy()
    caution = agree.caution(agreement, labels, fitted.answers, truth, numbers=numbers)
    _LOG.info("registered and judged model on the hold-out (%s rows): %s", f"{agreement.rows:,}", agreement)
    if caution:
        _LOG.warning("%s", caution)
    return agreement, caution, None if fitted.scores is None else scores


def _log_evidence(run_: TaskRun, evaluation: Evaluation, agreement: Agreement) -> None:
    """Put the judged model's figures, and the agreement with it, where readers of a version look."""
    figures = {f"holdout.{name}": value for name, value in evaluation.metrics.items()}
    parts = {
        "equal": agreement.equal,
        "correlation": agreement.correlation,
        "difference": agreement.difference,
    }
    figures |= {f"agreement.{name}": value for name, value in parts.items() if value is not None}
    run_.metrics(figures)
    run_.json(evaluation.to_json(), "evaluation.json")


def _refit(judged: ModelRef, uri: str, run_id: str, digest: str, rows: int, **more: Any) -> Refit:
    return Refit(
        name=judged.name,
        model_uri=uri,
        run_id=run_id,
        digest=digest,
        params=judged.params,
        rows=rows,
        preprocess=judged.preprocess,
        rounds=judged.rounds,
        judged=judged,
        **more,
    )
