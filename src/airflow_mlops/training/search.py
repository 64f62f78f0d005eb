"""Search over an estimator's parameters with Optuna."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_mlops.config.models import Tune
from airflow_mlops.config.space import is_log, is_range
from airflow_mlops.core.errors import MlopsError
from airflow_mlops.core.progress import Progress, silent
from airflow_mlops.data.sources.quoting import error_text

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """One trial: its parameters and its larger-is-better score, or why it failed."""

    number: int
    params: Mapping[str, Any]
    score: float | None
    error: str | None = None


def share(n_trials: int, workers: int, worker: int) -> int:
    """Return how many of the trials are this worker's; the first ones take the remainder."""
    return n_trials // workers + (worker < n_trials % workers)


def search(
    tune: Tune,
    score: Callable[[Mapping[str, Any]], float],
    *,
    metric: str,
    worker: int = 0,
    workers: int = 1,
    seen: Callable[[Trial], None] | None = None,
    progress: Progress = silent,
    samples: bool = True,
) -> tuple[Trial, ...]:
    """Try this worker's share of parameter sets.

    ``score`` gets a parameter set and returns its larger-is-better value; what it raises makes that one trial
    fail. ``seen`` gets each trial, ``progress`` how many are done. The sampler's seed is ``tune.seed +
    worker``. Without ``samples`` a failure has not the text of a library's error, which may quote a cell.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kinds = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}
    study = optuna.create_study(direction="maximize", sampler=kinds[tune.sampler](seed=tune.seed + worker))
    total, found = share(tune.n_trials, workers, worker), []
    top: Trial | None = None
    progress(0, total, "")
    for number in range(total):
        asked = study.ask()
        params = {name: _suggest(asked, name, form) for name, form in tune.space.items()}
        trial = _try(number, params, score, samples=samples)
        state = optuna.trial.TrialState.FAIL if trial.score is None else None
        study.tell(asked, trial.score, state=state)
        found.append(trial)
        top = best([trial] if top is None else [top, trial])
        _report(trial, total, metric, top, progress)
        if seen is not None:
            seen(trial)
    return tuple(found)


def best(trials: Sequence[Trial]) -> Trial | None:
    """Return the first trial with the highest score, or None when all failed."""
    scored = [trial for trial in trials if trial.score is not None]
    return max(scored, key=lambda trial: trial.score or 0.0, default=None)


def _suggest(trial: Any, name: str, form: Sequence[Any]) -> Any:
    if not is_range(form):
        return form[trial.suggest_categorical(name, list(range(len(form))))]  # by place: choices may be lists
    suggest = trial.suggest_int if all(isinstance(value, int) for value in form[:2]) else trial.suggest_float
    return suggest(name, form[0], form[1], log=is_log(form))


def _try(
    number: int, params: Mapping[str, Any], score: Callable[[Mapping[str, Any]], float], *, samples: bool
) -> Trial:
    try:
        value = float(score(params))
    except MlopsError as error:
        if error.retryable:
            raise
        return Trial(number, params, None, str(error))
    except Exception as error:  # noqa: BLE001 - one bad parameter set must not end the search
        text = f"{type(error).__name__}: {error}" if samples else error_text(error, samples=False)
        return Trial(number, params, None, text)
    return (
        Trial(number, params, None, "the score is not a number")
        if math.isnan(value)
        else Trial(number, params, value)
    )


def _report(trial: Trial, total: int, metric: str, top: Trial | None, progress: Progress) -> None:
    peak = f"{top.score:.4g}" if top is not None else "none"
    result = f"{metric} {trial.score:.4g}" if trial.score is not None else f"failed: {trial.error}"
    _LOG.info("trial %d/%d %s best %s %s", trial.number + 1, total, result, peak, dict(trial.params))
    progress(trial.number + 1, total, f"best {metric} {peak}")
