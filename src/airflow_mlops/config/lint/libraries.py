"""Questions to installed libraries: a child process imports them, never this one.

Only packages that are installed are asked. The user's modules are read by ``source`` and never imported.
"""

from __future__ import annotations

import json
import os
import signal
import site
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from airflow_mlops.core.json_keys import with_text_keys
from airflow_mlops.core.suggestions import did_you_mean

_PROBE: Final = str(Path(__file__).with_name("library_probe.py"))
_SECONDS: Final = 60.0
_QUIET: Final = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MPLBACKEND": "agg",
    "GX_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}


class NotChecked(Exception):
    """Reading and asking cannot tell, for the reason in the message."""


class NotThere(Exception):
    """A dotted path does not exist, for the reason in the message."""


class Libraries(AbstractContextManager["Libraries"]):
    """Asks installed libraries in a child process, which starts with the first question.

    A library that crashes, hangs for longer than ``seconds`` or cannot be imported raises NotChecked and
    is not asked again. Use it as a context manager: leaving it ends the child.
    """

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._child = ExitStack()
        self._socket: socket.socket | None = None
        self._replies: dict[str, Mapping[str, Any]] = {}
        self._silent: dict[str, str] = {}

    def __exit__(self, *_: object) -> None:
        """End the child and everything that it started."""
        self._child.close()
        self._socket = None

    def ask(self, question: str, package: str, **arguments: Any) -> Any:
        """Return the answer of ``library_probe`` to a question about a package.

        Raises NotChecked when there is none: the import raises, crashes or does not end.
        """
        asked = json.dumps(with_text_keys([question, arguments]), default=_encoded)
        if package in self._silent:
            raise NotChecked(self._silent[package])
        if asked not in self._replies:
            self._replies[asked] = self._reply(asked, package)
        reply = self._replies[asked]
        if "failed" in reply:
            raise NotChecked(f"{package} raises {reply['failed']}")
        return reply["answer"]

    def _reply(self, asked: str, package: str) -> Mapping[str, Any]:
        try:
            self._socket = self._socket or self._start()
            self._socket.sendall(asked.encode() + b"\n")
            with self._socket.makefile("rb") as stream:
                line = stream.readline()
        except TimeoutError:
            reason = f"{package} did not answer within {self._seconds:g} s"
        except OSError as error:
            reason = f"{package} cannot be asked: {error.strerror}"
        else:
            with suppress(ValueError):  # cut short, or not ours
                return dict(json.loads(line))
            reason = f"{package} ended the process that imported it"
        self.__exit__()
        self._silent[package] = reason
        raise NotChecked(reason)

    def _start(self) -> socket.socket:
        """Start a child that sees installed packages only: neither its own folder nor the user's."""
        scratch = self._child.enter_context(tempfile.TemporaryDirectory(prefix="airflow-mlops-lint-"))
        ours, theirs = socket.socketpair()
        self._child.enter_context(ours)
        ours.settimeout(max(self._seconds, 0.001))
        flags = ["-I", "-W", "ignore", *(["-B"] if sys.dont_write_bytecode else [])]
        with theirs:
            child = subprocess.Popen(
                [sys.executable, *flags, _PROBE, str(theirs.fileno()), str(self._seconds), *_other_folders()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=scratch,
                env={**os.environ, **_QUIET, "AIRFLOW_HOME": scratch},
                process_group=0,
                pass_fds=[theirs.fileno()],
            )
        self._child.callback(_end, child)
        return ours


def _end(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


@dataclass(frozen=True)
class Installed:
    """A name in a module of an installed package."""

    module: str
    name: str
    libraries: Libraries

    def ask(self, question: str, **arguments: Any) -> Any:
        """Return the answer to a question about this name; raises NotChecked."""
        package = self.module.partition(".")[0]
        return self.libraries.ask(question, package, module=self.module, name=self.name, **arguments)

    def describe(self) -> Description:
        """Return what it is; raises NotThere when it is not a class or function, and NotChecked."""
        answer = self.ask("describe")
        path = f"{self.module}.{self.name}"
        if answer["kind"] == "module":
            raise NotThere(f"{path} is a module: add a class or function of it")
        if answer["kind"] == "value":
            raise NotThere(f"{self.name} in {self.module} is a value: write the path of a class or function")
        if answer["kind"] == "missing":
            elsewhere = answer["elsewhere"] and f" (did you mean {answer['elsewhere']}?)"
            raise NotThere(
                f"no {self.name!r} in {self.module}{elsewhere or did_you_mean(self.name, answer['known'])}"
            )
        return Description(**answer)


@dataclass(frozen=True)
class Description:
    """What a class or function of a library is.

    ``parameters`` is None when the library does not say them, ``open`` says that it takes any keyword,
    and ``task`` is what scikit-learn calls it: ``classifier``, ``regressor``, ``clusterer``, ….
    """

    kind: str
    parameters: Sequence[str] | None
    required: Sequence[str]
    open: bool
    methods: Sequence[str]
    task: str | None


def is_installed(folder: Path, package: str) -> bool:
    """Whether the folder of a package is a place of installed packages, and not of the user's modules.

    It is Python's own ``site-packages``, or holds the package's metadata as ``pip install --target`` does.
    """
    return folder in _site_folders() or package in _packages_in(folder)


@cache
def _site_folders() -> frozenset[Path]:
    own = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), site.getusersitepackages())
    return frozenset(Path(folder).resolve() for folder in (*own, *site.getsitepackages()))


@cache
def _packages_in(folder: Path) -> frozenset[str]:
    """Return the top-level names that were installed into ``folder``.

    An ``.egg-info`` does not count: setuptools leaves it beside the user's own source.
    """
    abouts = folder.glob("*.dist-info")
    files = (file for about in abouts for file in metadata.Distribution.at(about).files or ())
    return frozenset(file.parts[0].removesuffix(".py") for file in files)


def _other_folders() -> list[str]:
    """Return the places of installed packages on ``sys.path`` that an isolated Python does not search."""
    folders = dict.fromkeys(Path(entry).resolve() for entry in sys.path if entry)
    user = Path(site.getusersitepackages()).resolve()
    return [
        str(folder)
        for folder in folders
        if folder == user or (folder not in _site_folders() and _packages_in(folder))
    ]


def _encoded(value: Any) -> Mapping[str, str]:
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    raise TypeError(f"{type(value).__name__} is not a value of YAML")
