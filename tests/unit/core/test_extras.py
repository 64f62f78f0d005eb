"""An import that fails names the extra that brings the module."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from airflow_mlops.core.extras import how_to_install

EXTRAS = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"][
    "optional-dependencies"
]


@pytest.mark.parametrize("name", ["catboost", "lightgbm", "xgboost"])
def test_an_extra_that_is_named_is_one_of_the_distribution(name: str) -> None:
    expected = f"; install it: pip install 'airflow-mlops[{name}]'"
    assert how_to_install(name) == how_to_install(f"{name}.sklearn.inner") == expected
    assert any(name in needed for needed in EXTRAS[name])


@pytest.mark.parametrize("module", ["sklearn.linear_model", "my.xgboost", ""])
def test_what_no_extra_brings_has_no_advice(module: str) -> None:
    assert how_to_install(module) == ""
