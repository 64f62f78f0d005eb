"""The model registry of one pipeline: versions, aliases, tags and attachments in MLflow."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import Evaluation
from airflow_mlops.core.tags import MODEL_DIGEST
from airflow_mlops.training.promotable import check_promotable
from airflow_mlops.training.tracking import connect, fluent, translated

_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND")


@dataclass(frozen=True)
class Version:
    """One version of the registered model."""

    version: int
    run_id: str
    model_uri: str
    created: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]


class Registry:
    """Versions and aliases of the registered model ``name`` at ``tracking_uri``.

    Every method raises BackendError when MLflow does not answer.
    """

    def __init__(self, tracking_uri: str, name: str) -> None:
        self.uri = tracking_uri
        self.name = name
        self.client: Any = connect(tracking_uri)

    def get(self, alias: str) -> int | None:
        """Return the version that ``alias`` points at, or None."""
        from mlflow.exceptions import MlflowException

        with translated(self.uri):
            try:
                return int(self.client.get_model_version_by_alias(self.name, alias).version)
            except MlflowException as error:
                if error.error_code in _ABSENT:
                    return None
                raise

    def set(self, alias: str, version: int) -> None:
        """Point ``alias`` at ``version``; the same again is harmless."""
        with translated(self.uri):
            self.client.set_registered_model_alias(self.name, alias, str(version))

    def delete(self, alias: str) -> None:
        """Remove ``alias``; a missing one is harmless."""
        from mlflow.exceptions import MlflowException

        with translated(self.uri):
            try:
                self.client.delete_registered_model_alias(self.name, alias)
            except MlflowException as error:
                if error.error_code not in _ABSENT:
                    raise

    def check(self, version: int) -> None:
        """Raise ConfigError when ``version`` cannot become champion: it, its files or a right lacks."""
        check_promotable(self.client, self.uri, self.name, version)

    def digest(self, version: int) -> str:
        """Return what names the model of ``version``: the digest that its training kept, else where it lies.

        Empty when there is no such version.
        """
        found = next((item for item in self.versions() if item.version == version), None)
        return "" if found is None else found.tags.get(MODEL_DIGEST) or found.model_uri

    def tag(self, version: int, tags: Mapping[str, str]) -> None:
        """Set tags of ``version``."""
        with translated(self.uri):
            for key, value in tags.items():
                self.client.set_model_version_tag(self.name, str(version), key, str(value)[:5000])

    def describe(self, version: int, description: str) -> None:
        """Replace the description of ``version``."""
        with translated(self.uri):
            self.client.update_model_version(self.name, str(version), description)

    def attach(self, version: int, filename: str, payload: Mapping[str, Any]) -> None:
        """Store ``payload`` as the JSON artifact ``filename`` of the version's run."""
        with translated(self.uri):
            run_id = self.client.get_model_version(self.name, str(version)).run_id
            self.client.log_text(run_id, json.dumps(payload, indent=1), filename)

    def run_tags(self, run_id: str) -> Mapping[str, str]:
        """Return the tags of an MLflow run."""
        with translated(self.uri):
            return dict(self.client.get_run(run_id).data.tags)

    def run_params(self, run_id: str) -> Mapping[str, str]:
        """Return the parameters of an MLflow run."""
        with translated(self.uri):
            return dict(self.client.get_run(run_id).data.params)

    def artifact(self, run_id: str, filename: str) -> dict[str, Any] | None:
        """Return a JSON artifact of an MLflow run, None when the run has none of that name."""
        with translated(self.uri), tempfile.TemporaryDirectory() as folder:
            if all(item.path != filename for item in self.client.list_artifacts(run_id)):
                return None
            found = self.client.download_artifacts(run_id, filename, folder)
            content: dict[str, Any] = json.loads(Path(found).read_text())
            return content

    def version(self, version: int) -> Version:
        """Return one version; raises ConfigError when it does not exist."""
        versions = self.versions()
        found = next((item for item in versions if item.version == version), None)
        if found is None:
            known = ", ".join(str(item.version) for item in versions[:10]) or "none"
            raise ConfigError(f"{self.name} has no version {version}; there are: {known}")
        return found

    def evaluation(self, version: int) -> Evaluation | None:
        """Return the evaluation that a version passed, or None when its run holds none."""
        from mlflow.exceptions import MlflowException

        run_id = self.version(version).run_id
        with translated(self.uri), tempfile.TemporaryDirectory() as folder:
            try:
                found = self.client.download_artifacts(run_id, "evaluation.json", folder)
            except (MlflowException, OSError):
                return None
            return Evaluation.from_json(json.loads(Path(found).read_text()))

    def versions(self) -> tuple[Version, ...]:
        """Return all versions, newest first; none when the model is not registered yet."""
        from mlflow.exceptions import MlflowException

        with translated(self.uri):
            try:
                model = self.client.get_registered_model(self.name)
            except MlflowException as error:
                if error.error_code in _ABSENT:
                    return ()
                raise
            found = self.client.search_model_versions(
                f"name = '{self.name}'", order_by=["version_number DESC"]
            )
        aliases: dict[int, list[str]] = {}
        for alias, version in model.aliases.items():
            aliases.setdefault(int(version), []).append(alias)
        return tuple(_summary(item, tuple(sorted(aliases.get(int(item.version), ())))) for item in found)

    def register(
        self,
        model_uri: str,
        run_id: str,
        tags: Mapping[str, str],
        description: str = "",
        version_description: str = "",
    ) -> int:
        """Return the version of ``run_id``'s model, created if it is not there yet.

        ``description`` is that of the registered model, ``version_description`` that of the new version.
        A retry whose earlier try got as far as the registry finds that version again. A model that was
        trained again in the same run is a new version.
        """
        from mlflow.exceptions import MlflowException

        # MLflow's own store looks the logged model up at the process-wide address.
        with fluent(self.uri):
            try:
                self.client.create_registered_model(self.name, description=description or None)
            except MlflowException as error:
                if error.error_code not in ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"):
                    raise
            existing = [
                item for item in self.versions() if item.run_id == run_id and item.model_uri == model_uri
            ]
            if existing:
                self.tag(existing[0].version, tags)
                return existing[0].version
            model_id = model_uri.removeprefix("models:/") if model_uri.startswith("models:/m-") else None
            created = self.client.create_model_version(
                self.name,
                model_uri,
                run_id=run_id,
                tags=dict(tags),
                description=version_description or None,
                model_id=model_id,
            )
            return int(created.version)


def _summary(item: Any, aliases: tuple[str, ...]) -> Version:
    created = datetime.fromtimestamp(item.creation_timestamp / 1000, tz=UTC).isoformat(timespec="seconds")
    model_uri = f"models:/{item.model_id}" if getattr(item, "model_id", None) else item.source
    return Version(int(item.version), item.run_id or "", model_uri, created, aliases, dict(item.tags))
