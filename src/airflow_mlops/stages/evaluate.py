"""Evaluate: metrics on the hold-out, limits, and the comparison with the champion on the same rows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from airflow_mlops.core.errors import BackendError, ConfigError, DataRejected
from airflow_mlops.core.records import Comparison, Evaluation, FeatureSet, ModelRef
from airflow_mlops.core.tags import EVALUATION, JUDGED_MODEL_URI
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages.card import log_card
from airflow_mlops.training import assessment, estimators, scorers, slices
from airflow_mlops.training.core import gates, metrics
from airflow_mlops.training.core.comparison import Statistic, negated, paired_bootstrap
from airflow_mlops.training.threads import shared_cores

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Contest:
    """The champion's part of the gate: its version, the comparisons, or why there could be none."""

    version: int | None = None
    comparisons: tuple[Comparison, ...] = ()
    inconclusive: str = ""
    not_compared: str = ""


def run(call: StageCall) -> Evaluation:
    """Judge the input ``model`` on the hold-out of ``features``.

    The verdict is in ``passed`` and ``reasons``; nothing is raised for a bad model. A champion that
    cannot score these rows makes the comparison inconclusive, and that does not pass.
    """
    model, section = call.input("model", ModelRef), call.pipeline.evaluate
    features = call.input("features", FeatureSet)
    rows = call.read(features.holdout)
    target = rows.pop(call.pipeline.data.target)
    loaded = call.mlflow.load_model(model.model_uri)
    names = estimators.check_metrics(section, loaded)
    scoring = scorers.scoring(call.pipeline.data, names, call.base, samples=call.quotes_cells)
    learned = call.read(features.train, [call.pipeline.data.target])[call.pipeline.data.target]
    with shared_cores():
        outcome = estimators.ask(loaded, rows, target, scoring)
        beside = assessment.beside(learned, outcome, names)
        contest = _against_champion(call, outcome, rows, target, names, scoring)
        sliced = slices.judge(rows, outcome, section)
    figures = metrics.compute(names, outcome)
    checks = tuple(gates.check(name, figures[name], limit) for name, limit in section.require.items())
    reasons = (*gates.reasons(checks, contest.comparisons), *gates.slice_reasons(sliced))
    if contest.inconclusive:
        reasons = (*reasons, contest.inconclusive)
    evaluation = Evaluation(
        model=model,
        metrics=figures,
        checks=checks,
        comparisons=contest.comparisons,
        slices=sliced,
        champion_version=contest.version,
        rows=outcome.rows,
        passed=not reasons,
        reasons=reasons,
        of_class=beside.of_class,
        not_compared=contest.not_compared,
        test_set=features.test_set,
        caution="; ".join(filter(None, (beside.caution, _caution(call, contest, features.test_set)))),
        dummy=beside.dummy,
        unknown_labels=beside.unknown_labels,
    )
    evaluation = replace(evaluation, card=log_card(call, evaluation, features, loaded, rows, target, outcome))
    _log(call, evaluation)
    return evaluation


def _against_champion(
    call: StageCall,
    challenger: metrics.Outcome,
    rows: pd.DataFrame,
    target: pd.Series,
    names: Sequence[str],
    scoring: metrics.Scoring,
) -> _Contest:
    """Compare with the champion on the same rows: by the limits, else by the first metric, to be seen."""
    limits = call.pipeline.evaluate.against_champion
    version = call.registry.get("champion")
    if version is None:
        return _Contest()
    asked = limits or dict.fromkeys(names[:1], "")
    try:
        twin = call.registry.version(version).tags.get(JUDGED_MODEL_URI)  # has not learned these rows
        champion = call.mlflow.load_model(twin or f"models:/{call.pipeline.name}/{version}")
        answered = estimators.ask(champion, rows, target, scoring)
        if answered.task != challenger.task:
            raise ConfigError(f"it does {answered.task}, the challenger does {challenger.task}")
        found = tuple(_compare(name, challenger, answered, limit) for name, limit in asked.items())
    except Exception as error:  # the champion's own code runs here: whatever it raises counts
        text = (
            f"{type(error).__name__}: {error}"
            if not isinstance(error, ConfigError | DataRejected)
            else str(error)
        )
        if not limits:
            return _Contest(version, not_compared=text)
        if isinstance(error, BackendError):  # MLflow may answer when this is tried again
            raise
        return _Contest(
            version,
            inconclusive=f"inconclusive: champion version {version} cannot score this hold-out ({text}); "
            "bring its columns back, or move the alias champion on purpose",
        )
    return _Contest(version, found)


def _caution(call: StageCall, contest: _Contest, test_set: str) -> str:
    """Return that the champion may have learned from the test set, unless it was judged on the same one."""
    if not test_set or not contest.comparisons or contest.version is None:
        return ""
    before = call.registry.evaluation(contest.version)
    if before is not None and before.test_set == test_set:
        return ""
    return (
        f"version {contest.version} was trained before this test set was set apart: it may have learned from "
        "rows of it, and its figures may be too good"
    )


def _compare(name: str, challenger: metrics.Outcome, champion: metrics.Outcome, limit: str) -> Comparison:
    larger = metrics.facts(name).larger_is_better
    both = metrics.comparable(challenger, champion)
    first, second = (_oriented(name, outcome, larger) for outcome in both)
    interval = paired_bootstrap(first, second, challenger.rows)
    return gates.compare(name, interval, limit, larger_is_better=larger)


def _oriented(name: str, outcome: metrics.Outcome, larger: bool) -> Statistic:
    statistic = metrics.statistic(name, outcome)
    return statistic if larger else negated(statistic)


def _log(call: StageCall, evaluation: Evaluation) -> None:
    """Put figures and verdict where people look for them: on the model's own run."""
    run_ = call.mlflow.run(evaluation.model.run_id)
    run_.metrics({f"holdout.{name}": value for name, value in evaluation.metrics.items()})
    run_.json(evaluation.to_json(), "evaluation.json")
    for item in evaluation.slices:
        found = ", ".join(f"{check.name} {check.value:.4f}" for check in item.checks)
        _LOG.info("%s=%s: %s rows, %s", item.column, item.value, f"{item.rows:,}", found or item.skipped)
    verdict = "passed" if evaluation.passed else "failed"
    run_.tag({EVALUATION: verdict})
    if evaluation.dummy:
        run_.metrics({f"dummy.{name}": value for name, value in evaluation.dummy.items()})
    if evaluation.caution:
        _LOG.warning("%s", evaluation.caution)
    _LOG.info("evaluation %s: %s %s", verdict, dict(evaluation.metrics), "; ".join(evaluation.reasons))
