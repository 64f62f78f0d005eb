"""Answers questions about installed libraries in a process of its own, one JSON document per line.

Run by its path: it imports nothing of this project, so that the process is small and sees only what is
installed. Arguments: the number of an open socket, the seconds that an answer may take, then further folders
to import from.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import resource
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, TextIO

_MAX_MEMORY: Final = 8 * 2**30
_QUESTIONS: Final = Path(__file__).with_name("library_questions.py")


def questions() -> Mapping[str, Callable[..., Any]]:
    """Return the questions by name, from the file beside this one: its folder is not on the path."""
    spec = importlib.util.spec_from_file_location("library_questions", _QUESTIONS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Mapping[str, Callable[..., Any]] = module.QUESTIONS
    return found


def serve(stream: TextIO, seconds: float) -> None:
    """Answer each line of ``stream``; this process ends when one takes much longer than ``seconds``."""
    known = questions()
    for line in iter(stream.readline, ""):
        signal.setitimer(signal.ITIMER_REAL, seconds + 5)  # should nobody be left to end this process
        name, arguments = json.loads(line, object_hook=_decoded)
        try:
            reply = {"answer": known[name](**arguments)}
        except BaseException as error:  # noqa: BLE001  # an import may raise anything, SystemExit as well
            reply = {"failed": f"{type(error).__name__}: {error}"[:500]}
        signal.setitimer(signal.ITIMER_REAL, 0)
        stream.write(json.dumps(reply, default=str) + "\n")
        stream.flush()


def _decoded(value: dict[str, Any]) -> Any:
    if list(value) == ["$pairs"]:  # see airflow_mlops.core.json_keys
        return {key: item for key, item in value["$pairs"]}
    if list(value) != ["$date"]:
        return value
    text = value["$date"]
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def main(connection: str, seconds: str, *folders: str) -> None:
    """Serve on an open socket, of which ``connection`` is the number of its file."""
    stream = socket.socket(fileno=int(connection)).makefile("rw", encoding="utf-8")
    sys.path += folders
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = _MAX_MEMORY if hard == resource.RLIM_INFINITY else min(hard, _MAX_MEMORY)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    gc.disable()  # importing makes hundreds of thousands of objects that all stay
    serve(stream, float(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
