"""The logged model, loaded back and asked as the model server does before anybody gets an answer from it."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.storage.model_files import mark_files
from airflow_mlops.training.core.row_choice import spread
from airflow_mlops.training.tracking import TaskRun, fluent

if TYPE_CHECKING:
    from airflow_mlops.serving.model import Model

_ALONE: Final = 3
"""Golden rows that the model is asked for alone."""


def check_as_served(run_: TaskRun, model_uri: str) -> None:
    """Load the model from MLflow with the server's own code, and have it answer its golden rows.

    The digest of its files is kept with it, so that nobody loads others later.
    Raises ConfigError with the rows when it cannot be served or answers otherwise than in this training, or
    a row otherwise when it is asked for alone, as a request may; BackendError when MLflow does not answer.
    """
    from airflow_mlops.serving.fetching import Fetcher
    from airflow_mlops.serving.loading import load

    uri = run_.uri
    with tempfile.TemporaryDirectory(prefix="mlops-served-") as folder, fluent(uri):
        try:
            model = load(0, model_uri, Path(folder), Fetcher(uri))
            files = next(Path(folder).glob("0-*/MLmodel")).parent
            _check_alone(model, json.loads((files / "golden.json").read_text()))
            mark_files(run_.client, model_uri, files)
        except ConfigError as error:
            raise ConfigError(
                f"the model server would refuse the model that was logged: {error}; the rows are in "
                f"golden.json of the MLflow run {run_.run_id}"
            ) from error


def _check_alone(model: Model, golden: Mapping[str, Any]) -> None:
    """Raise ConfigError when a golden row has another answer alone than beside the others."""
    from airflow_mlops.serving.payload import Payload

    rows, names, scores = golden["rows"], golden["columns"], golden["scores"]
    for row in spread(len(rows), _ALONE):
        payload = Payload(1, {name: [cell] for name, cell in zip(names, rows[row], strict=True)})
        found = model.predict([model.prepare(payload)])
        if found.scores is not None and scores:  # of a score near the threshold the label may differ
            same = _close(found.scores[0], scores[row])
        else:
            same = _close(found.values[0], golden["predictions"][row])
        if not same:
            raise ConfigError(
                f"it answers golden row {row} otherwise alone than beside the other {len(rows) - 1}: "
                "an answer must not depend on the rows beside; let a step learn means or ranks in fit, as "
                "StandardScaler and QuantileTransformer do"
            )


def _close(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6)
    return bool(one == other)
