"""The fields of an Airflow connection, for code that knows nothing of Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MLFLOW_CONN_ID: Final = "mlops_mlflow_default"
SERVING_CONN_ID: Final = "mlops_serving_default"
"""The Airflow connections that a pipeline uses when its file names no others."""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """The fields of an Airflow connection; the secret ones are never shown."""

    conn_id: str
    conn_type: str
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = field(default="", repr=False)
    schema: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
