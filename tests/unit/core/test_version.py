from __future__ import annotations

from packaging.version import Version

from airflow_mlops.core.version import VERSION


def test_the_version_is_one_that_package_indexes_take_as_it_is_written() -> None:
    assert str(Version(VERSION)) == VERSION
