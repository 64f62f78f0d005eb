"""The leak probe: does one feature alone tell the target?"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from airflow_mlops.config.models import Data, Pipeline
from airflow_mlops.core.errors import DataRejected
from airflow_mlops.core.records.leaks import Leak, LeakProbe
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data.core import leak_scores, leak_verdicts
from airflow_mlops.data.core.leak_verdicts import Column, Target
from airflow_mlops.data.splitting import entity_of

_LOG = logging.getLogger(__name__)
_SEED: Final = 0
_MOST_ROWS: Final = 20_000
_LEAST_ROWS: Final = 4_000
_MOST_CELLS: Final = 12_000_000
_FEW_VALUES: Final = 20


def check(
    features: pd.DataFrame,
    raw: pd.DataFrame,
    pipeline: Pipeline,
    *,
    dated: bool = False,
    samples: bool = True,
) -> LeakProbe | None:
    """Probe the training side as ``evaluate.leaks`` says; None when it is off.

    Raises DataRejected for a possible leak when the action is ``refuse``.
    """
    section = pipeline.evaluate.leaks
    if section is None:
        return None
    if unknown := sorted(set(section.allow) - set(map(str, features.columns))):
        hint = did_you_mean(unknown[0], map(str, features.columns))
        _LOG.warning("evaluate.leaks.allow names %s, which is not a feature%s", ", ".join(unknown), hint)
    found = probe(features, raw, pipeline.data, allow=section.allow, dated=dated, samples=samples)
    if found.leaks and section.action == "refuse":
        raise DataRejected(f"{found.sentence} (evaluate.leaks is refuse)")
    return found


def probe(
    features: pd.DataFrame,
    raw: pd.DataFrame,
    data: Data,
    *,
    allow: Sequence[str] = (),
    dated: bool = False,
    samples: bool = True,
) -> LeakProbe:
    """Score each feature alone against the target, and name those that tell it suspiciously well.

    Looks at a sample of at most 20,000 rows, fewer where there are many columns. Where the target is the
    same in all rows of an entity, one row of each counts; else the entities are split
    between what a rule is made from and what it is scored on.

    :param features: the training side as the model gets it, shape (rows, features).
    :param raw: the same rows as they were read, with the target: gaps that the feature function fills count.
    :param allow: columns that are known before the event, which are not reported.
    :param dated: whether rows have event times, so that the key of the time is not the entity.
    :param samples: whether a finding may quote a value of the target.
    """
    rows = _sample(raw[data.target], features.shape[1], _entities(raw, data, dated))
    columns = [str(name) for name in features.columns]
    taken, before = features.iloc[rows.positions], raw.iloc[rows.positions]
    leaks, strongest, score = [], "", 0.0
    for name in columns:
        column = _column(taken[name], before.get(name))
        if column is None:
            continue
        verdict = leak_verdicts.judge(column, rows.target)
        if verdict.score > score and name not in allow:
            strongest, score = name, verdict.score
        if verdict.kind and name not in allow:
            leaks.append(Leak(name, verdict.kind, _detail(verdict, rows, samples)))
    return LeakProbe(
        rows.target.measure,
        len(rows.positions),
        len(columns),
        strongest,
        score,
        tuple(leaks),
        tuple(name for name in columns if name in allow),
    )


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows that are looked at: where they are, their target, and the target's values by code."""

    positions: NDArray[np.intp]
    target: Target
    names: tuple[str, ...]


def _entities(raw: pd.DataFrame, data: Data, dated: bool) -> NDArray[np.int64] | None:
    """Return the entity of each row as a code, or None where no entity has two rows."""
    name = entity_of(data, timed=dated)
    if name is None or name not in raw:
        return None
    codes, names = pd.factorize(raw[name], use_na_sentinel=False)
    return codes if len(names) < len(codes) else None


def _sample(target: pd.Series, columns: int, entities: NDArray[np.int64] | None) -> _Rows:
    rng = np.random.default_rng(_SEED)
    codes, names = pd.factorize(target, sort=False)
    numeric = pd.api.types.is_numeric_dtype(target) and not pd.api.types.is_bool_dtype(target)
    as_classes = not numeric or len(names) <= _FEW_VALUES
    order = rng.permutation(len(codes))
    if entities is not None and _constant_within(entities, codes):
        _, first = np.unique(entities[order], return_index=True)
        order, entities = order[np.sort(first)], None
    most = min(_MOST_ROWS, max(_LEAST_ROWS, _MOST_CELLS // max(columns, 1)))
    positions = np.sort(_balanced(order, codes, most) if as_classes and len(names) == 2 else order[:most])
    seen = codes[positions]
    stand_for = np.bincount(codes[order], minlength=len(names)) / np.maximum(
        np.bincount(seen, minlength=len(names)), 1
    )
    if entities is None:
        fold = rng.random(len(positions)) < 0.5
    else:
        fold = (rng.permutation(int(entities.max()) + 1) % 2 == 0)[entities[positions]]
    numbers = None if as_classes else target.iloc[positions].to_numpy(dtype=np.float64)
    known = Target(seen, numbers, stand_for[seen], fold)
    return _Rows(positions, known, tuple(map(str, names)) if as_classes else ())


def _constant_within(entities: NDArray[np.int64], codes: NDArray[np.int64]) -> bool:
    """Whether all rows of an entity have the same target."""
    first = np.zeros(int(entities.max()) + 1, dtype=np.int64)
    first[entities] = codes
    return bool((first[entities] == codes).all())


def _balanced(order: NDArray[np.intp], codes: NDArray[np.int64], most: int) -> NDArray[np.intp]:
    """Return at most ``most`` of the rows, all of the rarer of two classes if they are less than half."""
    parts = sorted((order[codes[order] == code] for code in (0, 1)), key=len)
    rare = parts[0][: max(most // 2, most - len(parts[1]))]
    return np.concatenate([rare, parts[1][: most - len(rare)]])


def _column(values: pd.Series, raw: pd.Series | None) -> Column | None:
    """Return a feature as codes, or None for cells that cannot be compared, such as lists."""
    missing = values.isna().to_numpy()
    if not missing.any() and raw is not None:
        missing = raw.isna().to_numpy()
    numbers = _numbers(values)
    if numbers is not None:
        return Column(leak_scores.codes_of_numbers(numbers), numbers, missing)
    try:
        codes, _ = pd.factorize(values, use_na_sentinel=False)
    except TypeError:
        return None
    return Column(codes.astype(np.int64), None, missing)


def _numbers(values: pd.Series) -> NDArray[np.float64] | None:
    """Return a column as float64 with NaN for gaps, or None when it has an order of another kind or none."""
    dtype: Any = values.dtype
    if pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        counts = values.astype("int64").to_numpy(dtype=np.float64)
        return np.where(values.isna().to_numpy(), np.nan, counts)
    if pd.api.types.is_any_real_numeric_dtype(dtype) or isinstance(
        dtype, pd.BooleanDtype | np.dtypes.BoolDType
    ):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    return None


def _detail(verdict: leak_verdicts.Verdict, rows: _Rows, samples: bool) -> str:
    """Say how a column tells the target; without ``samples`` no value of the target is quoted."""
    count = f"{len(rows.positions):,} rows"
    if verdict.kind == "copy":
        return f"is a copy of the target (one-to-one in {count})"
    if verdict.gaps is not None:
        gaps = verdict.gaps
        side = "with a value" if gaps.present else "without a value"
        label = repr(rows.names[gaps.of_class]) if samples else "of one class"
        share = f"{_percent(gaps.share)} of the {gaps.rows:,} rows"
        return f"tells the class by its gaps: {share} {side} are {label}"
    figure = {
        "roc_auc": f"ranks the classes with AUC {_score(verdict.score)}",
        "error_reduction": f"removes {_percent(verdict.score)} of the errors of guessing",
        "r2": f"explains {_percent(verdict.score)} of the target's variance",
    }[rows.target.measure]
    return f"alone {figure} ({count})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _score(value: float) -> str:
    return f"{value:.4f}"
