"""Where the demo keeps its things, and the environment that its processes share."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PIPELINE = "flights"
USER = "admin"


class DemoError(Exception):
    """Something that the reader can mend; the message says how."""


@dataclass(frozen=True)
class Ports:
    """Loopback ports of the demo's servers."""

    airflow: int
    serving: int
    serving_admin: int
    mlflow: int

    @classmethod
    def free(cls) -> Ports:
        """Return ports that nothing listens on."""
        sockets = [socket.socket() for _ in range(4)]
        try:
            for one in sockets:
                one.bind(("127.0.0.1", 0))
            return cls(*(one.getsockname()[1] for one in sockets))
        finally:
            for one in sockets:
                one.close()

    @classmethod
    def fixed(cls) -> Ports:
        """Return the well-known ports, each changeable by a variable; raises DemoError when one is taken."""
        wanted = {"AIRFLOW_PORT": 8080, "SERVING_PORT": 8500, "SERVING_ADMIN_PORT": 8501, "MLFLOW_PORT": 5000}
        chosen = {name: int(os.environ.get(name, default)) for name, default in wanted.items()}
        for name, port in chosen.items():
            with socket.socket() as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    one.bind(("127.0.0.1", port))
                except OSError:
                    raise DemoError(
                        f"port {port} is in use: stop what listens there (make down?), or choose another: "
                        f"{name}={port + 1} make up"
                    ) from None
        return cls(
            airflow=chosen["AIRFLOW_PORT"],
            serving=chosen["SERVING_PORT"],
            serving_admin=chosen["SERVING_ADMIN_PORT"],
            mlflow=chosen["MLFLOW_PORT"],
        )


@dataclass(frozen=True)
class Layout:
    """Folders, ports and secrets of one demo."""

    root: Path
    ports: Ports
    password: str
    token: str
    admin_token: str
    lake: Path

    @classmethod
    def create(cls, root: Path, ports: Ports, lake: Path | None = None) -> Layout:
        """Return a layout under ``root`` with fresh secrets."""
        tokens = (secrets.token_urlsafe(24), secrets.token_urlsafe(24))
        return cls(root, ports, secrets.token_urlsafe(9), *tokens, lake or root / "lake")

    @property
    def airflow_home(self) -> Path:
        return self.root / "airflow"

    @property
    def dags(self) -> Path:
        return self.root / "dags"

    @property
    def pipeline_file(self) -> Path:
        return self.dags / "pipelines" / f"{PIPELINE}.yaml"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def tracking_uri(self) -> str:
        return f"sqlite:///{self.root / 'mlflow.db'}"

    @property
    def airflow_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.airflow}"

    @property
    def serving_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.serving}"

    @property
    def serving_admin_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.serving_admin}"

    @property
    def mlflow_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.mlflow}"

    def environment(self, mlflow_ui: bool = False) -> dict[str, str]:
        """Return the variables of every process: this machine's own, less any Airflow or MLflow setting."""
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("AIRFLOW", "MLFLOW", "_AIRFLOW"))
        }
        mlflow = {"conn_type": "mlops_mlflow", "host": self.tracking_uri}
        if mlflow_ui:
            mlflow["extra"] = json.dumps({"ui_url": self.mlflow_url})
        serving = {"conn_type": "mlops_serving", "host": self.serving_admin_url, "password": self.admin_token}
        return {
            **inherited,
            **self._airflow_settings(),
            "AIRFLOW_CONN_MLOPS_MLFLOW_DEFAULT": json.dumps(mlflow),
            "AIRFLOW_CONN_MLOPS_SERVING_DEFAULT": json.dumps(serving),
            "AIRFLOW_VAR_LAKE": str(self.lake),
            "AIRFLOW_MLOPS_SERVING_TOKEN": self.token,
            "AIRFLOW_MLOPS_ADMIN_TOKEN": self.admin_token,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "GX_ANALYTICS_ENABLED": "False",
            "DO_NOT_TRACK": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "OMP_NUM_THREADS": "1",
            "PYTHONWARNINGS": "ignore",
            "PYTHONPATH": str(CHECKOUT),
        }

    def _airflow_settings(self) -> dict[str, str]:
        sections = {
            "CORE__DAGS_FOLDER": self.dags,
            "CORE__LOAD_EXAMPLES": False,
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": 3,
            "CORE__EXECUTION_API_SERVER_URL": f"{self.airflow_url}/execution/",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": self.airflow_home / "passwords.json",
            "CORE__FERNET_KEY": "",
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.airflow_home / 'airflow.db'}",
            "API__HOST": "127.0.0.1",
            "API__PORT": self.ports.airflow,
            "API__BASE_URL": self.airflow_url,
            "API__WORKERS": 1,
            "API__SECRET_KEY": self.token,
            "API_AUTH__JWT_SECRET": self.token + self.token,
            "DAG_PROCESSOR__REFRESH_INTERVAL": 5,
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 5,
            "DAG_PROCESSOR__PARSING_PROCESSES": 1,
            "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": 1,
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.25,
            "TRIGGERER__JOB_HEARTBEAT_SEC": 1,
            # A supervisor looks this often, in seconds, whether its task has ended.
            "WORKERS__MIN_HEARTBEAT_INTERVAL": 1,
            "LOGGING__BASE_LOG_FOLDER": self.airflow_home / "logs",
            "USAGE_DATA_COLLECTION__ENABLED": False,
            "MLOPS__ARTIFACTS": self.artifacts,
            "MLOPS__ROLLOUTS": self.root / "rollouts.db",
        }
        return {
            "AIRFLOW_HOME": str(self.airflow_home),
            **{f"AIRFLOW__{key}": str(value) for key, value in sections.items()},
        }
