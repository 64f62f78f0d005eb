"""The files of a logged model: their digest tells a change to them before they are loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.tags import MODEL_FILES

ADDED_LATER: Final = ("golden.json", "registered_model_meta")
"""Files that MLflow and the model server put beside those of a logged model when they download it."""


_MODELS: Final = "models:/"
_ABSENT: Final = ("RESOURCE_DOES_NOT_EXIST", "ENDPOINT_NOT_FOUND", "NOT_FOUND")


def folder_digest(folder: Path, without: Collection[str] = ADDED_LATER) -> str:
    """Return the SHA-256 of the names and contents of all files below a folder.

    Files at its top that are called as one of ``without`` do not count.
    """
    found = hashlib.sha256()
    for file in sorted(item for item in folder.rglob("*") if item.is_file()):
        name = file.relative_to(folder).as_posix()
        if name in without:
            continue
        with file.open("rb") as content:
            one = hashlib.file_digest(content, "sha256").hexdigest()
        found.update(f"{name}\0{one}\n".encode())
    return found.hexdigest()


def mark_files(client: Any, uri: str, folder: Path) -> None:
    """Keep the digest of a logged model's files, which lie in ``folder``, in MLflow's database."""
    if uri.startswith(f"{_MODELS}m-"):
        client.set_logged_model_tags(uri.removeprefix(_MODELS), {MODEL_FILES: folder_digest(folder)})


def check_files(folder: Path, uri: str) -> None:
    """Raise ConfigError when the files of a model are not those that its training logged.

    A pickle runs code when it is loaded: whoever can write where the files are, but not in MLflow's database,
    must not get any run. A model that was logged without a digest is not checked.
    """
    expected = _files_logged(uri)
    if expected and folder_digest(folder) != expected:
        raise ConfigError(
            f"{uri}: its files are not those that its training logged, so it is not loaded: they "
            "were changed where MLflow keeps its artifacts; restore them, or train again"
        )


def _files_logged(uri: str) -> str:
    """Return the digest of a logged model's files; empty when there is none."""
    import mlflow

    if not uri.startswith(_MODELS):
        return ""
    client, parts = mlflow.MlflowClient(), uri.removeprefix(_MODELS).split("/")
    try:
        if len(parts) == 2 and parts[1].isdecimal():
            version = client.get_model_version(*parts)
            parts = [version.model_id or str(version.source).removeprefix(_MODELS)]
        if len(parts) != 1 or not parts[0].startswith("m-"):  # registered from somewhere else
            return ""
        return str(client.get_logged_model(parts[0]).tags.get(MODEL_FILES, ""))
    except mlflow.exceptions.MlflowException as error:
        if error.error_code in _ABSENT:
            return ""
        raise
