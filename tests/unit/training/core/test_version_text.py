"""A version's description says in sentences what was learned, how it scored and from which code."""

from __future__ import annotations

from airflow_mlops.core.records import Comparison, DatasetRef, Evaluation, ModelRef
from airflow_mlops.core.records.data import RowTimes
from airflow_mlops.core.tags import GIT_CHANGED, GIT_COMMIT, LEARNED, MODEL_FORMAT
from airflow_mlops.training.core.version_text import learned_text, version_text

MODEL = ModelRef(name="churn", model_uri="m", run_id="r", digest="d", params={}, rows=800)


def part(rows: int, first: str = "", last: str = "") -> DatasetRef:
    times = RowTimes(column="at", first=first, last=last) if first else None
    return DatasetRef(uri="", digest="", rows=rows, columns={}, times=times)


def test_rows_of_all_parts_are_counted_and_their_times_span_them() -> None:
    parts = [
        part(800, "2025-01-01T00:00:00+00:00", "2025-02-01T06:00:00+00:00"),
        part(200, "2025-02-01T07:00:00+00:00", "2025-03-01T00:30:00+00:00"),
    ]
    assert learned_text("models:Forest", 1000, parts, "by time") == (
        "Forest, fitted to 1,000 rows (2025-01-01 00:00 to 2025-03-01 00:30); hold-out: by time"
    )
    assert learned_text("a.b.Ridge", 90, parts, "by time") == (
        "Ridge, fitted to 90 rows of 1,000; hold-out: by time"
    )


def test_figures_comparison_and_commit_follow() -> None:
    comparison = Comparison("roc_auc", 0.8, 0.7, 0.1, 0.05, 0.15, "", True)
    evaluation = Evaluation(
        model=MODEL, metrics={"roc_auc": 0.8}, comparisons=(comparison,), champion_version=3, rows=200
    )
    tags = {LEARNED: "Ridge, fitted to 800 rows", GIT_COMMIT: "0123456789abcdef", GIT_CHANGED: "features.py"}
    assert version_text(evaluation, tags) == (
        "Ridge, fitted to 800 rows. On 200 rows that it had not seen: roc_auc 0.800. Compared with "
        "the champion, version 3, on the same rows: roc_auc +0.100 (95 % interval +0.050 to +0.150). "
        "Code: commit 0123456789, and changes in features.py."
    )


def test_a_run_of_before_has_its_figures_alone() -> None:
    evaluation = Evaluation(model=MODEL, metrics={"roc_auc": 0.8}, rows=1200)
    assert version_text(evaluation, {}) == "On 1,200 rows that it had not seen: roc_auc 0.800."


def test_the_figures_of_a_model_that_learned_all_rows_are_its_twins() -> None:
    evaluation = Evaluation(model=MODEL, metrics={"roc_auc": 0.8}, rows=1200)
    assert version_text(evaluation, {}, has_twin=True).startswith(
        "On 1,200 rows that its judged twin had not"
    )


def test_without_times_there_are_rows_alone() -> None:
    assert learned_text("a.Ridge", 1200, [part(1200)], "at random") == (
        "Ridge, fitted to 1,200 rows; hold-out: at random"
    )
    times = part(200, "2025-02-01T07:00:00+00:00", "2025-03-01T00:30:00+00:00")
    assert learned_text("a.Ridge", 1000, [part(800), times], "at random") == (
        "Ridge, fitted to 1,000 rows (2025-02-01 07:00 to 2025-03-01 00:30); hold-out: at random"
    )


def test_a_commit_without_changes_stands_alone_and_changes_need_one() -> None:
    evaluation = Evaluation(model=MODEL, metrics={"roc_auc": 0.8}, rows=1200)
    figures = "On 1,200 rows that it had not seen: roc_auc 0.800"
    assert version_text(evaluation, {GIT_COMMIT: "abc"}) == f"{figures}. Code: commit abc."
    assert version_text(evaluation, {GIT_CHANGED: "features.py"}) == f"{figures}."


def test_a_sentence_ends_with_one_full_stop() -> None:
    evaluation = Evaluation(model=MODEL, metrics={"roc_auc": 0.8}, rows=1200)
    text = version_text(evaluation, {LEARNED: "Ridge; hold-out: by the column X."})
    assert text.startswith("Ridge; hold-out: by the column X. On 1,200 rows")


def test_the_format_of_the_model_is_said_where_it_is_known() -> None:
    evaluation = Evaluation(model=MODEL, metrics={"roc_auc": 0.8}, rows=1200)
    text = version_text(evaluation, {MODEL_FORMAT: "skops (it fits)", GIT_COMMIT: "abc"})
    assert text.count("Format:") == 1
    assert ". Format: skops (it fits)." in text
    assert "Format" not in version_text(evaluation, {GIT_COMMIT: "abc"})
