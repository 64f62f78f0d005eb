"""A time is declared or ISO 8601; one that cannot be read is refused or set aside, and never ignored."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.data.event_times import event_times, times_of
from airflow_mlops.data.source_rows import read_window
from airflow_mlops.data.splitting import split

DAYS = ["2025-01-01", "2025-01-02", "2025-01-03", "2025-01-04"]


def section(path: str = "rows.csv", keys: tuple[str, ...] = ("id", "at"), **data: Any) -> Data:
    source = {"type": path.rpartition(".")[2], "filepath": path}
    return Data.model_validate({"source": source, "target": "y", "keys": keys, **data})


def frame(values: Any, name: str = "at") -> pd.DataFrame:
    column = values if isinstance(values, pd.Series) else pd.Series(values)
    return pd.DataFrame({"id": range(len(column)), name: column, "y": 0})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            ["31/01/2025", "01/02/2025"],
            r"'at'.* is named as a time but is not ISO 8601 .*format: \"%d/%m/%Y\"",
        ),
        ([20250131, 20250201], r"format: \"%Y%m%d\""),
        ([20250131.0, None], r"\('20250131'\).*format: \"%Y%m%d\""),
        ([1738303200, 1738303201], r"format: \"epoch_s\""),
        ([1738303200000, 1738303200001], r"format: \"epoch_ms\""),
        (["yesterday", "today"], r"'yesterday', 'today'\): declare it under data"),
    ],
)
def test_what_is_named_as_a_time_but_is_not_iso_is_refused_with_the_key_to_write(
    values: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        event_times(frame(values), section(), "rows.csv")
    assert str(caught.value).startswith("rows.csv: ")
    assert "`time: off`" in str(caught.value)


def test_what_only_looks_like_a_time_is_refused_as_well_until_it_is_declared_not_to_be_one() -> None:
    rows, keys = frame(["31/01/2025", "01/02/2025"], "moment"), ("id", "moment")
    with pytest.raises(ConfigError, match="has values that look like times"):
        event_times(rows, section(keys=keys))
    assert event_times(rows, section(keys=keys, time=None)) is None
    many = pd.concat([rows.assign(id=number) for number in range(30)])
    assert split(many, section(keys=keys, time=None)).by == "entity"


@pytest.mark.parametrize("values", [["a", "b"], [7, 8], [0.5, None], [None, None]])
def test_a_last_key_that_is_not_a_time_is_left_alone(values: Any) -> None:
    assert event_times(frame(values, "customer"), section(keys=("id", "customer"))) is None


@pytest.mark.parametrize(
    "values", [DAYS, pd.to_datetime(DAYS), ["31/01/2025", "30/01/2025", "29/01/2025", "28/01/2025"]]
)
def test_a_time_that_is_not_the_last_key_is_refused(values: Any) -> None:
    rows = frame(values)
    with pytest.raises(
        ConfigError, match=r"'at', one of data\.keys, is a time, but the last of them is 'id'"
    ):
        event_times(rows, section(keys=("at", "id")))
    assert event_times(rows, section(keys=("at", "id"), time=None)) is None
    assert event_times(frame([7, 8, 9, 10], "day"), section(keys=("day", "id"))) is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            [*DAYS, "unknown"],
            r"1 of 5 rows \(20 %\) have no time in 'at' .* e\.g\. 'unknown': .*max_quarantine: 0\.2}",
        ),
        ([*DAYS, None], r"1 of 5 rows \(20 %\) .*e\.g\. empty"),
        ([*DAYS, " "], "e.g. empty"),
        (["a", "b", "c", "d", *DAYS], r"4 of 8 rows \(50 %\) .*e\.g\. 'a', 'b', 'c':"),
        ([*DAYS, "x" * 500], r"e\.g\. 'x{60}…':"),
        (pd.Series(pd.to_datetime([*DAYS, None])), r"1 of 5 rows"),
        (pd.Series([pd.NaT] * 3, dtype="datetime64[us]"), r"3 of 3 rows \(100 %\)"),
        ([None, None], r"2 of 2 rows \(100 %\)"),
        (pd.Series([dt.date(2025, 1, 1), "unknown"], dtype=object), r"1 of 2 rows"),
    ],
)
def test_cells_that_cannot_be_read_are_refused_with_share_and_examples(values: Any, message: str) -> None:
    with pytest.raises(DataRejected, match=message):
        event_times(frame(values), section())


def test_a_declaration_that_reads_nothing_says_what_would() -> None:
    declared = section(time={"format": "%m/%d/%Y"})
    with pytest.raises(ConfigError, match=r"none of 2 values.*%m/%d/%Y.*format: \"%d/%m/%Y\""):
        event_times(frame(["31/01/2025", "30/01/2025"]), declared)
    with pytest.raises(ConfigError, match="no column 'seen'"):
        event_times(frame(DAYS), section(time={"column": "seen"}))


def test_rows_up_to_the_declared_share_are_taken_out_and_known(tmp_path: Path) -> None:
    frame([*DAYS[::-1], "unknown"]).to_csv(tmp_path / "rows.csv", index=False)
    rows = read_window(section(time={"max_quarantine": 0.2}), base=tmp_path, end=dt.datetime(2025, 1, 3))
    assert rows.frame["id"].tolist() == [2, 3]
    assert rows.aside["at"].tolist() == ["unknown"]
    with pytest.raises(
        DataRejected, match=r"1 of 5 rows \(20 %\).*more than data\.time\.max_quarantine 0\.19"
    ):
        read_window(section(time={"max_quarantine": 0.19}), base=tmp_path)


def test_a_time_of_its_own_is_the_last_key_and_rows_are_sorted_by_it_as_a_time(tmp_path: Path) -> None:
    data = section(keys=(), time={"column": "at", "format": "%d/%m/%Y"})
    assert data.keys == ("at",)
    frame(["01/02/2025", "31/01/2025", "02/01/2025"]).to_csv(tmp_path / "rows.csv", index=False)
    rows = read_window(data, base=tmp_path)
    assert rows.frame["at"].tolist() == ["02/01/2025", "31/01/2025", "01/02/2025"]
    with pytest.raises(ConfigError, match="an event time needs its column"):
        Data(source=data.source, target="y", time={"format": "%d/%m/%Y"})


def test_the_later_tasks_refuse_what_ingest_would_have_taken_out() -> None:
    with pytest.raises(DataRejected, match="1 of 5 rows"):
        times_of(frame([*DAYS, "unknown"]), section(time={"max_quarantine": 0.5}))


def test_objects_of_several_types_become_timestamps_that_parquet_can_hold(tmp_path: Path) -> None:
    (tmp_path / "own_rows.py").write_text(
        "import datetime as dt\nimport pandas as pd\n\n\ndef rows():\n"
        "    at = [dt.date(2025, 1, 2), '2025-01-01', dt.datetime(2025, 1, 3, tzinfo=dt.UTC)]\n"
        "    return pd.DataFrame({'id': [1, 2, 3], 'at': at, 'y': 0})\n"
    )
    source = {"type": "callable", "callable": "own_rows:rows"}
    rows = read_window(section(source=source, keys=("at",)), base=tmp_path, end=dt.datetime(2025, 1, 3))
    assert rows.frame["id"].tolist() == [2, 1]
    rows.frame.to_parquet(tmp_path / "out.parquet")


PARQUET = {
    "timestamps": lambda at: at,
    "another zone": lambda at: at.dt.tz_convert("Asia/Tokyo"),
    "naive": lambda at: at.dt.tz_localize(None),
    "nanoseconds": lambda at: at.dt.as_unit("ns"),
    "milliseconds": lambda at: at.dt.as_unit("ms"),
    "text": lambda at: at.map(lambda value: value.isoformat() if value is not pd.NaT else None),
}


@pytest.mark.parametrize("kind", PARQUET)
@pytest.mark.parametrize("gap", [False, True])
def test_a_filter_while_reading_gives_the_rows_and_the_refusals_of_reading_all(
    tmp_path: Path, kind: str, gap: bool
) -> None:
    at = pd.Series(pd.date_range("2025-03-29", periods=96, freq="h", tz="UTC")).dt.as_unit("us")
    if gap:
        at[90] = pd.NaT
    frame(PARQUET[kind](at)).to_parquet(tmp_path / "rows.parquet")
    start, end = (dt.datetime(2025, 3, 30, hour, tzinfo=dt.UTC) for hour in (0, 3))
    for zone in (None, "Europe/Berlin") if kind != "naive" else (None,):
        data = section("rows.parquet", time={"timezone": zone, "max_quarantine": 0.02})
        rows = read_window(data, base=tmp_path, start=start, end=end)
        assert rows.frame["id"].tolist() == [24, 25, 26]
        assert len(rows.aside) == gap
    if gap:
        with pytest.raises(DataRejected, match=r"1 of 96 rows \(1\.04 %\)"):
            read_window(section("rows.parquet"), base=tmp_path, start=start, end=end)


def test_local_times_of_a_parquet_file_are_compared_as_local_times(tmp_path: Path) -> None:
    local = pd.Series(pd.date_range("2025-07-01", periods=48, freq="h"))
    frame(local).to_parquet(tmp_path / "rows.parquet")
    data = section("rows.parquet", time={"timezone": "Europe/Berlin"})
    rows = read_window(data, base=tmp_path, end=dt.datetime(2025, 7, 1, 1, tzinfo=dt.UTC))
    assert rows.frame["at"].max() == pd.Timestamp("2025-07-01 02:00")


FORMATS = ["%d/%m/%Y %H:%M:%S", "%Y%m%d%H%M%S", "epoch_s", "epoch_ms", "iso", "%d.%m.%Y %H:%M:%S %z"]
SECONDS = st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2026, 1, 1)).map(
    lambda at: at.replace(microsecond=0)
)


def written(at: dt.datetime, form: str, random_: random.Random) -> Any:
    """Write a moment by hand: local time of New York, or with an offset of its own."""
    local = at.astimezone(ZoneInfo("America/New_York"))
    if form.startswith("epoch"):
        return int(at.timestamp()) * (1000 if form == "epoch_ms" else 1)
    if form == "iso":
        own = at.astimezone(dt.timezone(dt.timedelta(hours=random_.randint(-11, 13))))
        return random_.choice([own.isoformat(), f"{local:%Y-%m-%d %H:%M:%S}"])
    return local.strftime(form)


@settings(max_examples=120, deadline=None)
@given(
    moments=st.lists(SECONDS, min_size=2, max_size=12),
    as_of=SECONDS,
    form=st.sampled_from(FORMATS),
    random_=st.randoms(use_true_random=False),
)
def test_the_rows_before_as_of_and_the_hold_out_are_those_of_an_independent_computation(
    tmp_path_factory: pytest.TempPathFactory,
    moments: list[dt.datetime],
    as_of: dt.datetime,
    form: str,
    random_: random.Random,
) -> None:
    utc = sorted(at.replace(tzinfo=dt.UTC) for at in moments)
    as_of = as_of.replace(tzinfo=dt.UTC)
    twice = [at.astimezone(ZoneInfo("America/New_York")).replace(fold=1, tzinfo=None) for at in utc]
    clear = all(at.month != 11 or at.hour != 1 for at in twice)  # an hour that occurs twice is another test
    if not clear and form not in ("epoch_s", "epoch_ms", "%d.%m.%Y %H:%M:%S %z"):
        return
    rows = frame([written(at, form, random_) for at in utc])
    data = section(time={"format": form, "timezone": "America/New_York"})
    folder = tmp_path_factory.mktemp("rows")
    shuffled = rows.iloc[random_.sample(range(len(rows)), len(rows))]
    results = []
    for version in (rows, shuffled):
        version.to_csv(folder / "rows.csv", index=False)
        before = [number for number, at in enumerate(utc) if at < as_of]
        if not before:
            with pytest.raises(DataRejected, match="0 rows"):
                read_window(data, base=folder, end=as_of)
            continue
        found = read_window(data, base=folder, end=as_of)
        assert sorted(found.frame["id"]) == before
        results.append(found.frame)
        known = [utc[number] for number in before]
        cut = known[min(int(len(known) * 0.8), len(known) - 1)]
        if known[0] < cut:
            held = split(found.frame, data).held_out
            assert set(found.frame["id"][held]) == {n for n in before if utc[n] >= cut}
    if len(results) == 2:
        pd.testing.assert_frame_equal(*results)
