"""The table of drift tests."""

from __future__ import annotations

import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.monitoring.core import drift


def test_every_kind_of_column_has_its_test() -> None:
    assert {kind: drift.test_of(kind).profile.kind for kind in drift.DRIFT_TESTS.names()} == {
        "numeric": "numeric",
        "categorical": "categorical",
    }
    with pytest.raises(ConfigError, match="a drift test must be 'numeric', 'categorical' or a class"):
        drift.test_of("image")
