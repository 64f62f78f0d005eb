"""The example in plugins/ is a plugin that Airflow finds, and its macro speaks about real records."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import RolloutResult, Triage
from plugins.model_sentences import sentence

FOLDER = Path(__file__).parents[2] / "plugins"

TRIAGE = Triage(
    start="2025-08-01T00:00:00+00:00",
    end="2025-09-01T00:00:00+00:00",
    model_version=2,
    action="retrain",
    causes=("performance",),
    reason="roc_auc 0.720 < 0.8",
)


def test_a_decision_of_monitoring_is_one_sentence() -> None:
    assert sentence(TRIAGE.to_json()) == "version 2, 2025-08-01 to 2025-09-01: retrain: roc_auc 0.720 < 0.8"


def test_a_rollout_is_one_sentence() -> None:
    ended = RolloutResult(
        rollout_id="churn-3-abc",
        name="churn",
        model_version=3,
        champion_version=2,
        outcome="ROLLED_BACK",
        reason="the canary fails more often",
    )
    assert sentence(ended.to_json()) == "churn version 3: ROLLED_BACK: the canary fails more often"


def test_anything_else_is_refused() -> None:
    with pytest.raises(ConfigError, match="got kind None"):
        sentence({"action": "retrain"})


def test_airflow_loads_the_folder_beside_the_packaged_plugin(tmp_path: Path) -> None:
    code = f"""
import json
from airflow import plugins_manager
from airflow.sdk.plugins_manager import integrate_macros_plugins
plugins, errors = plugins_manager._get_plugins()
integrate_macros_plugins()
from airflow.sdk.execution_time import macros
text = macros.model_sentences.sentence({TRIAGE.to_json()!r})
print(json.dumps([sorted(plugin.name for plugin in plugins), errors, text]))
"""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(FOLDER),
        "PYTHONPATH": str(FOLDER.parent / "src"),
    }
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=tmp_path,
    )
    names, errors, text = json.loads(run.stdout.splitlines()[-1])
    assert {"airflow_mlops", "model_sentences"} <= set(names)
    assert errors == {}
    assert text == sentence(TRIAGE.to_json())
