"""Register: a model that passed its gate becomes a version."""

from __future__ import annotations

from typing import Final

from airflow_mlops.core import tags as tag_names
from airflow_mlops.core.errors import ConfigError, GateRejected
from airflow_mlops.core.records import Evaluation, ModelRef, Refit, RegisteredVersion
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages.judging_again import Judgement
from airflow_mlops.training.core.anchor import tags_of
from airflow_mlops.training.core.version_text import version_text

_KEPT: Final = (
    tag_names.DATA_DIGEST,
    tag_names.CONFIG_DIGEST,
    tag_names.TASK_KEY,
    tag_names.AUTHOR,
    tag_names.CODE_DIGEST,
    tag_names.GIT_COMMIT,
    tag_names.MODEL_FORMAT,
    tag_names.TRUSTED_TYPES,
)
"""The tags of the model's run that its version has too."""


def run(call: StageCall) -> RegisteredVersion:
    """Register the input ``evaluation``'s model once, or that of ``refit``, and give it its alias.

    The input ``decision``, where there is one, is that evaluation with the answer of a person.

    With a deploy section that is ``challenger``; without one it is ``champion``, and the champion before
    becomes ``previous``. A model whose champion was replaced since is judged against the new one, where the
    input ``features`` is given. Raises GateRejected when the evaluation did not pass, or when the model does
    not pass, or cannot be judged, against that version.
    """
    evaluation = call.optional("decision", Evaluation) or call.input("evaluation", Evaluation)
    refit = call.optional("refit", Refit)
    model = _to_register(evaluation, refit)
    if not evaluation.passed:
        why = "; ".join(evaluation.reasons) or "no reason recorded"
        if evaluation.asks:
            why += "; nobody was asked: give register the decision of the task decide"
        raise GateRejected(f"{model.name}: not registered, the evaluation did not pass: {why}")
    judgement = Judgement(call, evaluation, refit)
    judgement.keep_up()
    version, written, before = _written(call, judgement.evaluation, refit), judgement.evaluation, None
    while (before := _kept_up(call, judgement, version)) is not None and judgement.evaluation is not written:
        written = judgement.evaluation
        _written(call, written, refit, version)
    alias = "challenger" if call.pipeline.deploy else "champion"
    if alias == "champion" and before is not None and before != version:
        call.registry.set("previous", before)
    call.registry.set(alias, version)
    return RegisteredVersion(
        name=call.pipeline.name,
        model_version=version,
        model_uri=f"models:/{call.pipeline.name}/{version}",
        run_id=model.run_id,
        metrics=written.metrics,
        alias=alias,
        judged_again=tuple(judgement.replaced),
    )


def _kept_up(call: StageCall, judgement: Judgement, version: int) -> int | None:
    """Return the champion that the evaluation is about; a version that does not pass is not its successor."""
    try:
        return judgement.keep_up()
    except GateRejected:
        call.registry.tag(version, {tag_names.EVALUATION: "failed"})
        raise


def _written(call: StageCall, evaluation: Evaluation, refit: Refit | None, known: int | None = None) -> int:
    """Register the version if it is not there yet, with the tags of its evaluation; return its number.

    ``known`` is the version that has the tags and the description of another evaluation.
    """
    registry, model = call.registry, _to_register(evaluation, refit)
    run_tags = registry.run_tags(model.run_id)
    tags = {key: run_tags[key] for key in _KEPT if key in run_tags}
    tags |= {tag_names.EVALUATION: "passed", tag_names.MODEL_DIGEST: model.digest}
    tags |= {tag_names.POSITIVE_CLASS: evaluation.of_class} if evaluation.of_class else {}
    of_gate = {tag_names.GATE_OUTCOME: evaluation.outcome, tag_names.GATE_CAUTION: evaluation.caution}
    tags |= {key: text for key, text in of_gate.items() if text or known} | _twin_tags(refit)
    tags |= {tag_names.metric_tag(name): f"{value:.6g}" for name, value in evaluation.metrics.items()}
    text = version_text(evaluation, run_tags, has_twin=refit is not None and not refit.kept)
    version = registry.register(model.model_uri, model.run_id, tags, call.pipeline.description, text)
    registry.tag(version, tags_of(version, evaluation.anchor, evaluation.lost))
    if known is not None:
        registry.describe(version, text)
    return version


def _to_register(evaluation: Evaluation, refit: Refit | None) -> ModelRef:
    """Return the model to register; raises ConfigError when ``refit`` belongs to another judged model."""
    judged = evaluation.model
    if refit is None:
        return judged
    if refit.judged.model_uri != judged.model_uri:
        raise ConfigError(
            f"{judged.name}: refit fitted {refit.judged.model_uri} once more, but evaluate judged "
            f"{judged.model_uri}: give refit and register the same evaluation"
        )
    return refit


def _twin_tags(refit: Refit | None) -> dict[str, str]:
    """Return the tags about the judged model; none when the registered model is the judged one."""
    if refit is None or refit.kept:
        return {}
    judged, agreement = refit.judged, refit.agreement
    found = {
        tag_names.JUDGED_MODEL_URI: judged.model_uri,
        tag_names.JUDGED_RUN: judged.run_id,
        tag_names.JUDGED_DIGEST: judged.digest,
        tag_names.JUDGED_ROWS: str(judged.rows),
        tag_names.LEARNED_ROWS: str(refit.rows),
    }
    found |= {tag_names.AGREEMENT: str(agreement)} if agreement else {}
    return found | ({tag_names.AGREEMENT_CAUTION: refit.caution} if refit.caution else {})
