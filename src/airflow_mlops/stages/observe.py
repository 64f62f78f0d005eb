"""Reads the rows of a window, checks them as in training, and scores them with the champion."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.records import ScoredWindow, ValidationReport
from airflow_mlops.core.utc import in_utc
from airflow_mlops.lifecycle.call import StageCall

if TYPE_CHECKING:
    import pandas as pd

    from airflow_mlops.data.source_rows import Rows
    from airflow_mlops.monitoring.champion import Champion


def run(call: StageCall) -> ScoredWindow:
    """Return the window ``[window_start, as_of)`` with the champion's scores, stored as Parquet.

    Expectations that fail are recorded in the result, not raised: triage decides about them. Raises
    ConfigError without a champion or a window, DataRejected for a window without rows or one that the
    champion cannot score, BackendError when MLflow or storage does not answer.
    """
    from airflow_mlops.data.learning import for_learning
    from airflow_mlops.data.row_times import row_times, time_column, window_text
    from airflow_mlops.data.sources import source_of
    from airflow_mlops.data.sources.quoting import without_causes
    from airflow_mlops.monitoring.champion import load_champion, load_profile
    from airflow_mlops.monitoring.history import MonitorHistory

    start, end = _window(call)
    data, name = call.pipeline.data, call.pipeline.name
    champion = load_champion(call.mlflow, name)
    found = _read(call, start, end)
    rows = found.frame
    validation = _validate(call, rows)
    rows = for_learning(rows)
    known = rows.drop(columns=[data.target], errors="ignore")
    with without_causes(samples=call.quotes_cells):
        scored = _scored(champion, known, validation, samples=call.quotes_cells)
    if data.target in rows:
        scored[data.target] = rows[data.target]
    history = MonitorHistory(call.artifacts, name, call.storage)
    if call.pipeline.monitor and call.pipeline.monitor.drift:
        history.profile(
            champion.version, champion.run_id, lambda: load_profile(call.mlflow.uri, champion.run_id)
        )
    folder = history.window_folder(champion.version, start.isoformat())
    windowed = source_of(data.source.type, call.base).windowed
    dataset = replace(
        call.write(scored, folder, start=start, end=end),
        times=(times := row_times(found)),
        window=window_text(times, time_column(found), start, end, windowed=windowed),
    )
    return ScoredWindow(
        dataset=dataset,
        model_version=champion.version,
        run_id=champion.run_id,
        start=start.isoformat(),
        end=end.isoformat(),
        labelled=int(rows[data.target].notna().sum()) if data.target in rows else 0,
        classes=champion.classes,
        probabilities=champion.gives_probabilities,
        positive=champion.positive,
        validation=validation,
    )


def _read(call: StageCall, start: datetime, end: datetime) -> Rows:
    """Return the rows of the window; labels may not have arrived."""
    from airflow_mlops.data.source_rows import read_window
    from airflow_mlops.data.sources.quoting import without_causes
    from airflow_mlops.data.sources.report import ReadReport

    with without_causes(samples=call.quotes_cells):
        return read_window(
            call.pipeline.data,
            base=call.base,
            start=start,
            end=end,
            need_target=False,
            connections=call.connections,
            report=ReadReport(samples=call.quotes_cells),
        )


def _scored(
    champion: Champion, known: pd.DataFrame, validation: ValidationReport | None, *, samples: bool
) -> pd.DataFrame:
    """Return the rows with their scores; a refusal names the expectations that failed as well."""
    try:
        return champion.scored(known, samples=samples)
    except DataRejected as error:
        failed = (
            [] if validation is None else [f"{f.expectation}: {f.detail}" for f in validation.failures[:20]]
        )
        raise DataRejected("; ".join([str(error), *failed])) from error


def _window(call: StageCall) -> tuple[datetime, datetime]:
    """Return the window in UTC."""
    if call.window_start is None or call.as_of is None:
        raise ConfigError("stage observe needs a window: set window_start and as_of")
    start, end = in_utc(call.window_start), in_utc(call.as_of)
    if start >= end:
        raise ConfigError(
            f"the window must end after it starts, got {start.isoformat()} to {end.isoformat()}"
        )
    return start, end


def _validate(call: StageCall, rows: pd.DataFrame) -> ValidationReport | None:
    """Check the training's expectations; those on the label wait until every row has one.

    Nothing is taken out of a window: what a champion was asked is what is watched.
    """
    section = call.pipeline.validate_
    if section is None:
        return None
    from airflow_mlops.stages.validate import all_expectations, check

    target = call.pipeline.data.target
    complete = target in rows and bool(rows[target].notna().all())
    wanted = all_expectations(section, call.base)
    expected = [item for item in wanted if complete or not item.mentions(target)]
    report, _ = check(rows, expected, section, call.base)
    return report
