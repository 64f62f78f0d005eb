"""Every test runs with an Airflow home of its own making, never the user's."""

import os
import tempfile
from pathlib import Path

_HOME = Path(tempfile.mkdtemp(prefix="airflow-mlops-tests-"))
os.environ.update(
    AIRFLOW_HOME=str(_HOME),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{_HOME / 'airflow.db'}",
    AIRFLOW__CORE__DAGS_FOLDER=str(Path(__file__).parent.parent / "dags"),
    AIRFLOW__MLOPS__ARTIFACTS=str(_HOME / "mlops"),
    AIRFLOW__MLOPS__ROLLOUTS=str(_HOME / "rollouts.db"),
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
    MLFLOW_DISABLE_TELEMETRY="true",
    GX_ANALYTICS_ENABLED="False",
    DO_NOT_TRACK="1",
)
