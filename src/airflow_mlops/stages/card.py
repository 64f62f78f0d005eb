"""The card of a training, drawn by `evaluate` and logged with the model; never a reason to fail."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from airflow_mlops.core.records import Evaluation, FeatureSet, ModelRef
from airflow_mlops.core.tags import EVALUATION
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages import card_intervals
from airflow_mlops.training import estimators
from airflow_mlops.training.core import metrics
from airflow_mlops.training.threads import shared_cores

if TYPE_CHECKING:
    import pandas as pd

    from airflow_mlops.cards.importances import Importances
    from airflow_mlops.training.contest import Challenge, Contest
    from airflow_mlops.training.tracking import TaskRun

_LOG = logging.getLogger(__name__)
CARD: Final = "card.html"
"""The artifact of the model's MLflow run."""


def log_card(
    call: StageCall,
    evaluation: Evaluation,
    features: FeatureSet,
    model: Any,
    challenge: Challenge,
    champion: Contest | None = None,
) -> str:
    """Draw the card, log it to the model's run, and return where MLflow's pages show it.

    Whatever goes wrong becomes a warning, and the answer is empty.

    :param challenge: the rows of the hold-out and what ``model`` says of them.
    :param champion: the contest with the champion, whose answers are drawn beside.
    """
    try:
        run_ = call.mlflow.run(evaluation.model.run_id)
        known = run_.client.get_run(run_.run_id)
        run_.text(draw(call, evaluation, features, model, challenge, known.data, champion), CARD)
    except Exception as error:  # noqa: BLE001 - a picture is not worth a failed training
        detail = f": {error}" if call.quotes_cells else ""
        _LOG.warning("the training card is not logged: %s%s", type(error).__name__, detail)
        return ""
    return f"experiments/{known.info.experiment_id}/runs/{run_.run_id}/artifacts/{CARD}"


def log_unjudged(call: StageCall, features: FeatureSet, model: ModelRef, reason: str) -> None:
    """Keep with a model's run that it could not be judged, and why: tag, ``evaluation.json`` and card."""
    from airflow_mlops.cards.page import unjudged_page
    from airflow_mlops.cards.training import Training

    evaluation = Evaluation(model=model, metrics={}, reasons=(f"it could not be judged: {reason}",))
    nothing = metrics.Outcome(metrics.REGRESSION, np.zeros(0), np.zeros(0))
    try:
        run_ = call.mlflow.run(model.run_id)
        data = run_.client.get_run(run_.run_id).data
        run_.tag({EVALUATION: "failed"})
        run_.json(evaluation.to_json(), "evaluation.json")
        found = Training(
            pipeline=call.pipeline.name,
            when=call.clock(),
            evaluation=evaluation,
            features=features,
            outcome=nothing,
            params=data.params,
            scores=data.metrics,
            tags=data.tags,
            function=call.pipeline.features or "",
            target=call.pipeline.data.target,
            samples=call.quotes_cells,
        )
        run_.text(unjudged_page(found), CARD)
    except Exception as error:  # noqa: BLE001 - the reason itself is on the task
        _LOG.warning("the training card is not logged: %s", type(error).__name__)


def copy_card(call: StageCall, evaluation: Evaluation, run_: TaskRun, registered: str) -> None:
    """Copy the card of a judged model to the run of the one that is registered, if it has one.

    ``registered`` says under its verdict which model that is.
    """
    from airflow_mlops.cards.page import with_registered

    if not evaluation.card:
        return
    try:
        with tempfile.TemporaryDirectory() as folder:
            client = call.mlflow.run(evaluation.model.run_id).client
            found = Path(client.download_artifacts(evaluation.model.run_id, CARD, folder))
            run_.text(with_registered(found.read_text(encoding="utf-8"), registered), CARD)
    except Exception as error:  # noqa: BLE001 - a picture is not worth a failed training
        _LOG.warning("the training card is not copied: %s", type(error).__name__)


def draw(
    call: StageCall,
    evaluation: Evaluation,
    features: FeatureSet,
    model: Any,
    challenge: Challenge,
    run_data: Any,
    champion: Contest | None = None,
) -> str:
    """Return the card as a page; ``run_data`` are parameters, figures and tags of the MLflow run."""
    from airflow_mlops.cards.page import card_page
    from airflow_mlops.cards.training import Training

    rows, target, outcome, units = challenge.rows, challenge.target, challenge.answers, challenge.units
    if outcome.unknown_rows:
        known = outcome.known
        rows, target = rows[known], target[known]
        outcome, units = outcome.part(known), units.part(known)
    found, why = _importances(evaluation, model, rows, target, outcome.scoring)
    return card_page(
        Training(
            pipeline=call.pipeline.name,
            when=call.clock(),
            evaluation=evaluation,
            features=features,
            outcome=outcome,
            classes=tuple(map(str, outcome.classes)),
            intervals=card_intervals.of_figures(evaluation.metrics, outcome, units),
            unit=units.what,
            params=run_data.params,
            scores=run_data.metrics,
            tags=run_data.tags,
            importances=found,
            no_importances=why if call.quotes_cells else why.partition(":")[0],
            function=call.pipeline.features or "",
            target=call.pipeline.data.target,
            samples=call.quotes_cells,
            champion=champion.pair.theirs if champion and champion.pair else None,
        )
    )


def _importances(
    evaluation: Evaluation, model: Any, rows: pd.DataFrame, target: pd.Series, scoring: metrics.Scoring
) -> tuple[Importances | None, str]:
    """Return what the first metric loses without each column, or why that is not known."""
    from airflow_mlops.cards.importances import importances

    name = next(iter(evaluation.metrics))
    sign = 1 if metrics.facts(name).larger_is_better else -1

    def score(part: pd.DataFrame, truth: pd.Series) -> float:
        return sign * metrics.compute([name], estimators.ask(model, part, truth, scoring))[name]

    needed = [str(column) for column in getattr(model, "feature_names_in_", rows.columns) if column in rows]
    try:
        with shared_cores():
            return importances(rows, target, needed, score), ""
    except Exception as error:  # noqa: BLE001 - the user's code meets rows that it has not seen
        return None, f"shuffling columns failed: {type(error).__name__}: {error}"
