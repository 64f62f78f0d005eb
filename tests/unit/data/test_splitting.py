"""Which rows teach and which judge: by each row's own values, and never one entity on both sides."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.config.models import Data
from airflow_mlops.config.models.holdout import Holdout
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.data.splitting import Plan, Split, plan_of, split
from tests.support.project import customers


def section(*keys: str, holdout: float = 0.2, **more: Any) -> Data:
    source = {"type": "csv", "filepath": "x"}
    return Data.model_validate(
        {"source": source, "target": "churned", "keys": keys, "holdout": holdout, **more}
    )


def days(count: int, entities: int = 0) -> pd.DataFrame:
    """One row a day, or one of each entity."""
    at = pd.date_range("2026-01-01", periods=count, freq="D", tz="UTC")
    rows = pd.DataFrame({"seen_at": np.repeat(at, max(entities, 1))})
    rows["shop"] = np.tile(np.arange(max(entities, 1)), count)
    return rows.assign(x=np.arange(len(rows)), churned=np.arange(len(rows)) % 2)


def test_with_a_time_the_newest_rows_are_held_out_and_a_moment_is_never_split() -> None:
    frame = customers(100)
    frame["seen_at"] = frame["seen_at"].dt.floor("7h")
    shuffled = frame.sample(frac=1, random_state=1)
    held = split(shuffled, section("customer_id", "seen_at")).held_out
    assert shuffled["seen_at"][held].min() > shuffled["seen_at"][~held].max()
    assert 0.15 <= held.mean() <= 0.35


def test_without_a_time_the_rows_of_one_entity_stay_together() -> None:
    frame = customers(2000).assign(customer_id=lambda f: f["customer_id"] // 10)
    found = split(frame, section("customer_id"))
    held = found.held_out
    assert not set(frame["customer_id"][held]) & set(frame["customer_id"][~held])
    assert abs(held.mean() - 0.2) < 3 * (0.2 * 0.8 / 200) ** 0.5
    assert found.how == f"by entity: {frame['customer_id'][held].nunique()} of 200 customer_id are held out"
    assert (found.teaches == ~held).all()


def test_rows_without_keys_are_held_out_by_all_their_values_but_the_target() -> None:
    frame = customers(4000)
    frame = pd.concat([frame, frame.head(500).assign(churned=lambda f: 1 - f["churned"])], ignore_index=True)
    found = split(frame, section())
    assert abs(found.held_out.mean() - 0.2) < 4 * (0.2 * 0.8 / 4000) ** 0.5
    assert (
        found.held_out[:500] == found.held_out[4000:]
    ).all()  # copies are on one side, whatever their label
    assert (found.by, found.rule.kind) == ("random", "row")


GROWTH = st.tuples(
    st.integers(0, 40), st.sampled_from([None, "Int64", "float64", "category", "object", "str"])
)


@given(GROWTH, st.integers(0, 2**32 - 1), st.booleans())
def test_a_row_stays_on_its_side_when_others_are_added_in_other_types(
    growth: tuple[int, str | None], seed: int, by_entity: bool
) -> None:
    added, dtype = growth
    data = section("customer_id") if by_entity else section()
    frame = customers(60).drop(columns="seen_at")
    before = pd.Series(split(frame, data).held_out, index=frame["customer_id"])
    others = customers(added, seed=seed % 1000 + 1).drop(columns="seen_at")
    others["customer_id"] += 1000
    grown = pd.concat([others, frame]).sample(frac=1, random_state=seed)
    if dtype:
        grown["customer_id"] = grown["customer_id"].astype(dtype)
        grown["plan"] = grown["plan"].astype("category" if dtype == "category" else "object")
        grown["spend"] = grown["spend"].astype("Float64" if dtype == "Int64" else "float64")
    after = pd.Series(split(grown, data).held_out, index=grown["customer_id"].astype("int64"))
    assert (after[before.index] == before).all()


def test_the_newest_span_or_the_rows_from_a_moment_on_are_held_out() -> None:
    frame, data = days(60), section("seen_at")
    last = split(frame, data, Plan(0.2, last=timedelta(days=30)))
    assert (last.held_out.sum(), last.teaches.sum()) == (30, 30)
    start = Holdout.model_validate({"from": "2026-02-15"})
    by_start = split(frame, data, plan_of(data, start))
    assert frame["seen_at"][by_start.held_out].min() == pd.Timestamp("2026-02-15", tz="UTC")
    assert by_start.rule.cut == "2026-02-15T00:00:00+00:00"
    berlin = section("seen_at", time={"timezone": "Europe/Berlin"})
    assert plan_of(berlin, start).start == pd.Timestamp("2026-02-14T23:00Z")


def test_rows_of_the_gap_neither_teach_nor_judge() -> None:
    found = split(days(60), section("seen_at"), Plan(0.2, gap=timedelta(days=7)))
    assert (found.teaches.sum(), found.aside.sum(), found.held_out.sum()) == (41, 7, 12)
    assert found.notes == ("7 rows of the 7d before the hold-out do not teach",)
    assert (found.rule.gap, found.rule.first, found.rule.newest) == (
        7 * 86400,
        "2026-01-01T00:00:00+00:00",
        "2026-03-01T00:00:00+00:00",
    )


def test_no_entity_teaches_and_is_judged_and_those_of_one_row_lose_nothing() -> None:
    frame = pd.concat([days(50, 40), days(50).assign(shop=range(1000, 1050))], ignore_index=True)
    frame["shop"] = frame["shop"].astype("float64").where(frame.index != 3)  # one row names no shop
    found = split(frame, section("shop", "seen_at"))
    sides = [set(frame["shop"][part].dropna()) for part in (found.teaches, found.held_out)]
    assert not sides[0] & sides[1]
    assert set(range(1000, 1050)) <= sides[0] | sides[1]
    assert (found.teaches | found.held_out)[3]
    many = [len([shop for shop in side if shop < 40]) for side in sides]
    assert sum(many) == 40
    assert min(many) > 10
    assert "40 shop have rows before and after the cut: each is on one side only" in found.notes[0]
    again = split(frame.sample(frac=1, random_state=1).astype({"shop": "Int64"}), section("shop", "seen_at"))
    assert again.held_out.sum() == found.held_out.sum()


@pytest.mark.parametrize("keys", [(), ("customer_id",), ("customer_id", "seen_at")])
def test_tuning_splits_the_training_rows_again_independently(keys: tuple[str, ...]) -> None:
    frame = customers(3000).assign(customer_id=lambda f: f["customer_id"] // 3)
    data = section(*keys)
    outer = split(frame, data)
    rest = frame[outer.teaches].reset_index(drop=True)
    inner = split(rest, data, Plan(0.2).inner)
    assert abs(inner.held_out.sum() / (inner.held_out | inner.teaches).sum() - 0.2) < 0.1
    if keys:
        shared = set(rest["customer_id"][inner.held_out]) & set(rest["customer_id"][inner.teaches])
        assert not shared
    if "seen_at" in keys:
        assert rest["seen_at"][inner.held_out].min() > rest["seen_at"][inner.teaches].max()


def refused(frame: pd.DataFrame, data: Data, **plan: Any) -> str:
    with pytest.raises((ConfigError, DataRejected)) as caught:
        split(frame, data, dataclasses.replace(Plan(0.2), **plan))
    return str(caught.value)


def test_a_split_that_leaves_one_side_empty_is_rejected_with_the_next_step() -> None:
    one_moment = customers(10).assign(seen_at=pd.Timestamp("2024-01-01", tz="UTC"))
    assert "one side would be empty, no row would be trained on" in refused(
        one_moment, section("customer_id", "seen_at")
    )
    data = section("seen_at")
    later = plan_of(data, Holdout(start="2027-01-01"))
    future = refused(days(10), data, start=later.start, written=later.written)
    assert "(they are from 2026-01-01T00:00:00+00:00 to 2026-01-10T00:00:00+00:00)" in future
    assert "every row would be trained on; give more rows or another evaluate.holdout.from" in future
    assert "no row would be trained on" in refused(days(10), data, last=timedelta(days=90))
    assert "rows of the 90d before the hold-out do not teach" in refused(
        days(10), data, gap=timedelta(days=90)
    )
    single = refused(days(10, 1), section("shop", "seen_at"))
    assert "or leave shop out of data.keys if older rows of one may teach" in single
    assert "for tuning" in refused(one_moment, section("customer_id", "seen_at"), salt="tune")


def test_the_advice_names_the_key_that_is_written() -> None:
    data = section("customer_id")
    for own, key in (({"share": 0.4}, "evaluate.holdout.share"), ({"gap": "1d"}, "data.holdout")):
        assert plan_of(data, Holdout(**own)).inner.written == key
    alone = customers(1)
    assert "give more rows or another evaluate.holdout.share" in refused(
        alone, data, written=plan_of(data, Holdout(share=0.4)).written
    )


@pytest.mark.parametrize(
    ("start", "moment"),
    [("2026-03-29T02:30", "2026-03-29T01:00Z"), ("2026-10-25T02:30", "2026-10-25T01:30Z")],
)
def test_a_moment_that_the_clock_skips_or_shows_twice_is_one_moment(start: str, moment: str) -> None:
    berlin = section("seen_at", time={"timezone": "Europe/Berlin"})
    assert plan_of(berlin, Holdout(start=start)).start == pd.Timestamp(moment)


@pytest.mark.parametrize(("key", "plan"), [("last", {"last": timedelta(1)}), ("gap", {"gap": timedelta(1)})])
def test_a_plan_by_time_needs_times(key: str, plan: dict[str, Any]) -> None:
    message = refused(customers(10), section("customer_id"), **plan)
    assert message.startswith(f"evaluate.holdout.{key} needs an event time, and 'customer_id' is not one: ")


def test_ten_rows_are_split_or_refused_clearly() -> None:
    outcomes: list[Split | str] = []
    for seed in range(40):
        try:
            outcomes.append(split(customers(10, seed=seed), section()))
        except DataRejected as error:
            outcomes.append(str(error))
    refusals = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert 0 < len(refusals) < 15  # 0.8 ** 10 of them have no row that is held out
    assert all("cannot hold out 20% of 10 rows by a hash of each row" in text for text in refusals)
