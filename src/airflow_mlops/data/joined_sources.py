"""Reads the further sources of ``data.join`` and adds their columns to the rows."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.data.joins import Side, add_columns
from airflow_mlops.data.sources import source_of
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.frames import storable

Times = Callable[[pd.DataFrame, Data], "pd.Series | None"]


def join_sources(
    frame: pd.DataFrame, data: Data, request: ReadRequest, times_of: Times, *, need: bool
) -> pd.DataFrame:
    """Return the rows with the columns of every source of ``data.join``, in its order.

    ``request`` is that of the rows themselves, ``times_of`` reads the event times of rows. Further rows are
    read up to the end of the window. Raises what ``read_rows`` and ``add_columns`` raise, with the key that
    was written.
    """
    for number, join in enumerate(data.join):
        source = source_of(join.source.type, request.base)
        where = source.where(join.source)
        asked = ReadRequest(
            source=join.source,
            base=request.base,
            connections=request.connections,
            end=request.end,
            needed=join.columns_needed,
            report=request.report,
        )
        try:
            further = storable(source.read(asked), where)
        except ConfigError as error:  # the reader knows of one source only
            raise ConfigError(str(error).replace("data.source.", f"data.join.{number}.source.", 1)) from error
        times = further_times = None
        if join.time:
            times = times_of(frame, data)
            further_times = times_of(further, data.model_copy(update={"keys": (join.time,)}))
        left = Side(frame, times, source_of(data.source.type, request.base).where(data.source))
        frame = add_columns(left, Side(further, further_times, where), join, request.report, need=need)
    return frame
