"""The judgement of a model: figures, limits, earlier versions on the same rows; kept with the model's run.

`evaluate` judges by it, and `register` once more where another version has become the champion since.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_mlops.core.records import BudgetCheck, Check, Evaluation, FeatureSet, ModelRef
from airflow_mlops.core.tags import EVALUATION, GATE_OUTCOME
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages.card import log_card
from airflow_mlops.stages.gate_decision import decided
from airflow_mlops.stages.rivals import held_against
from airflow_mlops.training import assessment, estimators, footprint, groups, scorers, slice_contest, slices
from airflow_mlops.training.contest import Challenge
from airflow_mlops.training.core import budget, gates, metrics
from airflow_mlops.training.threads import shared_cores
from airflow_mlops.training.units_of_rows import units_of

if TYPE_CHECKING:
    import pandas as pd

_LOG = logging.getLogger(__name__)


def judged(
    call: StageCall, features: FeatureSet, model: ModelRef, *, before: Evaluation | None = None
) -> Evaluation:
    """Judge a model on the hold-out of ``features`` and write figures, verdict and card to its MLflow run.

    The verdict is in ``passed`` and ``reasons``; nothing is raised for a bad model. With the evaluation
    ``before``, of the same model against another champion, what the model costs is not measured again, and
    nobody can be asked any more: without enough evidence the model is then refused.
    """
    section = call.pipeline.evaluate
    rows = call.read(features.holdout)
    target = rows.pop(call.pipeline.data.target)
    loaded = call.mlflow.load_model(model.model_uri)
    names = estimators.check_metrics(section, loaded)
    scoring = scorers.scoring(call.pipeline.data, names, call.base, samples=call.quotes_cells)
    learned = call.read(features.train, [call.pipeline.data.target])[call.pipeline.data.target]
    with shared_cores():
        outcome = estimators.ask(loaded, rows, target, scoring)
        beside = assessment.beside(learned, outcome, names)
        units = units_of(rows, call.pipeline.data, timed=features.holdout.times is not None)
        challenge = Challenge(rows, target, outcome, units, scoring)
        rivals = held_against(call, features, challenge, names)
        sliced = slices.judge(rows, outcome, section, units)
        sliced_against = slice_contest.against_champion(challenge, rivals.champion, section)
        between = groups.judge(rows, outcome, section, units)
        costs = before.budget if before else _costs(call, model, loaded, rows)
    figures = metrics.compute(names, outcome)
    checks = tuple(gates.check(name, figures[name], limit) for name, limit in section.require.items())
    own_reasons = (*gates.floor_reasons(checks), *gates.slice_reasons(sliced), *budget.beyond(costs))
    found = Evaluation(
        model=model,
        metrics=figures,
        checks=checks,
        slices=sliced,
        against_slices=sliced_against,
        rows=outcome.rows,
        of_class=beside.of_class,
        test_set=features.test_set,
        caution="; ".join(filter(None, (beside.caution, *budget.unclear(costs)))),
        dummy=beside.dummy,
        unknown_labels=beside.unknown_labels,
        groups=between,
        budget=costs,
    )
    evaluation = decided(call, found, own_reasons, rivals, may_ask=before is None)
    card = log_card(call, evaluation, features, loaded, challenge, rivals.champion)
    evaluation = replace(evaluation, card=card)
    _log(call, evaluation)
    return evaluation


def _costs(call: StageCall, model: ModelRef, loaded: Any, rows: pd.DataFrame) -> tuple[BudgetCheck, ...]:
    """Measure the model against ``evaluate.budget``."""
    limits = call.pipeline.evaluate.budget
    return tuple(footprint.cost(limits, call.mlflow.uri, model.model_uri, loaded, rows))


def _log(call: StageCall, evaluation: Evaluation) -> None:
    """Write figures and verdict to the MLflow run of the model and to the log."""
    run_ = call.mlflow.run(evaluation.model.run_id)
    run_.metrics({f"holdout.{name}": value for name, value in evaluation.metrics.items()})
    run_.json(evaluation.to_json(), "evaluation.json")
    for item in evaluation.slices:
        found = ", ".join(f"{check.name} {check.value:.4f}{_ends(check)}" for check in item.checks)
        _LOG.info("%s=%s: %s rows, %s", item.column, item.value, f"{item.rows:,}", found or item.skipped)
    for part in evaluation.against_slices:
        found = ", ".join(f"{each.metric} {each.interval}, {each.outcome}" for each in part.comparisons)
        text = "%s=%s against the champion: %s rows, %s"
        _LOG.info(text, part.column, part.value, f"{part.rows:,}", found or part.skipped)
    for text in filter(None, (evaluation.caution, evaluation.not_compared)):
        _LOG.warning("%s", text)
    ending = "passed" if evaluation.passed else "asks" if evaluation.asks else "failed"
    run_.tag({EVALUATION: ending, **({GATE_OUTCOME: evaluation.outcome} if evaluation.outcome else {})})
    _LOG.info("evaluation %s: %s; %s", ending, evaluation.summary, "; ".join(evaluation.reasons))
    if skipped := [
        item.skipped for items in (evaluation.slices, evaluation.against_slices) for item in items
    ]:
        silent = sum(map(bool, skipped))
        run_.metrics({"slices.judged": float(len(skipped) - silent), "slices.not_judged": float(silent)})
    if evaluation.dummy:
        run_.metrics({f"dummy.{name}": value for name, value in evaluation.dummy.items()})


def _ends(check: Check) -> str:
    return "" if check.low is None or check.high is None else f" ({check.low:.4f} to {check.high:.4f})"
