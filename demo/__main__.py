"""`python -m demo run|up|down`: what `make demo`, `make up` and `make down` call."""

from __future__ import annotations

import argparse
import fcntl
import json
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import NoReturn

from demo.layout import CHECKOUT, USER, DemoError, Layout, Ports
from demo.stack import Stack, stop_remembered, write_whole
from demo.story import Story

_KEPT = {"lake", "lock"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument(
        "--root", type=Path, default=CHECKOUT / ".demo", help="folder for everything that it makes"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="live one model's whole life")
    run.add_argument("--every", type=int, default=1, help="use one flight in so many (a smaller slice)")
    run.add_argument("--rate", type=float, default=60.0, help="live requests per second")
    run.add_argument("--first-month", default="2013-04", help="first month to monitor")
    commands.add_parser("up", help="start everything and leave it running")
    commands.add_parser("down", help="stop what up started")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        return int(_COMMANDS[arguments.command](arguments) or 0)
    except DemoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print(
            "\nstopped; everything that it had started is stopped too. `make demo` starts afresh.",
            file=sys.stderr,
        )
        return 130


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _run(arguments: argparse.Namespace) -> int:
    from demo.chapters import live

    root = arguments.root.resolve()
    with _alone(root):
        if stopped := stop_remembered(root / "pids.json"):
            print(f"stopped what an interrupted demo had left running: {', '.join(stopped)}")
        if _running(root / "up.json"):
            raise DemoError("`make up` is running on this checkout: stop it first with `make down`")
        _wipe(root)
        layout = Layout.create(root, Ports.free())
        stack = Stack(layout, layout.environment())
        try:
            return live(stack, Story(), arguments)
        finally:
            stack.stop_all()
            _remember(layout)


def _up(arguments: argparse.Namespace) -> int:
    from demo.start import start_all, start_traffic

    root = arguments.root.resolve()
    with _alone(root):
        stop_remembered(root / "up.json")
        layout = _recall(root, Ports.fixed())
        stack = Stack(layout, layout.environment(mlflow_ui=True), pids=root / "up.json")
        try:
            print("starting Airflow, MLflow, the model server and traffic ...", flush=True)
            start_all(stack, mlflow_ui=True)
            start_traffic(stack, "2013-04", rate=5.0)
        except BaseException:
            stack.stop_all()
            raise
        _remember(layout)
    print(f"Airflow       {layout.airflow_url}   user {USER}   password {layout.password}")
    print(f"MLflow        {layout.mlflow_url}")
    print(f"model server  {layout.serving_url}   token {layout.token}")
    print(f"  its admin   {layout.serving_admin_url}   token {layout.admin_token}")
    print(f"logs          {layout.logs}")
    print("Train a first model: trigger the DAG flights__train. Stop everything: make down")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    stopped = stop_remembered(arguments.root.resolve() / "up.json")
    print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")
    return 0


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Keep a second demo out of the same folder; the lock goes with the process, however it ends."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(
                f"another demo is running in {root}: wait for it, or stop it with Ctrl-C there"
            ) from None
        yield


def _wipe(root: Path) -> None:
    """Remove what an earlier demo made, but for the data, which does not change."""
    for path in root.iterdir():
        if path.name not in _KEPT:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _remember(layout: Layout) -> None:
    """Keep passwords and folders for `make up`, which opens the same Airflow again."""
    file = layout.root / "layout.json"
    write_whole(file, json.dumps(asdict(layout), default=str))
    file.chmod(0o600)


def _recall(root: Path, ports: Ports) -> Layout:
    file = root / "layout.json"
    if not file.exists():
        return Layout.create(root, ports)
    found = json.loads(file.read_text())
    fresh = Layout.create(root, ports, Path(found["lake"]))
    admin_token = found.get("admin_token", fresh.admin_token)  # an earlier demo had one token for all
    return replace(fresh, password=found["password"], token=found["token"], admin_token=admin_token)


def _running(pids: Path) -> bool:
    from demo.stack import born

    remembered = json.loads(pids.read_text()) if pids.exists() else {}
    return any(start is not None and born(pid) == start for pid, start in remembered.values())


_COMMANDS = {"run": _run, "up": _up, "down": _down}

if __name__ == "__main__":
    raise SystemExit(main())
