"""Register: a model that passed its gate becomes a version."""

from __future__ import annotations

from airflow_mlops.core import tags as tag_names
from airflow_mlops.core.errors import GateRejected
from airflow_mlops.core.records import Evaluation, RegisteredVersion
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.training.core.version_text import version_text


def run(call: StageCall) -> RegisteredVersion:
    """Register the input ``evaluation``'s model once and give it its alias.

    With a deploy section that is ``challenger``; without one it is ``champion``, and the champion before
    becomes ``previous``. Raises GateRejected when the evaluation did not pass.
    """
    evaluation = call.input("evaluation", Evaluation)
    model = evaluation.model
    if not evaluation.passed:
        why = "; ".join(evaluation.reasons) or "no reason recorded"
        raise GateRejected(f"{model.name}: not registered, the evaluation did not pass: {why}")
    registry = call.registry
    run_tags = registry.run_tags(model.run_id)
    kept = (
        tag_names.DATA_DIGEST,
        tag_names.CONFIG_DIGEST,
        tag_names.TASK_KEY,
        tag_names.CODE_DIGEST,
        tag_names.GIT_COMMIT,
    )
    tags = {key: run_tags[key] for key in kept if key in run_tags}
    tags |= {tag_names.EVALUATION: "passed", tag_names.MODEL_DIGEST: model.digest}
    tags |= {tag_names.metric_tag(name): f"{value:.6g}" for name, value in evaluation.metrics.items()}
    text = version_text(evaluation, run_tags)
    version = registry.register(model.model_uri, model.run_id, tags, call.pipeline.description, text)
    alias = "challenger" if call.pipeline.deploy else "champion"
    if alias == "champion":
        before = registry.get("champion")
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
