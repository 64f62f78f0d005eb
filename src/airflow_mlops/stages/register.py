"""Register: a model that passed its gate becomes a version."""

from __future__ import annotations

from typing import Final

from airflow_mlops.core import tags as tag_names
from airflow_mlops.core.errors import ConfigError, GateRejected
from airflow_mlops.core.records import Evaluation, ModelRef, Refit, RegisteredVersion
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.training.core.anchor import tags_of
from airflow_mlops.training.core.version_text import version_text
from airflow_mlops.training.registry import Registry

_KEPT: Final = (
    tag_names.DATA_DIGEST,
    tag_names.CONFIG_DIGEST,
    tag_names.TASK_KEY,
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
    becomes ``previous``. Raises GateRejected when the evaluation did not pass, or when another version has
    become champion since: the model was not compared with that version.
    """
    evaluation = call.optional("decision", Evaluation) or call.input("evaluation", Evaluation)
    refit = call.optional("refit", Refit)
    model = _to_register(evaluation, refit)
    if not evaluation.passed:
        why = "; ".join(evaluation.reasons) or "no reason recorded"
        if evaluation.asks:
            why += "; nobody was asked: give register the decision of the task decide"
        raise GateRejected(f"{model.name}: not registered, the evaluation did not pass: {why}")
    registry = call.registry
    _check_champion(registry, evaluation)
    run_tags = registry.run_tags(model.run_id)
    tags = {key: run_tags[key] for key in _KEPT if key in run_tags}
    tags |= {tag_names.EVALUATION: "passed", tag_names.MODEL_DIGEST: model.digest}
    tags |= {tag_names.POSITIVE_CLASS: evaluation.of_class} if evaluation.of_class else {}
    of_gate = {tag_names.GATE_OUTCOME: evaluation.outcome, tag_names.GATE_CAUTION: evaluation.caution}
    tags |= {key: text for key, text in of_gate.items() if text} | _twin_tags(refit)
    tags |= {tag_names.metric_tag(name): f"{value:.6g}" for name, value in evaluation.metrics.items()}
    text = version_text(evaluation, run_tags, has_twin=refit is not None and not refit.kept)
    version = registry.register(model.model_uri, model.run_id, tags, call.pipeline.description, text)
    registry.tag(version, tags_of(version, evaluation.anchor, evaluation.lost))
    alias = "challenger" if call.pipeline.deploy else "champion"
    if alias == "champion":
        before = _check_champion(registry, evaluation)
        if before is not None and before != version:
            registry.set("previous", before)
    registry.set(alias, version)
    return RegisteredVersion(
        name=call.pipeline.name,
        model_version=version,
        model_uri=f"models:/{call.pipeline.name}/{version}",
        run_id=model.run_id,
        metrics=evaluation.metrics,
        alias=alias,
    )


def _check_champion(registry: Registry, evaluation: Evaluation) -> int | None:
    """Return the champion; raises GateRejected when the evaluation compared with another version.

    A champion that an earlier try of this task registered is not another version.
    """
    found, judged = registry.get("champion"), evaluation.champion_version
    if found is None or found == judged:
        return found
    version = registry.version(found)
    if evaluation.model.run_id in (version.run_id, version.tags.get(tag_names.JUDGED_RUN)):
        return found
    against = f"judged against version {judged}" if judged else "judged when there was no champion"
    raise GateRejected(
        f"{evaluation.model.name}: not registered: version {found} has become the champion since, and this "
        f"model was {against}: clear the task evaluate and those after it, so that it is judged again"
    )


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
