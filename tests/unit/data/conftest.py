"""A database server for the tests of data."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.postgres import Postgres, running_shop


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """PostgreSQL with the database ``shop``, which starts once for all tests that need it."""
    with running_shop() as postgres:
        yield postgres
