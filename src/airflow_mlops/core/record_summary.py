"""One short sentence about a record, for people who watch a pipeline at work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Json = Mapping[str, Any]
_NAMED: Final = 4


def describe(record: Json | Sequence[Json] | None) -> str:
    """Return a sentence about a record as JSON, or about those of mapped tasks; empty when there is none."""
    if not record:
        return ""
    if isinstance(record, Mapping):
        line = _LINES.get(str(record.get("kind")))
        return line(record) if line else ""
    return _searches(record) if record[0].get("kind") == "TuneResult" else "; ".join(map(describe, record))


def _dataset(record: Json) -> str:
    return f"{record['rows']:,} rows, digest {record['digest'][:12]}"


def _validation(record: Json) -> str:
    whole = f"{record['expectations']} expectations on {record['rows']:,} rows"
    if record["passed"]:
        return f"Great Expectations: {whole} hold"
    failed = ", ".join(
        f"{item['expectation']}{' of ' + item['column'] if item['column'] else ''}"
        f"{_counted(item.get('rows'))}"
        for item in record["failures"]
    )
    told = f"Great Expectations: {len(record['failures'])} of {whole} fail: {failed}"
    quarantine = record.get("quarantine") or {}
    if not quarantine.get("dataset"):
        return told
    share = 100 * quarantine["rows"] / record["rows"]
    return (
        f"{told}; {quarantine['rows']:,} rows ({share:.1f} %) quarantined in {quarantine['dataset']['uri']}"
    )


def _counted(rows: int | None) -> str:
    return "" if rows is None else f" ({rows:,} {'row' if rows == 1 else 'rows'})"


def _features(record: Json) -> str:
    train, holdout = record["train"]["rows"], record["holdout"]["rows"]
    return f"{len(record['features'])} features; {train:,} rows to learn from, {holdout:,} held out"


def _search(record: Json) -> str:
    params = ", ".join(f"{key}={_short(value)}" for key, value in record["best_params"].items())
    failed = f", {record['failed']} failed" if record["failed"] else ""
    if record["best_score"] is None:
        return f"{record['trials']} trials{failed}"
    return f"{record['trials']} trials{failed}, best {record['metric']} {record['best_score']:.3f} ({params})"


def _searches(records: Sequence[Json]) -> str:
    """Sum up the workers of one search; ``best_score`` is larger-is-better."""
    scored = [record for record in records if record["best_score"] is not None] or records
    top = max(scored, key=lambda record: record["best_score"] or 0.0)
    return _search({**top, **{key: sum(record[key] for record in records) for key in ("trials", "failed")}})


def _model(record: Json) -> str:
    return f"fitted on {record['rows']:,} rows, in MLflow as run {record['run_id'][:8]}"


def _evaluation(record: Json) -> str:
    figures = ", ".join(f"{name} {value:.3f}" for name, value in record["metrics"].items())
    against = "".join(
        f"; against version {record['champion_version']}: {item['metric']} {item['difference']:+.3f} "
        f"[{item['low']:+.3f}, {item['high']:+.3f}]"
        for item in record["comparisons"]
    )
    return figures + against


def _version(record: Json) -> str:
    return f"version {record['model_version']}, alias {record['alias']}"


def _request(record: Json) -> str:
    champion = record["champion_version"]
    beside = f"beside champion version {champion}" if champion else "the first: there is no champion yet"
    return f"{record['action']} version {record['model_version']}, {beside}"


def _rollout(record: Json) -> str:
    return f"{record['outcome']}: {record['reason']}"


def _window(record: Json) -> str:
    rows, span = record["dataset"]["rows"], f"{record['start'][:16]} to {record['end'][:16]}"
    return f"{rows:,} rows of {span} scored by version {record['model_version']}"


def _drift(record: Json) -> str:
    named, rest = record["drifted"][:_NAMED], len(record["drifted"]) - _NAMED
    more = f" and {rest} more" if rest > 0 else ""
    return f"{record['verdict']}: {', '.join(named)}{more}" if named else str(record["verdict"])


def _performance(record: Json) -> str:
    figures = ", ".join(f"{name} {value:.3f}" for name, value in record["metrics"].items())
    of = f" of {record['window_rows']:,}" if record.get("window_rows") else ""
    told = f"{record['verdict']}: {figures or format(record['rows'], ',') + of + ' rows with a label'}"
    others = {"scored": record.get("also_scored", 0), "without labels": len(record.get("overdue") or ())}
    parts = [f"{n} earlier {'window' if n == 1 else 'windows'} {what}" for what, n in others.items() if n]
    return "; ".join([told, *parts])


def _triage(record: Json) -> str:
    return f"{record['action']}: {record['reason']}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


_LINES: Final[Mapping[str, Callable[[Json], str]]] = {
    "DatasetRef": _dataset,
    "ValidationReport": _validation,
    "FeatureSet": _features,
    "TuneResult": _search,
    "ModelRef": _model,
    "Evaluation": _evaluation,
    "RegisteredVersion": _version,
    "DeployRequest": _request,
    "RolloutResult": _rollout,
    "ScoredWindow": _window,
    "DriftReport": _drift,
    "PerformanceReport": _performance,
    "Triage": _triage,
}
