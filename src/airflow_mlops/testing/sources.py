"""What every source of rows must do, as a pytest class to inherit from.

class TestMySource(SourceContract):
    @pytest.fixture
    def section(self, tmp_path): ...    # the section `data` of a pipeline file, with three days of rows
    @pytest.fixture
    def missing(self, section): ...     # the same of a place where nothing is
    @pytest.fixture
    def base(self, tmp_path): ...       # the folder that relative paths start from
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.data.connections import Connections, Environment
from airflow_mlops.data.digests import content_digest
from airflow_mlops.data.source_rows import read_rows

FIRST: Final = datetime(2026, 3, 1, tzinfo=UTC)
ROWS: Final = pd.DataFrame(
    {
        "id": [3, 1, 2, 4, 5, 6],
        "at": pd.to_datetime([FIRST + timedelta(hours=12 * hour) for hour in (0, 1, 2, 3, 4, 5)], utc=True),
        "amount": [1.5, -2.0, 0.0, 10.25, 3.0, 7.75],
        "word": ["a", "b", "ü", "a", "c", "b"],
        "label": [0, 1, 0, 1, 1, 0],
    }
)
"""The rows that the place must hold: two a day for three days from ``FIRST``."""


class SourceContract:
    """Tests of one source: its section names ``id`` and ``at`` as keys, and ``label`` as target."""

    connections: Connections = Environment()

    def _read(self, section: Data, base: Path, **window: Any) -> pd.DataFrame:
        return read_rows(section, base=base, connections=self.connections, **window)

    def test_all_rows_are_read_in_the_order_of_the_keys(self, section: Data, base: Path) -> None:
        """Without a window every row comes, whatever order the place has them in."""
        frame = self._read(section, base)
        assert frame["id"].tolist() == [1, 2, 3, 4, 5, 6]
        assert frame["amount"].tolist() == [-2.0, 0.0, 1.5, 10.25, 3.0, 7.75]
        assert frame["word"].tolist() == ["b", "ü", "a", "a", "c", "b"]

    def test_the_window_includes_its_start_and_not_its_end(self, section: Data, base: Path) -> None:
        """The rows of one day are those from its first moment to the last one before the next day."""
        frame = self._read(section, base, start=FIRST + timedelta(days=1), end=FIRST + timedelta(days=2))
        assert sorted(frame["id"]) == [2, 4]

    def test_the_same_rows_have_the_same_content_each_time(self, section: Data, base: Path) -> None:
        """A retry gives the same dataset, which is named by its content."""
        assert content_digest(self._read(section, base)) == content_digest(self._read(section, base))

    def test_a_window_without_rows_may_be_empty(self, section: Data, base: Path) -> None:
        """Where no row is needed, none is not an error."""
        before = FIRST - timedelta(days=9)
        frame = self._read(section, base, start=before, end=before + timedelta(days=1), need_rows=False)
        assert frame.empty

    def test_a_column_that_is_not_there_is_named(self, section: Data, base: Path) -> None:
        """A wrong column is a fault of the configuration, with what the source has instead."""
        wrong = section.model_copy(update={"target": "lable"})
        with pytest.raises(ConfigError, match=r"no column 'lable' .did you mean label"):
            self._read(wrong, base)

    def test_a_place_that_is_not_there_is_a_fault_of_the_configuration(
        self, missing: Data, base: Path
    ) -> None:
        """A retry would not help: the error says so by its class."""
        with pytest.raises(ConfigError):
            self._read(missing, base)
