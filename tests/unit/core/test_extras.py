"""An import that fails names the extra that brings the module."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.extras import how_to_install
from airflow_mlops.user_code.loading import load_object

EXTRAS = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"][
    "optional-dependencies"
]


@pytest.mark.parametrize("name", ["catboost", "lightgbm", "xgboost"])
def test_an_extra_that_is_named_is_one_of_the_distribution(name: str) -> None:
    assert how_to_install(name) == f"; install it: pip install 'airflow-mlops[{name}]'"
    assert any(name in needed for needed in EXTRAS[name])


@pytest.mark.parametrize("module", ["sklearn.linear_model", "my.xgboost", "xgboost.nowhere", ""])
def test_what_no_extra_brings_has_no_advice(module: str) -> None:
    """A module inside of a library is missing although the library may be there."""
    assert how_to_install(module) == ""


def test_the_import_of_an_estimator_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    for name in [key for key in sys.modules if key.partition(".")[0] == "catboost"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ConfigError, match=r"no module 'catboost'.*pip install 'airflow-mlops\[catboost\]'"):
        load_object("catboost.CatBoostClassifier", tmp_path)
