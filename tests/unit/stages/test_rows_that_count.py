"""No row counts in a comparison that the earlier version was trained on; versions say what they learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from airflow_mlops.core.records import FeatureSet
from airflow_mlops.data.datasets import read_dataset
from airflow_mlops.training.counted_rows import LEARNED, Counted, counted_rows, log_learned
from airflow_mlops.training.registry import Version
from tests.support.project import Project, customers


@dataclass
class Run:
    """The run of an earlier training: what was logged, as the registry gives it back."""

    params: Mapping[str, str] = field(default_factory=dict)
    files: dict[str, Any] = field(default_factory=dict)

    def json(self, payload: Any, name: str) -> None:
        self.files[name] = payload

    def artifact(self, run_id: str, name: str) -> Any:
        assert run_id == "of the twin"
        return self.files.get(name)

    def run_params(self, run_id: str) -> Mapping[str, str]:
        return self.params


def version(number: int = 3) -> Version:
    return Version(number, "own", "", "", (), {"mlops.judged_run_id": "of the twin"})


def shops(count: int, days: int, first: str = "2026-01-01") -> pd.DataFrame:
    """A row of each shop for each day."""
    at = pd.date_range(first, periods=days, freq="D", tz="UTC")
    rows = pd.DataFrame({"seen_at": np.repeat(at, count), "customer_id": np.tile(np.arange(count), days)})
    rng = np.random.default_rng(int(pd.Timestamp(first).timestamp()))
    return rows.assign(spend=rng.normal(size=len(rows)), churned=rng.integers(0, 2, len(rows)))


def split(root: Path, frame: pd.DataFrame, *keys: str, **holdout: Any) -> tuple[Project, FeatureSet]:
    """The record of the features of a training."""
    root.mkdir(exist_ok=True)
    data = {"source": {"type": "parquet", "filepath": "customers.parquet"}, "target": "churned", "keys": keys}
    evaluate = {"metrics": ["roc_auc"], **({"holdout": holdout} if holdout else {})}
    project = Project.create(root, frame, features=None, data=data, evaluate=evaluate)
    dataset = project.run("ingest", {})
    more = {"holdout": project.run("holdout", {})} if "source" in holdout else {}
    return project, FeatureSet.from_json(project.run("features", {"dataset": dataset, **more}))


def trained(features: FeatureSet) -> Run:
    run = Run()
    log_learned(run, features, read_dataset)  # type: ignore[arg-type]
    assert set(run.files) == {LEARNED}
    return run


def counted(project: Project, features: FeatureSet, run: Run) -> Counted:
    rows = read_dataset(features.holdout).drop(columns="churned")
    return counted_rows(rows, project.pipeline.data, features, version(), run, read_dataset)  # type: ignore[arg-type]


@pytest.mark.parametrize("keys", [(), ("customer_id",)])
def test_added_rows_leave_the_hold_out_clean_and_a_larger_share_does_not(
    tmp_path: Path, keys: tuple[str, ...]
) -> None:
    rows = customers(900).drop(columns="seen_at").assign(customer_id=lambda f: f["customer_id"] // 2)
    _, before = split(tmp_path / "a", rows.head(600), *keys)
    project, after = split(tmp_path / "b", rows, *keys)
    assert counted(project, after, trained(before)).left_out == 0
    old, new = (read_dataset(found.holdout)["customer_id"] for found in (before, after))
    if keys:
        assert set(old) <= set(new)
    project, larger = split(tmp_path / "c", rows, *keys, share=0.4)
    found = counted(project, larger, trained(before))
    assert found.mask.mean() == pytest.approx(0.5, abs=0.12)
    assert not found.unknown


def test_by_time_rows_before_the_cut_of_then_do_not_count(tmp_path: Path) -> None:
    rows = customers(600)
    _, before = split(tmp_path / "a", rows, "seen_at", **{"from": "2024-01-20"})
    project, after = split(tmp_path / "b", rows, "seen_at", **{"from": "2024-01-15"})
    found = counted(project, after, trained(before))
    held = read_dataset(after.holdout)
    assert found.left_out == 5 * 24
    assert held["seen_at"][found.mask].min() == pd.Timestamp("2024-01-20", tz="UTC")
    # a gap of then leaves more rows that it has not learned, and rows older than all of its own are new too
    _, gap = split(tmp_path / "c", rows.iloc[400:], "seen_at", **{"from": "2024-01-20", "gap": "1d"})
    found = counted(project, after, trained(gap))
    taught = held["seen_at"][~found.mask]
    assert (taught.min(), taught.max()) == (rows["seen_at"][400], pd.Timestamp("2024-01-18T23:00Z"))


def test_rows_of_an_entity_that_it_knows_do_not_count(tmp_path: Path) -> None:
    _, before = split(tmp_path / "a", shops(40, 20), "customer_id", "seen_at")
    project, same = split(tmp_path / "b", shops(40, 20), "customer_id", "seen_at")
    assert counted(project, same, trained(before)).left_out == 0
    # shops of the first days only taught it; they are back, beside those that it was judged by
    some = shops(40, 20)
    _, before = split(
        tmp_path / "c",
        some[(some["seen_at"] < "2026-01-10") | (some["customer_id"] < 20)],
        "customer_id",
        "seen_at",
    )
    project, after = split(tmp_path / "d", shops(40, 40), "customer_id", "seen_at")
    found = counted(project, after, trained(before))
    held = read_dataset(after.holdout)["customer_id"]
    taught = set(read_dataset(before.train)["customer_id"])
    assert set(held[~found.mask]) == set(held) & taught
    assert max(held[found.mask]) < 20


def test_a_test_set_counts_where_its_rows_were_in_it_then_or_are_newer(tmp_path: Path) -> None:
    rows = customers(600)
    for name in "abc":
        (tmp_path / name).mkdir()
    own = {"type": "csv", "filepath": "judged.csv"}
    untimed = rows.drop(columns="seen_at")
    untimed.iloc[500:560].to_csv(tmp_path / "a" / "judged.csv", index=False)
    untimed.iloc[500:].to_csv(tmp_path / "b" / "judged.csv", index=False)
    _, before = split(tmp_path / "a", untimed.iloc[:500], "customer_id", source=own)
    project, after = split(tmp_path / "b", untimed.iloc[:500], "customer_id", source=own)
    assert counted(project, before, trained(before)).left_out == 0
    found, was_in = counted(project, after, trained(before)), set(untimed["customer_id"].iloc[500:560])
    assert found.mask.tolist() == [key in was_in for key in read_dataset(after.holdout)["customer_id"]]
    rows.iloc[450:].to_csv(tmp_path / "c" / "judged.csv", index=False)
    project, timed = split(tmp_path / "c", rows.iloc[:450], "customer_id", "seen_at", source=own)
    _, before = split(tmp_path / "d", rows.iloc[:500], "customer_id", "seen_at")
    assert counted(project, timed, trained(before)).left_out == 0


def test_a_version_of_an_earlier_release_counts_on_rows_newer_than_its_own(tmp_path: Path) -> None:
    project, features = split(tmp_path, customers(600), "customer_id", "seen_at")
    cut = features.holdout.times
    assert cut is not None
    params = {
        "split.by": "time",
        "train.from": "2024-01-01T00:00:00+00:00",
        "train.to": "2024-01-22T00:00:00+00:00",
    }
    found = counted(project, features, Run(params))
    assert read_dataset(features.holdout)["seen_at"][found.mask].min() == pd.Timestamp("2024-01-22T01:00Z")
    none = counted(project, features, Run({"split.by": "random"}))
    assert none.unknown == "it was registered by a release that did not record it"
    assert none.left_out == 0
    source = {"split.by": "source", "holdout.digest": "other"}
    assert counted(project, features, Run(source)).unknown == "it does not say which rows its test set had"


def test_what_can_no_longer_be_held_to_the_rows_is_said(tmp_path: Path) -> None:
    rows = customers(600)
    _, by_plan = split(tmp_path / "a", rows.rename(columns={"plan": "offer"}).drop(columns="seen_at"))
    _, by_time = split(tmp_path / "b", rows.rename(columns={"seen_at": "at"}), "at")
    project, features = split(tmp_path / "c", rows.drop(columns="seen_at"), "customer_id")
    assert "which the rows no longer have" in counted(project, features, trained(by_plan)).unknown
    assert "event time at, which the rows no longer" in counted(project, features, trained(by_time)).unknown
    run = trained(by_plan)
    run.files[LEARNED]["rule"] |= {"scheme": 2, "of_a_later_release": 1}
    assert "hashed rows in another way" in counted(project, features, run).unknown
