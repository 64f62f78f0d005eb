from __future__ import annotations

import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.monitoring.core.drift import DRIFT_TESTS, drift_test
from airflow_mlops.monitoring.core.drift.profiles import CategoricalProfile, NumericProfile


def test_each_kind_of_column_has_the_test_of_its_profile() -> None:
    assert DRIFT_TESTS.names() == ("numeric", "categorical")
    assert drift_test("numeric").profile is NumericProfile
    assert drift_test("categorical").profile is CategoricalProfile
    for kind in DRIFT_TESTS.names():
        assert drift_test(kind).profile.kind == kind


def test_an_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="a drift test must be 'numeric', 'categorical' or a class"):
        drift_test("text")
