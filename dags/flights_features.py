"""Features of a flight, known before it departs; plain functions from a frame to a frame.

They travel inside the model: training, canary and monitoring all run this very code.
"""

import pandas as pd

CARRIERS = ["9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV"]
AIRPORTS = ["EWR", "JFK", "LGA"]
WEATHER = ["temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"]


def build(flights: pd.DataFrame) -> pd.DataFrame:
    """Hour, weekday, carrier, airport, distance and the weather at departure; unknown values are -1."""
    time = pd.to_datetime(flights["time_hour"], utc=True)
    known = pd.DataFrame(
        {
            "hour": flights["sched_dep_time"] // 100,
            "weekday": time.dt.day_of_week,
            "carrier": pd.Categorical(flights["carrier"], categories=CARRIERS).codes,
            "origin": pd.Categorical(flights["origin"], categories=AIRPORTS).codes,
            "distance": flights["distance"],
            **{name: flights[name] for name in WEATHER},
        },
        index=flights.index,
    )
    # Side by side, one row for each flight: `join` would match by index, and multiply rows that share one.
    return known.astype("float64").fillna(-1.0)


def with_aircraft(flights: pd.DataFrame) -> pd.DataFrame:
    """The same and whether the aircraft is registered in the United States: its tail number starts with N.

    Every flight of the past has one. A live request often comes before an aircraft is assigned: this
    function then fails, and no test on past data can see it. It is here to be caught by a canary.
    """
    registered = [float(tail[0] == "N") for tail in flights["tailnum"]]
    return build(flights).assign(registered=registered)
