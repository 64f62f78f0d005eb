"""Every test runs with an Airflow home of its own making, never the user's."""

import os
import signal
import tempfile
from pathlib import Path

import hypothesis
import pytest

# How long an example takes says nothing on a machine that has other work to do.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

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

# A shell makes what it starts in the background deaf to Ctrl-C, and every child inherits that: a process
# that a test interrupts must hear it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_LONG = ("system", "integration", "unit/rollout", "unit/serving")
"""Folders whose files take longest. They come first: a long file that begins last keeps one process busy
while the others have ended."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of long folders first, in their own order otherwise."""
    here = Path(__file__).parent
    folders = [here / folder for folder in _LONG]
    places: dict[Path, int] = {}
    for item in items:
        if item.path not in places:
            found = (at for at, folder in enumerate(folders) if item.path.is_relative_to(folder))
            places[item.path] = next(found, len(folders))
    items.sort(key=lambda item: places[item.path])
