"""Which columns of the rows go on."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from airflow_mlops.config.models import Columns
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean


def choose(
    frame: pd.DataFrame,
    columns: Columns,
    kept: Collection[str],
    where: str,
    key: str = "data.columns",
    *,
    unread: Collection[str] = (),
) -> pd.DataFrame:
    """Return the rows with the columns that a configuration keeps, in their own order.

    ``kept`` are columns that stay in any case, ``unread`` those of the source that the frame has not. Raises
    ConfigError for a name that the rows have not: a misspelt name would keep what should be dropped.
    """
    names = [str(name) for name in frame.columns]
    for part, wanted in (("use", columns.use), ("drop", columns.drop)):
        for name in wanted:
            if name not in names and name not in kept and name not in unread:
                known = did_you_mean(name, [*names, *unread])
                raise ConfigError(f"{where}: {key}.{part}: no column {name!r}{known}")
    if columns.use:
        return frame[[name for name in names if name in columns.use or name in kept]]
    return frame.drop(columns=[name for name in columns.drop if name in names]) if columns.drop else frame
