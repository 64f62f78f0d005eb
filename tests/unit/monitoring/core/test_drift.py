from __future__ import annotations

import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.monitoring.core.drift import DRIFT_TESTS, test_of
from airflow_mlops.monitoring.core.drift.profiles import CategoricalProfile, NumericProfile

find = test_of
del test_of  # pytest would collect it


def test_each_kind_of_column_has_the_test_of_its_profile() -> None:
    assert DRIFT_TESTS.names() == ("numeric", "categorical")
    assert find("numeric").profile is NumericProfile
    assert find("categorical").profile is CategoricalProfile
    for kind in DRIFT_TESTS.names():
        assert find(kind).profile.kind == kind


def test_an_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="a drift test must be 'numeric', 'categorical' or a class"):
        find("text")
