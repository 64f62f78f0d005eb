"""Where does it come from, and how is it made again?"""

from __future__ import annotations

from collections.abc import Mapping

from airflow_mlops.cards.panel import Code, Pairs, Panel
from airflow_mlops.cards.training import Training, cut
from airflow_mlops.core.tags import CODE_DIGEST, CONFIG_DIGEST, GIT_CHANGED, GIT_COMMIT, TASK_KEY

_SHOWN = 12


def lineage_panel(training: Training) -> Panel:
    """The digests from the rows to the model."""
    features, model, tags = training.features, training.evaluation.model, training.tags
    pairs = [
        ("Training rows", features.train.digest[:_SHOWN]),
        ("Features", features.train_features.digest[:_SHOWN]),
        ("Hold-out", features.holdout.digest[:_SHOWN]),
        ("Configuration", tags.get(CONFIG_DIGEST, "")[:_SHOWN]),
        ("Code in the model", tags.get(CODE_DIGEST, "")[:_SHOWN]),
        ("Format", model.format.choice),
        ("Trusted types", cut(", ".join(model.format.trusted), 1_000)),
        ("Git", _commit(tags)),
        ("Model", model.digest[:_SHOWN]),
        ("MLflow run", model.run_id),
        ("Task", cut(tags.get(TASK_KEY, ""), 120)),
    ]
    known = tuple((name, value) for name, value in pairs if value)
    return Panel("Lineage", "Equal digests mean equal contents.", (Pairs(known),))


def _commit(tags: Mapping[str, str]) -> str:
    """Return the commit, and whether files differed from it."""
    commit, changed = tags.get(GIT_COMMIT, "")[:_SHOWN], tags.get(GIT_CHANGED, "")
    return f"{commit}, with changes in {cut(changed, 100)}" if commit and changed else commit


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
