"""The copies of models on a server's disk, and the names of the registered models that they are.

A registered model that is deleted and created again counts its versions from 1 again: the address
``models:/NAME/1`` names another model then. The registry's names for the model itself are kept in its copy.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

from filelock import FileLock

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.tags import MODEL_DIGEST

_FILE: Final = "registered_names.json"
_MODELS: Final = "models:/"
_DIGITS: Final = 12


class Source(Protocol):
    """Where copies come from: an MLflow."""

    def fetch(self, uri: str, local: Path) -> None:
        """Bring the files of a model to a new folder, with the names that it is registered by."""
        ...

    def names(self, uri: str) -> Sequence[str]:
        """Return what names the model that is registered at ``uri`` now."""
        ...


def copy_of(folder: Path, version: int, uri: str, copy: str = "", digest: str = "") -> Path:
    """Return where the copy of a version is, or is to be.

    The model that ``digest`` names has a folder of its own if another model was at its place before.
    """
    plain = folder / "-".join(filter(None, (str(version), _hash(uri), copy)))
    apart = plain.with_name(f"{plain.name}-{_hash(digest)}")
    return apart if digest and apart.exists() else plain


def bring_copy(
    folder: Path, version: int, uri: str, source: Source, copy: str = "", digest: str = ""
) -> Path:
    """Return the copy of a version, downloaded from ``source`` unless it is on disk already.

    A copy of another model than ``digest`` names (empty: any) does not count. Raises ConfigError when the
    registry has another model at ``uri``, and what ``source`` raises.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{version}.lock"):  # Another worker may want the same; it is downloaded once.
        local = copy_of(folder, version, uri, copy, digest)
        if digest and local.exists() and not _is_copy_of(local, digest, uri, source):
            # Not in place of the other copy: the model in memory may still read files of it.
            local = local.with_name(f"{local.name}-{_hash(digest)}")
        if not local.exists():
            source.fetch(uri, local)
            found = names_of(local)
            if digest and digest not in found:
                shutil.rmtree(local)
                registered = next(iter(found), "another model")
                raise ConfigError(
                    f"{uri} is {registered} in the registry, and {digest} was ordered: "
                    "the registered model was deleted and created again; start a new rollout"
                )
    return local


def forget(version: int, folder: Path, keep: Path | None = None) -> None:
    """Delete the copies of a version, but for ``keep``."""
    for local in folder.glob(f"{version}-*"):
        if local != keep:
            shutil.rmtree(local, ignore_errors=True)


def names_of(local: Path) -> list[str]:
    """Return what names the model of a copy: what the registry had, else what its own MLmodel has."""
    import mlflow

    file = local / _FILE
    if file.exists():
        return [str(name) for name in json.loads(file.read_text())]
    # Earlier releases kept no names.
    model_id = mlflow.models.Model.load(str(local)).model_id
    return [f"{_MODELS}{model_id}"] if model_id else []


def write_names(local: Path, names: Sequence[str]) -> None:
    """Keep the registry's names in a copy."""
    (local / _FILE).write_text(json.dumps(list(names)))


def registered_names(uri: str) -> list[str]:
    """Ask MLflow for what names the model at ``uri``, a registered version: its digest, id and source."""
    import mlflow

    name, _, version = uri.removeprefix(_MODELS).partition("/")
    if not version.isdecimal():
        return []
    found = mlflow.MlflowClient().get_model_version(name, version)
    model = f"{_MODELS}{found.model_id}" if found.model_id else ""
    return list(dict.fromkeys(filter(None, (found.tags.get(MODEL_DIGEST), model, found.source))))


def _is_copy_of(local: Path, digest: str, uri: str, source: Source) -> bool:
    own = names_of(local)
    if digest in own:
        return True
    registered = source.names(uri)
    if digest not in registered or set(own).isdisjoint(registered):
        return False
    write_names(local, registered)
    return True


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:_DIGITS]
