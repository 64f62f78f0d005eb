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
from subprocess import PIPE
from typing import Any, Final

from airflow_mlops.core.address import shown
from airflow_mlops.core.errors import BackendError, ConfigError

_ERRORS: Final = {error.__name__: error for error in (BackendError, ConfigError)}


class Fetcher:
    """Asks the MLflow at ``tracking_uri``; ``apart`` in another process. All calls block.

    They raise BackendError when MLflow does not answer, or when they are given up.
    """

    def __init__(self, tracking_uri: str, *, apart: bool = False) -> None:
        self.tracking_uri = tracking_uri
        self._apart = apart
        self._asking: set[subprocess.Popen[str]] = set()
        self._closed = False

    def version_of(self, name: str, alias: str) -> int | None:
        """Return the version of an alias, None when there is none."""
        found = self._ask("alias", name, alias)
        return None if found is None else int(found)

    def fetch(self, uri: str, local: Path) -> None:
        """Bring the files of a model to the new folder ``local``, its golden rows among them.

        Raises ConfigError when the model does not exist.
        """
        self._ask("files", uri, str(local))

    def close(self) -> None:
        """Give up what another process is asked for now or later: a server that stops does not wait."""
        self._closed = True
        for process in list(self._asking):
            process.kill()

    def _ask(self, what: str, *arguments: str) -> Any:
        if not self._apart:
            return _ANSWERS[what](self.tracking_uri, *arguments)
        # Not on the command line: an address may hold a password.
        question = json.dumps([what, self.tracking_uri, *arguments])
        command = [sys.executable, "-m", __name__]
        with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True) as process:
            self._asking.add(process)
            if self._closed:
                process.kill()
            answer, errors = process.communicate(question)
            self._asking.discard(process)
        try:
            kind, found = json.loads(answer)
        except ValueError:
            last = "".join(errors.strip().splitlines()[-1:])
            raise BackendError(
                f"asking MLflow ended with exit code {process.returncode}: {last[:300]}"
            ) from None
        if kind in _ERRORS:
            raise _ERRORS[kind](found)
        return found


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


def _alias(tracking_uri: str, name: str, alias: str) -> int | None:
    import mlflow

    mlflow.set_tracking_uri(tracking_uri)
    try:
        return int(mlflow.MlflowClient().get_model_version_by_alias(name, alias).version)
    except mlflow.exceptions.MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise BackendError(f"MLflow at {shown(tracking_uri)} does not answer: {line(error)}") from error


def _files(tracking_uri: str, uri: str, folder: str) -> None:
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
