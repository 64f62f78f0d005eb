"""What MLflow is asked for: the version behind an alias, the files of a version.

A worker asks in a process of its own, ``python -m airflow_mlops.serving.fetching``: the code of MLflow's
stores would stay in its memory for good, 30 MB of it, and its import would hold up callers for a second. The
process waits a minute for the next question, since its start takes longer than most answers.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE
from typing import IO, Any, Final

from airflow_mlops.core.address import shown
from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.serving.copies import registered_names, write_names
from airflow_mlops.serving.error_text import text_of
from airflow_mlops.storage.model_files import check_files

_ERRORS: Final = {error.__name__: error for error in (BackendError, ConfigError)}
_IDLE_S: Final = 60.0
"""How long a process waits for the next question."""


class Fetcher:
    """Asks the MLflow at ``tracking_uri``; ``apart`` in another process. All calls block.

    They raise BackendError when MLflow does not answer, or when they are given up.
    """

    def __init__(self, tracking_uri: str, *, apart: bool = False) -> None:
        self.tracking_uri = tracking_uri
        self._apart = apart
        self._lock = threading.Lock()
        self._all: set[_Process] = set()
        self._free: list[_Process] = []
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

    def names(self, uri: str) -> list[str]:
        """Return what names the model that is registered at ``uri`` now, its digest first.

        Raises ConfigError when there is none.
        """
        return [str(name) for name in self._ask("names", uri)]

    def close(self) -> None:
        """Give up what another process is asked for now or later: a server that stops does not wait."""
        with self._lock:
            self._closed = True
            idle, self._free = self._free, []
            for process in self._all:
                process.kill()
        for process in idle:
            self._end(process)

    def _ask(self, what: str, *arguments: str) -> Any:
        if not self._apart:
            return _ANSWERS[what](self.tracking_uri, *arguments)
        kind, found = json.loads(self._answer(json.dumps([what, self.tracking_uri, *arguments])))
        if kind in _ERRORS:
            raise _ERRORS[kind](found)
        return found

    def _answer(self, question: str) -> str:
        while True:
            process = self._take()
            try:
                answer = process.ask(question)
            except BackendError:
                self._end(process)
                if process.answered:  # it ended while it was idle, whatever the question is
                    continue
                raise
            self._keep(process)
            return answer

    def _take(self) -> _Process:
        with self._lock:
            if self._closed:
                raise BackendError("the server is stopping, and asks MLflow no more")
            if self._free:
                return self._free.pop()
            process = _Process()
            self._all.add(process)
            return process

    def _keep(self, process: _Process) -> None:
        """Leave a process to the next question, for a while."""
        with self._lock:
            self._free.append(process)
        timer = threading.Timer(_IDLE_S, self._end_unless_asked, (process,))
        timer.daemon = True
        timer.start()

    def _end_unless_asked(self, process: _Process) -> None:
        with self._lock:
            if process not in self._free:
                return
            self._free.remove(process)
        self._end(process)

    def _end(self, process: _Process) -> None:
        with self._lock:
            self._all.discard(process)
        process.kill()
        process.wait()


class _Process:
    """A process that answers one question after another; it ends with the one that started it."""

    def __init__(self) -> None:
        self.answered = 0
        # To a file: a pipe that nobody reads would fill up.
        self._errors: IO[str] = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - lives as long as this
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=PIPE, stdout=PIPE, stderr=self._errors, text=True
        )

    def ask(self, question: str) -> str:
        """Return the answer; raises BackendError when the process ends without one."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            # Not on the command line: an address may hold a password.
            self._process.stdin.write(f"{question}\n")
            self._process.stdin.flush()
        if answer := self._process.stdout.readline():
            self.answered += 1
            return answer
        code = self._process.wait()
        self._errors.seek(0)
        last = "".join(self._errors.read().strip().splitlines()[-1:])
        raise BackendError(f"asking MLflow ended with exit code {code}: {last[:300]}")

    def kill(self) -> None:
        """Give up the question."""
        self._process.kill()

    def wait(self) -> None:
        """Wait for the end of the process, and let go of what belongs to it."""
        with self._process:  # closes its pipes and waits
            self._errors.close()


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
    return f"{type(error).__name__}: {text_of(error, 300)}"


def _alias(tracking_uri: str, name: str, alias: str) -> int | None:
    import mlflow

    mlflow.set_tracking_uri(tracking_uri)
    try:
        return int(mlflow.MlflowClient().get_model_version_by_alias(name, alias).version)
    except mlflow.exceptions.MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise BackendError(f"MLflow at {shown(tracking_uri)} does not answer: {line(error)}") from error


def _names(tracking_uri: str, uri: str) -> list[str]:
    import mlflow

    mlflow.set_tracking_uri(tracking_uri)
    try:
        return registered_names(uri)
    except Exception as error:
        raise failure(error, tracking_uri, uri) from error


def _files(tracking_uri: str, uri: str, folder: str) -> None:
    import mlflow

    mlflow.set_tracking_uri(tracking_uri)
    local = Path(folder)
    for left in local.parent.glob(f"{local.name}.partial-*"):
        shutil.rmtree(left, ignore_errors=True)
    partial = tempfile.mkdtemp(prefix=f"{local.name}.partial-", dir=local.parent)
    try:
        names = registered_names(uri)
        got = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=partial))
        check_files(got, uri)
        golden = next(iter(sorted(got.rglob("golden.json"))), None)
        document = golden.read_text() if golden else _golden_of_run(got)
        if document is not None:
            (got / "golden.json").write_text(document)
        if registered_names(uri) != names:
            raise BackendError(f"{uri} was registered again while it was downloaded")
        if names:
            write_names(got, names)
        got.rename(local)
    except (BackendError, ConfigError):
        raise
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


_ANSWERS: Final[Mapping[str, Callable[..., Any]]] = {"alias": _alias, "files": _files, "names": _names}


def main() -> None:
    """Answer the questions on standard input, a line of JSON each; all but answers goes to standard error."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        for question in sys.stdin:
            what, *arguments = json.loads(question)
            try:
                answer = ["answer", _ANSWERS[what](*arguments)]
            except (BackendError, ConfigError) as error:
                answer = [type(error).__name__, str(error)]
            answers.write(f"{json.dumps(answer)}\n")
            answers.flush()


if __name__ == "__main__":
    main()
