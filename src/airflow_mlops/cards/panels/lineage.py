"""Where does it come from, and how is it made again?"""

from __future__ import annotations

from airflow_mlops.cards.panel import Code, Pairs, Panel
from airflow_mlops.cards.training import Training, cut
from airflow_mlops.core.tags import CONFIG_DIGEST

_SHOWN = 12


def lineage_panel(training: Training) -> Panel:
    """The digests from the rows to the model."""
    features, model = training.features, training.evaluation.model
    pairs = [
        ("Training rows", features.train.digest[:_SHOWN]),
        ("Features", features.train_features.digest[:_SHOWN]),
        ("Hold-out", features.holdout.digest[:_SHOWN]),
        ("Configuration", training.tags.get(CONFIG_DIGEST, "")[:_SHOWN]),
        ("Model", model.digest[:_SHOWN]),
        ("MLflow run", model.run_id),
        ("Task", cut(training.tags.get("mlops.task_key", ""), 120)),
    ]
    known = tuple((name, value) for name, value in pairs if value)
    other = tuple(
        (cut(name.removeprefix("mlops."), 40), cut(value, 120))
        for name, value in sorted(training.tags.items())
        if name in _EXTRA and value
    )
    return Panel("Lineage", "Equal digests mean equal contents.", (Pairs((*known, *other)),))


_EXTRA = ("mlops.git_revision", "mlops.feature_digest", "mlflow.source.git.commit")


def reproduce_panel(training: Training) -> Panel:
    """How the model is loaded and how the training is run again."""
    model, name = training.evaluation.model, training.pipeline
    load = f'import mlflow\nmodel = mlflow.pyfunc.load_model("{model.model_uri}")'
    again = (
        f"airflow-mlops run {name}.yaml --until evaluate\n"
        f"# training rows  {training.features.train.digest[:_SHOWN]}\n"
        f"# model          {model.digest[:_SHOWN]}"
    )
    return Panel(
        "Reproduce", "The same rows and configuration give the same digests.", (Code(load), Code(again))
    )
