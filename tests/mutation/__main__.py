"""Mutation testing of the pure rooms: which small faults in the code does no test notice?

    python -m tests.mutation                       all pure rooms
    python -m tests.mutation rollout --module evidence
    python -m tests.mutation --budget 300          at most 300 s a room, on a fixed random sample

A mutant is killed when a test of the module's own test files fails, or when the tests take far more processor
time than without it; other tests, and the simulations, are not asked. Each mutant is a process forked from
this one, which has loaded the libraries but not the package. Mutants that change nothing that can be observed
are listed with the reason in ``equivalent.toml`` and do not count.

Our own runner, and not a well-known tool: mutmut 3.8 leaves out constants outside of functions and every
decorated function (each property; the cached weights of the evidence), and cosmic-ray 8.7 starts a Python for
each mutant, which takes longer than most of these tests.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.abc
import importlib.util
import json
import os
import random
import resource
import sys
import tempfile
import time
import tomllib
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final

import hypothesis
import pytest

from tests.mutation.operators import mutants

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "src" / "airflow_mlops"
TESTS: Final = ROOT / "tests" / "unit"
ROOMS: Final = {"core": "core"} | {
    folder.parent.name: f"{folder.parent.name}/core" for folder in sorted(SOURCE.glob("*/core"))
}
"""The folders that the import contract of pure decisions names."""
GOAL: Final = 0.95
FLAGS: Final = ("-q", "--noconftest", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist")
_MEMORY: Final = 6 * 2**30


@dataclass
class Score:
    """What became of the mutants of one room or module."""

    killed: int = 0
    survived: list[str] = field(default_factory=list)
    left_out: int = 0

    @property
    def share(self) -> float:
        """The killed ones among those that were tried."""
        tried = self.killed + len(self.survived)
        return self.killed / tried if tried else 1.0


class _Replacement(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module of the package from other code than its file's."""

    def __init__(self, name: str, code: CodeType) -> None:
        self._name = name
        self._code = code

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, vars(module))


class _QuickestFirst:
    """Runs the tests in the order of the seconds that they took before, and measures them."""

    def __init__(self, before: Mapping[str, float]) -> None:
        self._before = before
        self.seconds: dict[str, float] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self._before.get(item.nodeid, 0.0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration


@dataclass(frozen=True)
class Module:
    """A module of a pure room, with the tests that are to notice a fault in it."""

    path: Path
    tests: tuple[Path, ...]

    @property
    def name(self) -> str:
        relative = self.path.relative_to(SOURCE.parent).with_suffix("")
        return ".".join(relative.parts).removesuffix(".__init__")

    @classmethod
    def of(cls, path: Path, folder: str) -> Module:
        mirror = TESTS / path.relative_to(SOURCE).parent
        own = [mirror / f"test_{path.name}", *sorted(mirror.glob(f"test_{path.stem}_*.py"))]
        package = mirror.with_name(f"test_{mirror.name}.py")
        if not own[0].exists():
            own = [package] if package.exists() else sorted((TESTS / folder).rglob("test_*.py"))
        return cls(path, tuple(own))

    def run(self, order: Mapping[str, float], code: CodeType | None = None, times: Path | None = None) -> int:
        """Run the tests in this process, with ``code`` in place of the module; return pytest's exit code.

        The quickest by ``order`` comes first; the seconds of each are written to the file ``times``.
        """
        if code is not None:
            sys.meta_path.insert(0, _Replacement(self.name, code))
        plugin, flags = _QuickestFirst(order), ["-x", "-m", "not simulation"]
        status = int(pytest.main([*flags, *FLAGS, *map(str, self.tests)], plugins=[plugin]))
        if times is not None:
            times.write_text(json.dumps(plugin.seconds))
        return status

    def order(self) -> tuple[Mapping[str, float], float]:
        """Return the seconds of each test without a mutant, and the processor time of all."""
        with tempfile.NamedTemporaryFile("r+") as file:
            code, used = forked(lambda: self.run({}, times=Path(file.name)))
            if code:
                raise SystemExit(f"the tests of {self.name} fail without a mutant: run pytest first")
            seconds = json.load(file)
        # Tests that share random numbers get others in another order.
        return ({} if forked(lambda: self.run(seconds))[0] else seconds), used


def forked(work: Callable[[], int], seconds: float | None = None) -> tuple[int, float]:
    """Do ``work`` in a fork; return its exit code (negative: a signal) and its processor time in seconds."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
            if seconds is not None:
                resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))
            code = work()
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status, usage = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime


def preload(modules: list[Module]) -> None:
    """Import here, once, the libraries that the tests of these modules import."""
    tests = sorted({str(test) for module in modules for test in module.tests})
    with tempfile.NamedTemporaryFile("r+") as file:

        def work() -> int:
            code = int(pytest.main(["--collect-only", *FLAGS, *tests]))
            Path(file.name).write_text("\n".join(sys.modules))
            return code

        if forked(work)[0]:
            raise SystemExit("the tests cannot be collected: run pytest first")
        names = file.read().split()
    for name in names:
        if not name.startswith(("airflow_mlops", "tests", "test_", "__", "conftest")):
            with suppress(ImportError):
                importlib.import_module(name)


def try_module(module: Module, known: set[tuple[str, str]], deadline: float) -> Score:
    """Try the mutants of a module, in a random order that is always the same, until ``deadline``."""
    score = Score()
    found = list(mutants(module.path.read_text(), str(module.path)))
    random.Random(0).shuffle(found)
    order, used = module.order()
    for mutant in found:
        if (module.name, str(mutant)) in known:
            continue
        if time.monotonic() > deadline:
            score.left_out += 1
        elif forked(partial(module.run, order, mutant.code), 3 * used + 10)[0]:
            score.killed += 1
        else:
            place = f"{module.path.relative_to(ROOT)}:{mutant.line}"
            score.survived.append(f"{place}: {mutant}")
            print(f"  survived {score.survived[-1]}", flush=True)
    return score


def try_room(room: str, only: str, seconds: float) -> Score:
    """Try the mutants of every module of a room and print its score."""
    folder = ROOMS[room]
    paths = [path for path in sorted((SOURCE / folder).rglob("*.py")) if only in path.stem]
    modules = [Module.of(path, folder) for path in paths]
    known = equivalent()
    total, started = Score(), time.monotonic()
    for number, module in enumerate(modules):
        now = time.monotonic()
        left = (started + seconds - now) / (len(modules) - number)
        score = try_module(module, known, now + left)
        total.killed += score.killed
        total.survived += score.survived
        total.left_out += score.left_out
        print(f"{module.name:55} {_line(score)}", flush=True)
    print(f"{room:55} {_line(total)} in {time.monotonic() - started:.0f} s", flush=True)
    return total


def _line(score: Score) -> str:
    tried = score.killed + len(score.survived)
    left_out = f", {score.left_out} not tried" if score.left_out else ""
    return f"{score.share:6.1%}  {score.killed} of {tried} killed{left_out}"


def equivalent() -> set[tuple[str, str]]:
    """Return (module, mutant) of the mutants that change nothing that can be observed."""
    document = tomllib.loads((Path(__file__).parent / "equivalent.toml").read_text())
    return {(entry["module"], mutant) for entry in document["equivalent"] for mutant in entry["mutants"]}


def main() -> int:
    """Return 1 when a room's score is below the goal."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=str(__doc__))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"of {', '.join(ROOMS)} (default: all)")
    parser.add_argument("--module", default="", help="only modules whose name has this in it")
    parser.add_argument(
        "--budget", type=float, default=3600.0, help="seconds for a room (default: %(default)g)"
    )
    asked = parser.parse_args()
    unknown = set(asked.rooms) - set(ROOMS)
    if unknown:
        parser.error(f"unknown room {', '.join(sorted(unknown))}; known: {', '.join(ROOMS)}")
    os.chdir(ROOT)
    hypothesis.settings.register_profile(
        "mutation",
        max_examples=15,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],  # A smaller example helps nobody here.
    )
    hypothesis.settings.load_profile("mutation")
    rooms = asked.rooms or list(ROOMS)
    preload([Module.of(path, ROOMS[room]) for room in rooms for path in (SOURCE / ROOMS[room]).rglob("*.py")])
    gc.freeze()  # What is loaded is not searched for garbage in each fork.
    scores = {room: try_room(room, asked.module, asked.budget) for room in rooms}
    return int(any(score.share < GOAL for score in scores.values()))


if __name__ == "__main__":
    sys.exit(main())
