"""The format of a model follows from what its pipeline file names, and what it may hold from its types."""

from __future__ import annotations

from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import ModelFormat
from airflow_mlops.training.model_format import format_of, is_own
from airflow_mlops.training.safe_format import trusted_types

FOREST = "sklearn.ensemble.RandomForestClassifier"


def pipeline(features: str | None = None, **train: Any) -> Pipeline:
    return Pipeline.model_validate(
        {
            "name": "churn",
            "data": {"source": {"type": "csv", "filepath": "rows.csv"}, "target": "y"},
            "features": features,
            "train": {"estimator": FOREST, **train},
            "evaluate": {"metrics": ["roc_auc"]},
        }
    )


@pytest.mark.parametrize(
    ("config", "name", "why"),
    [
        (pipeline(), "skops", "the file names no code of your own"),
        (pipeline(serialization="auto"), "skops", "the file names no code of your own"),
        (pipeline("shop:build"), "cloudpickle", "features names code of your own: shop:build"),
        (pipeline(estimator="own:model"), "cloudpickle", "train.estimator names code of your own: own:model"),
        (pipeline(serialization="cloudpickle"), "cloudpickle", "written in train.serialization"),
        (pipeline(estimator="own:model", serialization="skops"), "skops", "written in train.serialization"),
    ],
)
def test_a_file_that_names_code_of_its_own_agrees_to_run_it(
    tmp_path: Path, config: Pipeline, name: str, why: str
) -> None:
    (tmp_path / "own.py").touch()
    assert format_of(config, tmp_path) == ModelFormat(name, why)


def test_a_module_beside_the_file_is_own_code_whatever_is_installed_under_its_name(tmp_path: Path) -> None:
    assert not is_own("cachetools:LRUCache", tmp_path)
    (tmp_path / "cachetools.py").touch()
    assert is_own("cachetools:LRUCache", tmp_path)
    assert is_own("nowhere.at_all.Estimator", tmp_path)


def test_a_package_that_an_installer_recorded_on_the_path_is_not_own_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("recorded_trees", "loose_trees"):
        (tmp_path / "site" / name).mkdir(parents=True)
        (tmp_path / "site" / name / "__init__.py").touch()
    info = tmp_path / "site" / "recorded_trees-1.2.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("recorded_trees/__init__.py,,\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert not is_own("recorded_trees.Forest", tmp_path)
    assert is_own("loose_trees.Forest", tmp_path)


def add(rows: Any, what: int) -> Any:
    return rows + what


def test_types_that_hold_values_are_trusted_and_the_function_of_a_partial_is_a_type() -> None:
    model = LogisticRegression()
    model.kept = date(2026, 1, 1)
    assert trusted_types(model) == ("datetime.date",)
    with pytest.raises(ConfigError, match=r"skops does not know .*test_model_format\.add, which no"):
        trusted_types(FunctionTransformer(partial(add, what=1)))


def test_the_text_says_what_loading_does_and_names_the_first_types() -> None:
    found = ModelFormat("skops", "why", tuple(f"a.T{number}" for number in range(11)))
    assert found.choice.startswith("skops (why): loading it builds objects of listed types, and runs no code")
    assert str(found).endswith(
        "skops (why); trusted types: a.T0, a.T1, a.T2, a.T3, a.T4, a.T5, a.T6, a.T7 and 3 more"
    )
    pickled = ModelFormat("cloudpickle", "why")
    assert (str(pickled), pickled.choice) == (
        "cloudpickle (why)",
        "cloudpickle (why): loading it runs code of the model",
    )
    assert not ModelFormat()
