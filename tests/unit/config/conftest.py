"""What the tests of pipeline files share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_mlops.config.lint.libraries import Libraries


@pytest.fixture(scope="session")
def libraries() -> Iterator[Libraries]:
    """The installed libraries, imported by one child process for all tests."""
    with Libraries() as shared:
        yield shared
