"""How often rows are stored and read: counted, since time differs from machine to machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from airflow_mlops.core.records import FeatureSet
from airflow_mlops.data import datasets
from airflow_mlops.data.datasets import read_dataset
from airflow_mlops.data.digests import content_digest
from airflow_mlops.stages import features as features_stage
from tests.support.project import Project, customers


@pytest.fixture(autouse=True, scope="module")
def large() -> Iterator[None]:
    """Take all rows for many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features_stage, "_LARGE", 0)
        yield


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project without a feature function."""
    train = {"estimator": "sklearn.linear_model.LogisticRegression"}
    return Project.create(tmp_path_factory.mktemp("plain"), features=None, train=train)


@pytest.fixture(scope="module")
def found(plain: Project) -> FeatureSet:
    return FeatureSet.from_json(plain.run("features", {"dataset": plain.run("ingest", {})}))


def stored(project: Project) -> list[int]:
    """Return the rows of each Parquet file that has a column of the source."""
    files = (project.root / "artifacts" / "churn" / "data").glob("*.parquet")
    read = [pq.ParquetFile(file) for file in files]
    return [one.metadata.num_rows for one in read if {"spend", "visits"} & set(one.schema_arrow.names)]


def test_without_a_feature_function_rows_are_stored_once(plain: Project, found: FeatureSet) -> None:
    assert stored(plain) == [len(customers())]
    sides = [found.train, found.holdout]
    assert sum(side.rows for side in sides) == len(customers())
    for side, features in zip(sides, (found.train_features, found.holdout_features), strict=True):
        rows, built = read_dataset(side), read_dataset(features)
        assert len(rows) == side.rows
        assert [content_digest(rows), content_digest(built)] == [side.digest, features.digest]
        assert set(rows.columns) - set(built.columns) == {"customer_id", "seen_at", "churned"}
        pd.testing.assert_frame_equal(rows[list(built.columns)], built)


def test_rows_without_a_label_are_on_no_side(tmp_path: Path) -> None:
    rows = customers()
    rows["churned"] = rows["churned"].astype("float64").where(rows.index % 7 != 0)
    project = Project.create(tmp_path, rows, features=None)
    found = FeatureSet.from_json(project.run("features", {"dataset": project.run("ingest", {})}))
    assert stored(project) == [len(rows)]
    assert found.train.rows + found.holdout.rows == int(rows["churned"].notna().sum())
    for side in (found.train, found.holdout):
        assert read_dataset(side)["churned"].notna().all()


def test_rows_that_learning_needs_in_other_types_are_stored_in_these(tmp_path: Path) -> None:
    rows = customers()
    rows["visits"] = [Decimal(visits) / 4 for visits in rows["visits"].tolist()]
    project = Project.create(tmp_path, rows, features=None)
    found = FeatureSet.from_json(project.run("features", {"dataset": project.run("ingest", {})}))
    assert sorted(stored(project)) == sorted([len(rows), found.train.rows, found.holdout.rows])
    assert read_dataset(found.train_features)["visits"].dtype == "float64"


def test_a_feature_function_adds_what_it_makes(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    found = FeatureSet.from_json(project.run("features", {"dataset": project.run("ingest", {})}))
    assert found.train.of == found.holdout.of != ""
    assert found.train_features.of == ""
    assert content_digest(read_dataset(found.train_features)) == found.train_features.digest


@pytest.mark.parametrize(
    ("stage", "most"), [("train", {"features": 1, "rows": 1}), ("evaluate", {"features": 0, "rows": 1})]
)
def test_a_stage_reads_the_columns_of_a_side_once(
    plain: Project, found: FeatureSet, stage: str, most: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole sides are read once; single columns, such as the labels, are cheap."""
    inputs: dict[str, Any] = {"features": found.to_json()}
    if stage == "evaluate":
        inputs["model"] = plain.run("train", inputs)
    seen: Counter[tuple[str, str]] = Counter()

    def counted(ref: Any, columns: Any = None, *more: Any) -> pd.DataFrame:
        kind = (
            "features"
            if ref.digest in (found.train_features.digest, found.holdout_features.digest)
            else "rows"
        )
        if columns is None:
            seen[kind, ref.digest] += 1
        return read_dataset(ref, columns, *more)

    monkeypatch.setattr(datasets, "read_dataset", counted)
    plain.run(stage, inputs, key="counted")
    for (kind, _), times in seen.items():
        assert times <= most[kind], seen


def test_few_rows_are_files_that_can_be_opened_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features_stage, "_LARGE", 4 << 20)
    project = Project.create(tmp_path, features=None)
    found = FeatureSet.from_json(project.run("features", {"dataset": project.run("ingest", {})}))
    for side in (found.train, found.holdout, found.train_features, found.holdout_features):
        assert side.of == ""
        assert content_digest(pd.read_parquet(side.uri)) == side.digest
