"""Decide: people are asked when the hold-out does not show whether a model may replace the champion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import Answer, ApprovalRequest, Evaluation
from airflow_mlops.core.records.deployment import APPROVE
from airflow_mlops.core.records.evaluation_words import of_slices_against
from airflow_mlops.core.tags import AUTHOR, EVALUATION, GATE_CAUTION
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages.approve import comparison_lines
from airflow_mlops.stages.approvers import answer_of, approvers_of, author_line, refusal_of, request_of


def run(call: StageCall) -> ApprovalRequest | Evaluation:
    """Return what to ask; with the option ``answer`` (fields of Answer) the evaluation with it.

    An evaluation that does not ask is returned as it is. One that needs the approval of further people asks
    still, and holds the approvals so far. An answer that does not count, such as that of the author, is
    followed by another request, whose ``refused`` says why. Raises ConfigError when nobody could answer.
    """
    evaluation, section = call.input("evaluation", Evaluation), call.pipeline.approve
    if not evaluation.asks:
        return evaluation
    if section is None:
        raise ConfigError(
            f"pipeline {call.pipeline.name} must have an `approve` section: evaluate.on_inconclusive is ask"
        )
    author = call.registry.run_tags(evaluation.model.run_id).get(AUTHOR, "")
    approvers = approvers_of(section, {author: "started the training"} if author else {})
    earlier, answer = evaluation.approvals, answer_of(call)
    refused = refusal_of(call, approvers, answer, earlier) if answer else ""
    if answer and not refused:
        return _kept(call, evaluation, answer, section.needs)
    subject = f"Register a model of {call.pipeline.name} without enough evidence?"
    body = "\n".join(_evidence(evaluation, author))
    return request_of(call, section, approvers, earlier, subject=subject, body=body, refused=refused)


def _kept(call: StageCall, evaluation: Evaluation, answer: Answer, needs: int) -> Evaluation:
    """Return the evaluation with the answer of a person, and keep it on the model's run."""
    if answer.chosen == APPROVE:
        found = replace(evaluation, approvals=(*evaluation.approvals, answer))
        if len(found.approvals) < needs:
            return found
        who = " and ".join(map(str, found.approvals))
        caution = f"accepted by {who}: {'; '.join(evaluation.reasons)}"
        texts = [text for text in (evaluation.caution, caution) if text]
        found = replace(found, asks=False, passed=True, reasons=(), caution="; ".join(texts))
    else:
        found = replace(evaluation, asks=False, reasons=(*evaluation.reasons, f"rejected by {answer}"))
    run_ = call.mlflow.run(evaluation.model.run_id)
    run_.json(found.to_json(), "evaluation.json")
    run_.tag({EVALUATION: "passed" if found.passed else "failed", GATE_CAUTION: found.caution})
    return found


def _evidence(evaluation: Evaluation, author: str) -> Iterator[str]:
    """Yield the lines of the request in Markdown."""
    yield "; ".join(evaluation.reasons)
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| model | MLflow run `{evaluation.model.run_id}` |"
    yield author_line(author)
    yield f"| champion | {evaluation.champion_version or 'none: this is the first version'} |"
    for name, value in evaluation.metrics.items():
        yield f"| {name} | {value:.4f} |"
    yield from comparison_lines(evaluation.comparisons, "the champion")
    yield from (f"- {text}" for text in of_slices_against(evaluation.against_slices))
    yield from comparison_lines(
        evaluation.against_anchor, f"version {evaluation.anchor_version}, the best earlier champion,"
    )
