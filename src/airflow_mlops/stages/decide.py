"""Decide: people are asked when the hold-out does not show whether a model may replace the champion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import ApprovalRequest, Evaluation
from airflow_mlops.core.records.deployment import APPROVE, REJECT
from airflow_mlops.core.tags import EVALUATION, GATE_CAUTION
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages.approve import comparison_lines


def run(call: StageCall) -> ApprovalRequest | Evaluation:
    """Return what to ask; with the option ``answer`` (``chosen``, ``by``, ``at``) the evaluation with it.

    An evaluation that does not ask is returned as it is.
    """
    evaluation, section = call.input("evaluation", Evaluation), call.pipeline.approve
    if not evaluation.asks:
        return evaluation
    if section is None:
        raise ConfigError(
            f"pipeline {call.pipeline.name} must have an `approve` section: evaluate.on_inconclusive is ask"
        )
    answer = call.options.get("answer")
    if answer is not None:
        return _kept(call, evaluation, answer)
    return ApprovalRequest(
        subject=f"Register a model of {call.pipeline.name} without enough evidence?",
        body="\n".join(_evidence(evaluation)),
        by=section.by,
        within_s=section.within.total_seconds(),
        on_timeout=APPROVE if section.on_timeout == "approve" else REJECT,
    )


def _kept(call: StageCall, evaluation: Evaluation, answer: Mapping[str, Any]) -> Evaluation:
    """Return the evaluation with the answer of a person, and keep it on the model's run."""
    who = f"{answer['by']} at {answer['at']}" if answer["at"] else answer["by"]
    if answer["chosen"] == APPROVE:
        caution = f"accepted by {who}: {'; '.join(evaluation.reasons)}"
        texts = [text for text in (evaluation.caution, caution) if text]
        found = replace(evaluation, asks=False, passed=True, reasons=(), caution="; ".join(texts))
    else:
        found = replace(evaluation, asks=False, reasons=(*evaluation.reasons, f"rejected by {who}"))
    run_ = call.mlflow.run(evaluation.model.run_id)
    run_.json(found.to_json(), "evaluation.json")
    run_.tag({EVALUATION: "passed" if found.passed else "failed", GATE_CAUTION: found.caution})
    return found


def _evidence(evaluation: Evaluation) -> Iterator[str]:
    """Yield the lines of the request in Markdown."""
    yield "; ".join(evaluation.reasons)
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| model | MLflow run `{evaluation.model.run_id}` |"
    yield f"| champion | {evaluation.champion_version or 'none: this is the first version'} |"
    for name, value in evaluation.metrics.items():
        yield f"| {name} | {value:.4f} |"
    yield from comparison_lines(evaluation.comparisons, "the champion")
    yield from comparison_lines(
        evaluation.against_anchor, f"version {evaluation.anchor_version}, the best earlier champion,"
    )
