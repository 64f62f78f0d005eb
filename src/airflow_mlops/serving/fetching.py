"""What MLflow is asked for: the version behind an alias, the files of a version.

A worker asks in a process of its own, ``python -m airflow_mlops.serving.fetching``: the code of MLflow's
stores would stay in its memory for good, 30 MB of it, and its import would hold up callers for a second.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from airflow_mlops.core.address import shown
from airflow_mlops.core.errors import BackendError, ConfigError

_ERRORS: Final = {error.__name__: error for error in (BackendError, ConfigError)}


def version_of(name: str, alias: str, tracking_uri: str, *, apart: bool = False) -> int | None:
    """Return the version of an alias in MLflow, None when there is none; raises BackendError.

    Blocks; ``apart`` asks in another process.
    """
    found = _ask("alias", (name, alias, tracking_uri), apart=apart)
    return None if found is None else int(found)


def fetch(uri: str, local: Path, tracking_uri: str, *, apart: bool = False) -> None:
    """Bring the files of a model to the new folder ``local``, its golden rows among them.

    Blocks; ``apart`` asks in another process. Raises BackendError when MLflow does not answer, ConfigError
    when the model does not exist.
    """
    _ask("files", (uri, str(local), tracking_uri), apart=apart)


def failure(error: Exception, tracking_uri: str, subject: str) -> BackendError | ConfigError:
    """Return what an error of MLflow or of a model means: MLflow does not answer, or ``subject`` is wrong."""
    import mlflow

    unreachable = isinstance(error, ConnectionError | TimeoutError) or (
        isinstance(error, mlflow.exceptions.MlflowException) and str(error).startswith("API request to")
    )
    if unreachable:
        return BackendError(f"MLflow at {shown(tracking_uri)} does not answer: {line(error)}")
    return ConfigError(f"{subject}: {line(error)}")


def line(error: BaseException) -> str:
    """Return an error in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}"


def _ask(what: str, arguments: tuple[str, ...], *, apart: bool) -> Any:
    if not apart:
        return _ANSWERS[what](*arguments)
    question = json.dumps([what, *arguments])  # not on the command line: an address may hold a password
    command = [sys.executable, "-m", __name__]
    done = subprocess.run(command, input=question, capture_output=True, text=True, check=False)
    try:
        kind, answer = json.loads(done.stdout)
    except ValueError:
        last = "".join(done.stderr.strip().splitlines()[-1:])
        raise BackendError(f"asking MLflow ended with exit code {done.returncode}: {last[:300]}") from None
    if kind in _ERRORS:
        raise _ERRORS[kind](answer)
    return answer


def _alias(name: str, alias: str, tracking_uri: str) -> int | None:
    import mlflow

    mlflow.set_tracking_uri(tracking_uri)
    try:
        return int(mlflow.MlflowClient().get_model_version_by_alias(name, alias).version)
    except mlflow.exceptions.MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise BackendError(f"MLflow at {shown(tracking_uri)} does not answer: {line(error)}") from error


def _files(uri: str, folder: str, tracking_uri: str) -> None:
    import mlflow

    mlflow.set_tracking_uri(tracking_uri)
    local = Path(folder)
    for left in local.parent.glob(f"{local.name}.partial-*"):
        shutil.rmtree(left, ignore_errors=True)
    partial = tempfile.mkdtemp(prefix=f"{local.name}.partial-", dir=local.parent)
    try:
        got = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=partial))
        golden = next(iter(sorted(got.rglob("golden.json"))), None)
        document = golden.read_text() if golden else _golden_of_run(got)
        if document is not None:
            (got / "golden.json").write_text(document)
        got.rename(local)
    except Exception as error:
        raise failure(error, tracking_uri, uri) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _golden_of_run(folder: Path) -> str | None:
    import mlflow

    run_id = mlflow.models.Model.load(str(folder)).run_id
    if run_id is None:
        return None
    names = {item.path for item in mlflow.MlflowClient().list_artifacts(run_id)}
    return mlflow.artifacts.load_text(f"runs:/{run_id}/golden.json") if "golden.json" in names else None


_ANSWERS: Final = {"alias": _alias, "files": _files}


def main() -> None:
    """Answer the question on standard input, both as JSON; all but the answer goes to standard error."""
    what, *arguments = json.load(sys.stdin)
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        try:
            answer = ["answer", _ANSWERS[what](*arguments)]
        except (BackendError, ConfigError) as error:
            answer = [type(error).__name__, str(error)]
        json.dump(answer, answers)


if __name__ == "__main__":
    main()
