"""Metrics that scikit-learn or a user's own function computes, for whole outcomes and for resampled ones.

A function that takes ``sample_weight`` costs one call for each draw of a bootstrap on all rows; one that does
not is called on the drawn rows.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError, MlopsError
from airflow_mlops.training.core.comparison import Statistic
from airflow_mlops.training.core.metric_facts import ARGUMENT_NAMES, OWN, SCIKIT_LEARN, facts, own_path
from airflow_mlops.training.core.metrics import Prepare
from airflow_mlops.training.core.outcome import Outcome, Scoring, UndefinedMetric
from airflow_mlops.user_code.loading import call_user_function, load_object

_MOST_CLASSES: Final = 100
"""A scorer of probabilities looks at each row and class, or at each pair of classes, in each draw."""
_Arguments = Mapping[str, Any]
"""What a function is called with, one value for each row; ``sample_weight`` comes on top."""


@dataclass(frozen=True)
class _Peer:
    """A function of ``sklearn.metrics``: what it gets for the predictions, and what else."""

    function: str
    gives: str = "predicted"
    weights: bool = True
    labels: bool = False
    options: tuple[tuple[str, str], ...] = ()


def _ranked(**options: str) -> _Peer:
    own = options["multi_class"] == "ovr"  # it takes no weights for one class against another
    return _Peer("roc_auc_score", "scores", own, labels=True, options=tuple(options.items()))


_CLUSTERS: Final = (
    "adjusted_mutual_info_score", "adjusted_rand_score", "completeness_score", "fowlkes_mallows_score",
    "homogeneity_score", "mutual_info_score", "normalized_mutual_info_score", "rand_score", "v_measure_score",
)  # fmt: skip
PEERS: Final[Mapping[str, _Peer]] = {
    **{name: _Peer(name, weights=False) for name in _CLUSTERS},
    "roc_auc_ovr_weighted": _ranked(multi_class="ovr", average="weighted"),
    "roc_auc_ovo": _ranked(multi_class="ovo"),
    "roc_auc_ovo_weighted": _ranked(multi_class="ovo", average="weighted"),
    "top_k_accuracy": _Peer("top_k_accuracy_score", "scores", labels=True),
    "d2_log_loss_score": _Peer("d2_log_loss_score", "probabilities", labels=True),
    "d2_brier_score": _Peer("d2_brier_score", "probabilities", labels=True),
    "positive_likelihood_ratio": _Peer("class_likelihood_ratios", labels=True),
    "neg_negative_likelihood_ratio": _Peer("class_likelihood_ratios", labels=True),
    "explained_variance": _Peer("explained_variance_score"),
    "d2_absolute_error_score": _Peer("d2_absolute_error_score"),
    "neg_median_absolute_error": _Peer("median_absolute_error"),
    "neg_max_error": _Peer("max_error", weights=False),
    "neg_mean_squared_log_error": _Peer("mean_squared_log_error"),
    "neg_root_mean_squared_log_error": _Peer("root_mean_squared_log_error"),
    "neg_mean_poisson_deviance": _Peer("mean_poisson_deviance"),
    "neg_mean_gamma_deviance": _Peer("mean_gamma_deviance"),
}
"""The scorers of scikit-learn that ``core.metrics`` does not compute."""


def scoring(data: Data, names: Iterable[str], base: Path, *, samples: bool = True) -> Scoring:
    """Return how the rows of a pipeline are scored by the metrics ``names``; raises as ``preparations``.

    Without ``samples`` no message quotes a label.
    """
    return Scoring(data.positive, data.max_unknown_labels, preparations(names, base), samples)


def preparations(names: Iterable[str], base: Path) -> dict[str, Prepare]:
    """Return how the metrics among ``names`` are prepared that ``core.metrics`` has no function for.

    ``base`` is the folder of the pipeline file, where a user's own module may be. Raises ConfigError for a
    function that cannot be imported, or that needs an argument which no metric gets.
    """
    found: dict[str, Prepare] = {}
    for name in names:
        by = facts(name).by
        if by == SCIKIT_LEARN:
            found[name] = partial(_of_library, name)
        elif by == OWN:
            path = own_path(name) or ""
            found[name] = partial(_own, name, load_object(path, base), path)
    return found


def _of_library(name: str, outcome: Outcome) -> Statistic:
    from sklearn import metrics as library

    peer = PEERS[name]
    if peer.gives != "predicted" and outcome.size > _MOST_CLASSES:
        raise ConfigError(
            f"metric {name} is computed for at most {_MOST_CLASSES} classes, and the model has "
            f"{outcome.size:,}: choose log_loss, brier, roc_auc or accuracy"
        )
    function = getattr(library, peer.function, None)
    if function is None:
        raise ConfigError(f"metric {name} needs a newer scikit-learn: it has no {peer.function}")
    options: dict[str, Any] = dict(peer.options)
    if peer.labels:
        options["labels"] = range(max(outcome.size, 1)) if outcome.size != 2 else (0, 1)
    if peer.function == "roc_auc_score" and outcome.size == 2:
        options = {}
    sign = -1.0 if name.startswith("neg_") else 1.0
    part = int(name.startswith("neg_")) if peer.function == "class_likelihood_ratios" else None

    def call(rows: _Arguments, **weights: Any) -> float:
        found = function(rows["truth"], rows[peer.gives], **options, **weights)
        return sign * float(found if part is None else found[part])

    arguments = {"truth": outcome.truth, "predicted": outcome.predicted}
    arguments |= _chances(outcome, matrix=peer.gives == "probabilities")
    return _statistic(name, call, arguments, outcome.rows, weights=peer.weights)


def _chances(outcome: Outcome, *, matrix: bool) -> dict[str, Any]:
    """Return the scores: of the positive class of two, else the probabilities of all."""
    if outcome.probabilities is None:
        return {}
    scores = outcome.probabilities if outcome.scores is None else outcome.scores
    return {"probabilities": outcome.probabilities if matrix else scores, "scores": scores}


def _own(name: str, function: Callable[..., Any], path: str, outcome: Outcome) -> Statistic:
    roles = argument_roles(function, path)
    labels = np.empty(outcome.size, dtype=object)
    labels[:] = outcome.classes
    known = (
        labels
        if outcome.size == 0 or len({type(item) for item in outcome.classes}) > 1
        else np.array(outcome.classes)
    )
    given: dict[str, Any] = {
        "truth": known[outcome.truth] if outcome.size else outcome.truth,
        "predicted": known[outcome.predicted] if outcome.size else outcome.predicted,
        "scores": outcome.predicted if outcome.task == "regression" else outcome.scores,
        "probabilities": outcome.probabilities,
    }
    for role in roles.values():
        if role in given and given[role] is None:
            raise ConfigError(
                f"{path} takes {role}, which this model does not give: it needs predict_proba"
                f"{' of two classes' if role == 'scores' else ''}"
            )

    def call(rows: _Arguments, **weights: Any) -> float:
        fixed = {"classes": known}
        arguments = {
            key: {**rows, **fixed, **weights}[role]
            for key, role in roles.items()
            if role != "sample_weight" or weights
        }
        found = call_user_function(function, path, **arguments)
        try:
            return float(found)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{path} must return a number, got {found!r:.80}") from error

    used = {role: given[role] for role in set(roles.values()) & given.keys()}
    return _statistic(name, call, used, outcome.rows, weights="sample_weight" in roles.values())


def argument_roles(function: Callable[..., Any], path: str) -> dict[str, str]:
    """Return what each parameter of a user's metric gets.

    By its name: truth (``y_true``), predicted (``y_pred``), scores (``y_score``), probabilities
    (``y_proba``), ``sample_weight``, classes (``labels``). The first two parameters with other names get
    truth and predictions. Raises ConfigError for another one without a default.
    """
    by_name = {word: role for role, names in ARGUMENT_NAMES.items() for word in names}
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path} does not say which arguments it takes: wrap it in a function") from error
    plain = [item for item in parameters if item.kind not in (item.VAR_KEYWORD, item.VAR_POSITIONAL)]
    roles = {}
    for number, item in enumerate(plain):
        role = by_name.get(item.name) or (("truth", "predicted")[number] if number < 2 else None)
        if item.kind is item.POSITIONAL_ONLY or (role is None and item.default is item.empty):
            raise ConfigError(
                f"{path} needs the argument {item.name!r}, but a metric is called with truth, predicted, "
                "scores, probabilities, sample_weight or classes"
            )
        if role is not None:
            roles[item.name] = role
    return roles


def _statistic(
    name: str, call: Callable[..., float], arguments: _Arguments, rows: int, *, weights: bool
) -> Statistic:
    """Return a statistic of row weights; it is computed once here, so that a failure has its reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            whole = call(arguments)
    except MlopsError:
        raise
    except (ValueError, ZeroDivisionError, FloatingPointError) as error:
        line = str(error).partition("\n")[0]
        raise UndefinedMetric(f"metric {name} cannot be computed on these {rows:,} rows: {line}") from error

    def statistic(drawn: NDArray[Any]) -> float:
        if (drawn == 1).all():
            return whole
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if weights:
                    return call(arguments, sample_weight=drawn)
                return call(_drawn(arguments, drawn))
        except (MlopsError, ValueError, ZeroDivisionError, FloatingPointError):
            return float("nan")  # this draw does not define it

    return statistic


def _drawn(arguments: _Arguments, weights: NDArray[Any]) -> dict[str, Any]:
    """Return the rows as often as their weights say."""
    places = np.repeat(np.arange(len(weights)), np.rint(weights).astype(np.int64))
    return {key: value[places] for key, value in arguments.items()}
