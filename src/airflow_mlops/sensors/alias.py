"""Waits for a registry alias."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue

from airflow_mlops.hooks.errors import translated
from airflow_mlops.hooks.mlflow import MlflowHook

if TYPE_CHECKING:
    from airflow.sdk import Context


class ModelAliasSensor(BaseSensorOperator):
    """Waits until an alias of a registered model points to a version; returns the version.

    :param model_name: name of the registered model.
    :param alias: the alias to wait for, such as ``champion``.
    :param not_version: a version that does not count, to wait for a newer one.
    :param mlflow_conn_id: the Airflow connection of MLflow.
    """

    template_fields: Sequence[str] = ("model_name", "alias", "not_version")

    def __init__(
        self,
        *,
        model_name: str,
        alias: str = "champion",
        not_version: int | str | None = None,
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.alias = alias
        self.not_version = not_version
        self.mlflow_conn_id = mlflow_conn_id

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        with translated():
            mlflow = MlflowHook(self.mlflow_conn_id).access()
            with mlflow.signed_in():
                version = mlflow.registry(self.model_name).get(self.alias)
        excluded = int(self.not_version) if self.not_version else None
        return PokeReturnValue(is_done=version is not None and version != excluded, xcom_value=version)
