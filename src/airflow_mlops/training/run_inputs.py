"""What MLflow shows of a training: its datasets with their digests, and all parameters of its estimator."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from airflow_mlops.training.tracking import TaskRun, translated

if TYPE_CHECKING:
    from airflow_mlops.core.records import DatasetRef

_DIGEST: Final = 36
"""Characters that MLflow keeps of a digest."""
_SCHEMA: Final = 60_000
"""Characters of a schema that every store of MLflow takes."""
_MOST: Final = 200
_LONGEST: Final = 250
_NO_NAME: Final = re.compile(r"[^\w\-. :/]")


def log_inputs(run: TaskRun, sides: Mapping[str, Sequence[DatasetRef]]) -> None:
    """Log datasets as inputs of the run, by what they are to it, such as ``training``."""
    from mlflow.entities import DatasetInput, InputTag

    inputs = [
        DatasetInput(_dataset(f"{name} rows", ref), [InputTag("mlflow.data.context", name)])
        for name, refs in sides.items()
        for ref in refs
    ]
    with translated(run.uri):
        run.client.log_inputs(run.run_id, datasets=inputs)


def _dataset(name: str, ref: DatasetRef) -> Any:
    from mlflow.entities import Dataset

    scheme, _, _ = ref.uri.partition("://")
    columns = [{"type": type_, "name": column} for column, type_ in ref.columns.items()]
    schema = json.dumps({"columns": columns})
    profile: dict[str, Any] = {"num_rows": ref.rows, "num_elements": ref.rows * len(ref.columns)}
    if ref.times:
        profile |= {"from": ref.times.first, "to": ref.times.last}
    return Dataset(
        name=name,
        digest=ref.digest[:_DIGEST],
        source_type="local" if "://" not in ref.uri or scheme == "file" else scheme,
        source=json.dumps({"uri": ref.uri, **({"rows of": ref.of} if ref.of else {})}),
        schema=schema if len(schema) <= _SCHEMA else json.dumps({"columns": len(columns)}),
        profile=json.dumps(profile),
    )


def all_parameters(estimator: Any) -> dict[str, str]:
    """Return every parameter of an estimator, nested ones too, as text: at most 200, each cut at 250.

    An estimator that is a parameter is shown by its class; ``parameters.left_out`` counts those beyond.

    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> found = all_parameters(make_pipeline(Ridge(alpha=2.0)))
    >>> found["ridge"], found["ridge__alpha"]
    ('Ridge', '2.0')
    """
    try:
        params: Mapping[str, Any] = estimator.get_params(deep=True)
    except Exception:  # noqa: BLE001 - a user's class may not follow scikit-learn's rules for __init__
        return {}
    names = sorted(params, key=lambda name: (name.count("__"), name))
    shown = {_NO_NAME.sub("_", name)[:_LONGEST]: _text(params[name]) for name in names[:_MOST]}
    return {**shown, "parameters.left_out": str(len(names) - _MOST)} if len(names) > _MOST else shown


def _text(value: Any) -> str:
    if hasattr(value, "get_params") and not isinstance(value, type):
        return type(value).__name__
    return " ".join(str(value).split())[:_LONGEST]
