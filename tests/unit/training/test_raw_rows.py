"""Values of callers get the types of training, and no time of theirs is guessed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest

from airflow_mlops.training.raw_rows import as_trained

SIX = dt.datetime(2025, 1, 31, 6, tzinfo=dt.UTC)


@pytest.mark.parametrize("value", ["2025-01-31T06:00:00Z", "2025-01-31 07:00+01:00", "2025-01-31 06:00", SIX])
def test_a_time_of_a_caller_is_read_as_iso(value: Any) -> None:
    rows = pd.Series([value, None], dtype=object)
    assert as_trained(rows, "datetime64[us, UTC]").tolist() == [SIX, pd.NaT]
    assert as_trained(rows, "datetime64[us]")[0] == SIX.replace(tzinfo=None)


@pytest.mark.parametrize("value", ["01/02/2025", "31.01.2025", "soon"])
def test_what_could_be_two_days_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="is not ISO8601"):
        as_trained(pd.Series([value], dtype=object), "datetime64[us, UTC]")
