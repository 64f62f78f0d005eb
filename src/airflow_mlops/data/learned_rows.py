"""What a version has learned, as a rule that is held to other rows: which of them it has been trained on.

The rule decides by itself where a hash does. By time it also needs which entities taught (a filter of some 12
bits each), and of a test set of its own which rows were in it (the smallest hashes of them).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from airflow_mlops.core.records import SplitRule
from airflow_mlops.core.records.data import OWN_TEST_SET
from airflow_mlops.data.core.hash_filter import HashFilter
from airflow_mlops.data.core.stable_hash import SCHEME, Hashes, fraction
from airflow_mlops.data.membership import row_hashes
from airflow_mlops.data.splitting import HOLDOUT, identity

_KEPT: Final = 20_000
"""Rows of a test set that are remembered; 8 bytes each. The others of a larger one count as learned."""


@dataclass(frozen=True, eq=False)
class Learned:
    """The rule of a version, and what it does not decide by itself.

    ``entities`` are those that taught, None where that is not known or the rule has none; ``test_rows`` are
    the smallest hashes of the rows of a test set of its own.
    """

    rule: SplitRule
    entities: HashFilter | None = None
    test_rows: Hashes = field(default_factory=lambda: np.empty(0, dtype=np.uint64))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        found: dict[str, Any] = {"rule": asdict(self.rule)}
        if self.entities is not None:
            found["entities"] = base64.b64encode(self.entities.bits.tobytes()).decode()
        if self.test_rows.size:
            found["test_rows"] = base64.b64encode(self.test_rows.astype("<u8").tobytes()).decode()
        return found

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Learned:
        """Read ``to_json`` output; keys of later releases are left out."""
        known = {item.name for item in fields(SplitRule)}
        rule = {name: value for name, value in data["rule"].items() if name in known}
        rule["columns"] = tuple(rule.get("columns", ()))
        entities = None
        if "entities" in data:
            entities = HashFilter(np.frombuffer(base64.b64decode(data["entities"]), dtype=np.uint8))
        rows = np.frombuffer(base64.b64decode(data.get("test_rows", "")), dtype="<u8").astype(np.uint64)
        return cls(SplitRule(**rule), entities, rows)


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of today: their columns, and their event times if they have any, in the column ``time``."""

    frame: pd.DataFrame
    target: str
    times: pd.Series | None = None
    time: str | None = None


def smallest(hashes: Hashes) -> Hashes:
    """Return the hashes of a test set's rows that are remembered."""
    return np.unique(hashes)[:_KEPT]


def columns_of(rule: SplitRule) -> tuple[str, ...]:
    """Return the columns that the rule needs of a row."""
    return tuple(dict.fromkeys((*rule.columns, *((rule.time,) if rule.time else ()))))


def taught(learned: Learned, rows: Rows) -> NDArray[np.bool_] | str:
    """Return which rows a version has been trained on, shape (rows,), or why it cannot be known.

    In doubt a row counts as one that it was trained on.
    """
    rule = learned.rule
    if rule.scheme != SCHEME:
        return "its release hashed rows in another way"
    if missing := [name for name in rule.columns if name not in rows.frame.columns]:
        return f"its rows were split by {', '.join(missing[:3])}, which the rows no longer have"
    within = _within(rule, rows)
    if rule.kind == "time":
        if within is None:
            return f"its rows were split by the event time {rule.time}, which the rows no longer have"
        return within & _before(learned, rows)
    if rule.kind == OWN_TEST_SET:
        if not learned.test_rows.size:
            return "it does not say which rows its test set had"
        found = ~np.isin(row_hashes(rows.frame, rule.columns), learned.test_rows)
        return found if within is None else found & within
    if rule.kind in ("row", "entity"):
        places = fraction(identity(rows.frame, rule.columns, rows.target), HOLDOUT)
        return np.asarray(places >= rule.share, dtype=bool)
    return f"a newer release split its rows by {rule.kind}"


def _within(rule: SplitRule, rows: Rows) -> NDArray[np.bool_] | None:
    """Return which rows are from the time that the version has seen, None when that is not known."""
    if rows.times is None or not rule.time or rule.time != rows.time:
        return None
    first, newest = pd.Timestamp(rule.first), pd.Timestamp(rule.newest)
    return ((rows.times >= first) & (rows.times <= newest)).to_numpy()


def _before(learned: Learned, rows: Rows) -> NDArray[np.bool_]:
    """Return which rows are before the cut and its gap, without those of entities that did not teach."""
    rule, times = learned.rule, rows.times
    assert times is not None
    older = (times < pd.Timestamp(rule.cut) - pd.Timedelta(seconds=rule.gap)).to_numpy()
    if learned.entities is None or not rule.columns:
        return older
    entity = rows.frame[rule.columns[0]]
    return older & (learned.entities.has(row_hashes(rows.frame, rule.columns)) | entity.isna().to_numpy())
