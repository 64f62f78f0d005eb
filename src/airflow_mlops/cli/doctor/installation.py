"""The installed Airflow: its settings, its database, this provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from airflow_mlops.cli.doctor.databases import first_value, missing_file, shown
from airflow_mlops.cli.doctor.finding import Finding, failed, ok
from airflow_mlops.core.errors import BackendError

_LOCAL_BUNDLE: Final = "airflow.dag_processing.bundles.local.LocalDagBundle"
_MIGRATE: Final = "airflow db migrate"


@dataclass(frozen=True)
class Installation:
    """Airflow's configuration.

    ``folders`` are those of local DAG bundles, ``remote`` the names of the other bundles. ``is_dag_file`` is
    Airflow's own check of a Python file, ``revision`` the revision that its database must have, ``users``
    what is known about its users.
    """

    database: str
    executor: str
    artifacts: str
    rollouts: str
    parse_cache: str
    folders: tuple[Path, ...]
    remote: tuple[str, ...]
    is_dag_file: Callable[[Path], bool]
    revision: str | None
    users: Mapping[str, Any]

    @property
    def one_machine(self) -> bool:
        """Whether every task runs on the scheduler's machine."""
        return all("LocalExecutor" in name for name in self.executor.split(","))


def read_installation() -> Installation:
    """Import Airflow and read its configuration; raises BackendError when it cannot be imported."""
    try:
        import airflow
        from airflow.configuration import conf
        from airflow.utils.file import might_contain_dag

        from airflow_mlops.hooks.users import known_users
    except Exception as error:  # a plugin or a broken airflow.cfg may raise anything
        raise BackendError(f"Airflow cannot be imported: {type(error).__name__}: {error}") from error
    listed: Any = conf.getjson("dag_processor", "dag_bundle_config_list", fallback=[])
    bundles: list[dict[str, Any]] = listed or []
    own = conf.get("core", "dags_folder")
    careful = conf.getboolean("core", "dag_discovery_safe_mode", fallback=True)
    local = [bundle for bundle in bundles if bundle.get("classpath") == _LOCAL_BUNDLE]
    return Installation(
        database=conf.get("database", "sql_alchemy_conn"),
        executor=conf.get("core", "executor"),
        artifacts=conf.get("mlops", "artifacts", fallback=""),
        rollouts=conf.get("mlops", "rollouts", fallback=""),
        parse_cache=conf.get("mlops", "parse_cache", fallback="").strip(),
        folders=tuple(Path((bundle.get("kwargs") or {}).get("path") or own) for bundle in local),
        remote=tuple(str(bundle.get("name")) for bundle in bundles if bundle not in local),
        is_dag_file=lambda file: might_contain_dag(str(file), careful),
        revision=_revision(Path(airflow.__file__).parent / "migrations"),
        users=known_users(),
    )


def _revision(migrations: Path) -> str | None:
    """Return the newest revision of Airflow's migrations; slow, so it runs before any time limit starts."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(migrations)).get_current_head()


def check_provider() -> Finding:
    """Check that Airflow has registered this provider."""
    from airflow.providers_manager import ProvidersManager

    manager: Any = ProvidersManager  # without types
    found = manager().providers.get("airflow-mlops")
    if found is None:
        text = "Airflow has not registered the provider airflow-mlops"
        return failed("provider", text, "pip install airflow-mlops in the environment of `airflow`")
    return ok("provider", f"airflow-mlops {found.version} is registered")


def check_database(url: str, wanted: str | None) -> Finding:
    """Check that Airflow's database exists and has the installed version; changes nothing."""
    check, address = "airflow database", shown(url)
    if file := missing_file(url):
        return failed(check, f"Airflow is not initialised: {file} does not exist", _MIGRATE)
    exists, revision = first_value(url, "alembic_version", "version_num")
    if not exists:
        return failed(check, f"Airflow is not initialised: {address} is empty", _MIGRATE)
    if revision != wanted:
        text = f"{address} belongs to another Airflow version (revision {revision}, this one needs {wanted})"
        return failed(check, text, _MIGRATE)
    return ok(check, address)
