"""Whether a version can become champion: it exists, its files can be read, its alias can be moved."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any, Final

from airflow_mlops.core.address import shown
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.training.tracking import fluent, translated

PROBE: Final = "rollout-check"
"""An alias that is set and deleted again: nobody else has one of that name, so nothing is overwritten."""
_MODEL: Final = "MLmodel"
_GONE: Final = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND", "INVALID_PARAMETER_VALUE")
_REFUSED: Final = ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED")
_STATUSES: Final = (401, 403, 404, 410)
_WORDS: Final = ("no such file", "no such artifact", "nosuchkey", "nosuchbucket", "accessdenied")


def check_promotable(client: Any, uri: str, name: str, version: int) -> None:
    """Raise ConfigError when a version cannot become champion.

    ``uri`` is MLflow's address, ``name`` the registered model. Raises BackendError when MLflow or the store
    of its artifacts does not answer.
    """
    with translated(uri):
        client.get_model_version(name, str(version))
    _check_files(uri, name, version)
    with translated(uri):
        client.set_registered_model_alias(name, PROBE, str(version))
        client.delete_registered_model_alias(name, PROBE)


def _check_files(uri: str, name: str, version: int) -> None:
    with fluent(uri) as mlflow, tempfile.TemporaryDirectory() as folder:
        try:
            mlflow.artifacts.download_artifacts(
                artifact_uri=f"models:/{name}/{version}/{_MODEL}", dst_path=folder
            )
        except Exception as error:
            if is_permanent(error):
                text = " ".join(str(error).split())[:300]
                where = f"in MLflow at {shown(uri)}"
                raise ConfigError(
                    f"the files of version {version} of {name} {where} cannot be read: {text}"
                ) from error
            raise


def is_permanent(error: BaseException) -> bool:
    """Whether another try does not help: a file or a version is not there, or the access is forbidden.

    >>> is_permanent(FileNotFoundError("MLmodel")), is_permanent(ConnectionError("refused"))
    (True, False)
    """
    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, FileNotFoundError | PermissionError | NotADirectoryError):
            return True
        if isinstance(one, ConnectionError | TimeoutError):
            return False
        if getattr(one, "error_code", "") in (*_GONE, *_REFUSED) or _status(one) in _STATUSES:
            return True
    text = " ".join(map(str, chain)).lower()
    return any(word in text for word in _WORDS)


def _status(error: BaseException) -> int:
    """Return the HTTP status that an error of requests or of botocore carries, 0 for none."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        response = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return int(getattr(response, "status_code", response) or 0)


def _chain(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__ or one.__context__
