"""Which rows teach a model and which judge it: decided by each row's own values, so that it can be repeated.

By time, the newest rows are held out. Without times it is the hash of the row's entity, or of the whole row,
so that a row that was once held out stays held out, whatever rows are added. No entity teaches and is judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.records import SplitRule
from airflow_mlops.data.core.stable_hash import SCHEME, Hashes, fraction
from airflow_mlops.data.event_times import times_of
from airflow_mlops.data.membership import row_hashes

if TYPE_CHECKING:
    from airflow_mlops.config.models.holdout import Holdout

HOLDOUT: Final = "holdout"
TUNE: Final = "tune"
EARLY_STOPPING: Final = "early stopping"
_INNER: Final = {TUNE: "tuning", EARLY_STOPPING: EARLY_STOPPING}
_SIDES: Final = "side of an entity"
_HALF: Final = 0.5
_BY: Final = {"row": "random"}
"""What records call a kind of rule, where that is another word."""


@dataclass(frozen=True)
class Plan:
    """How rows are held out: the newest ``share``, or those of the ``last`` span, or from ``start`` on.

    Rows of the ``gap`` before them do not teach. Without event times it is a ``share`` by hash. Splits with
    another ``salt`` are independent of each other. The column ``weights`` does not count as a value of a row.
    ``written`` is the key of the file that decides the size.
    """

    share: float
    last: timedelta | None = None
    start: datetime | None = None
    gap: timedelta = timedelta(0)
    salt: str = HOLDOUT
    weights: str | None = None
    written: str = "data.holdout"

    @property
    def inner(self) -> Plan:
        """The plan by which tuning splits the rows to train on once more."""
        return replace(self, last=None, start=None, salt=TUNE)


@dataclass(frozen=True, eq=False)
class Split:
    """Which rows teach and which are held out, each of shape (rows,); rows that are in neither stand aside.

    ``how`` says it in one sentence, ``by`` in a word: ``time``, ``entity`` or ``random``. ``times`` are the
    event times of all rows, if any; ``rule`` decides on other rows as it was decided on these.
    """

    teaches: NDArray[np.bool_]
    held_out: NDArray[np.bool_]
    how: str
    rule: SplitRule
    times: pd.Series | None = None
    notes: tuple[str, ...] = ()

    @property
    def by(self) -> str:
        """By what the rows were chosen."""
        return _BY.get(self.rule.kind, self.rule.kind)

    @property
    def aside(self) -> NDArray[np.bool_]:
        """Rows that neither teach nor judge, shape (rows,)."""
        return ~(self.teaches | self.held_out)


def plan_of(data: Data, section: Holdout | None, weights: str | None = None) -> Plan:
    """Return how a pipeline holds rows out: ``evaluate.holdout``, or else the share ``data.holdout``."""
    if section is None or section.source is not None:
        return Plan(data.holdout, weights=weights)
    start = section.start
    if start is not None:
        zone = (data.time.timezone if data.time else None) or "UTC"
        moment = pd.Timestamp(start)
        if moment.tzinfo is None:  # as event times are read: the second of two, the next one for none
            moment = moment.tz_localize(zone, ambiguous=False, nonexistent="shift_forward")
        start = moment.tz_convert("UTC").to_pydatetime()
    plan = Plan(section.share or data.holdout, section.last, start, section.gap or timedelta(0))
    written = f"evaluate.holdout.{section.ways[0]}" if section.replaces_share else plan.written
    return replace(plan, weights=weights, written=written)


def split(frame: pd.DataFrame, data: Data, plan: Plan | None = None, *, samples: bool = True) -> Split:
    """Choose the rows that teach and those that are held out.

    ``plan`` is by default the share ``data.holdout``. The same row is on the same side whatever other rows
    there are; by time, rows of one moment stay together. Without ``samples`` no error quotes a cell.
    Raises ConfigError for a plan that needs event times when there are none, DataRejected when one side would
    be empty, and what ``times_of`` raises.
    """
    plan = plan or Plan(data.holdout)
    times = times_of(frame, data, samples=samples)
    if times is not None:
        found = _by_time(frame, times, data, plan)
    else:
        _check_times_needed(plan, data)
        found = _by_hash(frame, data, plan)
    _check_sides(found, plan)
    return found


def entity_of(data: Data, *, timed: bool) -> str | None:
    """Return the column that names the entity of a row: the first key that is not the event time.

    ``timed`` says whether the rows have event times; else the last key is one of the entity's.
    """
    return next((name for name in data.keys if not (timed and name == data.time_column)), None)


def identity(frame: pd.DataFrame, columns: Sequence[str], target: str) -> Hashes:
    """Return the hashes of rows by their values in ``columns``, shape (rows,).

    A row whose entity, the only one of the columns, is missing counts by all its values but the target.
    """
    found = row_hashes(frame, columns)
    if len(columns) > 1:
        return found
    missing = frame[columns[0]].isna().to_numpy(dtype=bool)
    others = [str(name) for name in frame.columns if name not in (*columns, target)]
    if missing.any() and others:
        found[missing] = row_hashes(frame[missing], others)
    return found


def is_judged(entities: Hashes) -> NDArray[np.bool_]:
    """Whether, of entities on both sides of a cut, the newest rows judge; else their older ones teach."""
    return np.asarray(fraction(entities, _SIDES) < _HALF)


def _by_hash(frame: pd.DataFrame, data: Data, plan: Plan) -> Split:
    entity = entity_of(data, timed=False)
    others = [str(name) for name in frame.columns if name not in (data.target, plan.weights)]
    columns = (entity,) if entity else tuple(others)
    found = identity(frame, columns, data.target)
    held = np.asarray(fraction(found, plan.salt) < plan.share)
    rule = SplitRule(kind="entity" if entity else "row", columns=columns, share=plan.share, scheme=SCHEME)
    if not entity:
        return Split(~held, held, "by a hash of each row", rule)
    names = _different(found)
    chosen = int((fraction(names, plan.salt) < plan.share).sum())
    return Split(~held, held, f"by entity: {chosen:,} of {len(names):,} {entity} are held out", rule)


def _different(hashes: Hashes) -> Hashes:
    """Return each hash once; sorting is quicker than a table where most of them differ."""
    ordered = np.sort(hashes)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))]


def _by_time(frame: pd.DataFrame, times: pd.Series, data: Data, plan: Plan) -> Split:
    cut = _cut(times, plan)
    held = (times >= cut).to_numpy()
    teaches = (times < cut - plan.gap).to_numpy()
    entity = entity_of(data, timed=True)
    rule = SplitRule(
        kind="time",
        columns=(entity,) if entity else (),
        time=data.time_column or "",
        cut=cut.isoformat(),
        gap=plan.gap.total_seconds(),
        first=times.min().isoformat(),
        newest=times.max().isoformat(),
        scheme=SCHEME,
    )
    how, notes = f"by time: {data.time_column} from {cut.isoformat()} is held out", []
    if gap := int((~teaches & ~held).sum()):
        notes.append(f"{gap:,} rows of the {_days(plan.gap)} before the hold-out do not teach")
    if entity:
        teaches, held, entities = _apart(frame[entity], teaches, held)
        if entities:
            lost = len(frame) - int((teaches | held).sum()) - gap
            notes.append(
                f"{entities:,} {entity} have rows before and after the cut: each is on one side only, "
                f"{lost:,} of their rows neither teach nor judge"
            )
    return Split(teaches, held, how, rule, times, tuple(notes))


def _cut(times: pd.Series, plan: Plan) -> pd.Timestamp:
    """Return the first moment that is held out."""
    if plan.start is not None:
        return pd.Timestamp(plan.start)
    if plan.last is not None:
        first: pd.Timestamp = times[times > times.max() - plan.last].min()
        return first
    ordered = times.sort_values(ignore_index=True)
    cut: pd.Timestamp = ordered.iloc[min(int(len(ordered) * (1 - plan.share)), len(ordered) - 1)]
    return cut


def _apart(
    values: pd.Series, teaches: NDArray[np.bool_], held: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], int]:
    """Return both sides without the rows of entities that are on the other one, and how many were on both."""
    codes, names = pd.factorize(values)
    older, newer = (np.zeros(len(names) + 1, dtype=bool) for _ in range(2))
    older[codes[teaches]] = newer[codes[held]] = True
    both = older & newer
    both[-1] = False  # a missing entity has the code -1
    rows = both[codes]
    if not rows.any():
        return teaches, held, 0
    judged = np.zeros(len(values), dtype=bool)
    judged[rows] = is_judged(row_hashes(values[rows].to_frame(), [str(values.name)]))
    return teaches & ~(rows & judged), held & ~(rows & ~judged), int(both.sum())


def _check_times_needed(plan: Plan, data: Data) -> None:
    asked = {"last": plan.last, "from": plan.start, "gap": plan.gap}
    for name in (name for name, value in asked.items() if value):
        none = f"{data.time_column!r} is not one" if data.time_column else "the data has none"
        raise ConfigError(
            f"evaluate.holdout.{name} needs an event time, and {none}: declare it as data.time.column, or "
            "write evaluate.holdout.share"
        )


def _check_sides(found: Split, plan: Plan) -> None:
    """Raise DataRejected when no row teaches or none is held out."""
    rows = len(found.teaches)
    taught, held = int(found.teaches.sum()), int(found.held_out.sum())
    if taught and held:
        return
    inner = "" if plan.salt == HOLDOUT else f" for {_INNER[plan.salt]}"
    which = f"{rows:,} rows {found.how}"
    if found.times is not None:
        which += f" (they are from {found.times.min().isoformat()} to {found.times.max().isoformat()})"
    share = "" if plan.last or plan.start else f"{plan.share:.0%} of "
    why = f"{'no row' if not taught else 'every row'} would be trained on{inner}"
    raise DataRejected(
        f"cannot hold out {share}{which}: one side would be empty, {why}"
        f"{''.join(f'; {note}' for note in found.notes)}; give more rows or another "
        f"{plan.written}{_advice(found)}"
    )


def _advice(found: Split) -> str:
    """Return what helps when all entities happen to be on one side."""
    if found.rule.kind != "time" or not found.aside.any() or not found.rule.columns:
        return ""
    return (
        f", or leave {found.rule.columns[0]} out of data.keys if older rows of one may teach what its newer "
        "rows are judged by"
    )


def _days(span: timedelta) -> str:
    from airflow_mlops.config.values import format_duration

    return format_duration(span)
