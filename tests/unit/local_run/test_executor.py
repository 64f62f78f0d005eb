"""What `airflow-mlops run` does on its way: stops, goes on, rolls out, watches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlflow
import pytest

from airflow_mlops.training.tracking import task_run
from tests.support.project import APPROVED, FEATURES, Laptop, customers, states

DONE = "Version 1 of churn is the champion."
TIRED = """    ALONE.append(len(rows) == 1)
    if sum(ALONE) > 20:
        raise ValueError('tired')
    times"""
WEARS_OUT = FEATURES.replace("    times", TIRED).replace("def build", "ALONE = []\n\n\ndef build")
"""Answers a few rows alone, which are tried in training, and then no other."""


def notes(document: dict[str, Any], task: str) -> list[str]:
    return [note.split()[0] for line in document["tasks"] if line["task"] == task for note in line["notes"]]


def test_until_stops_after_that_task(laptop: Laptop) -> None:
    """A test set of its own is read by a task before the features."""
    held = {"source": {"type": "csv", "filepath": "judged.csv"}}
    laptop.write(**APPROVED, evaluate={"metrics": ["roc_auc"], "holdout": held})
    customers().iloc[500:].to_csv(laptop.file.parent / "judged.csv", index=False)
    found = laptop.document("--until", "features")
    assert (found["exit_code"], list(states(found))) == (0, ["ingest", "holdout", "features"])
    assert found["tasks"][-1]["record"]["split_by"] == "source"
    assert list(states(laptop.document("--until", "prepare")))[-2:] == ["register", "prepare"]
    assert laptop.aliases() == {"challenger": 1}


def test_as_of_ends_the_data_and_renders_templates(laptop: Laptop) -> None:
    source = {"type": "parquet", "filepath": "{{ 'customers' if ds == '2024-02-01' else 'none' }}.parquet"}
    data = {"source": source, "target": "churned", "keys": ["customer_id", "seen_at"]}
    laptop.write(data=data)
    found = laptop.document("--until", "ingest", "--as-of", "2024-02-01")
    assert found["tasks"][0]["record"]["rows"] == 31 * 24
    assert found["as_of"] == "2024-02-01T00:00:00+00:00"
    code, _, err = laptop.run("--as-of", "2024-03-01T00:00:00Z")
    assert code == 2
    assert "no such file" in err


def test_it_goes_on_with_its_own_kind_only(laptop: Laptop) -> None:
    """Another moment, other code, another file or --restart: what was found before counts no more."""
    laptop.write(**APPROVED)
    assert laptop.document()["exit_code"] == 4
    assert states(laptop.document())["train"] == "kept"
    assert states(laptop.document("--as-of", "2024-03-01"))["train"] == "success"
    laptop.code.write_text(FEATURES + "\nNEW = 1\n")
    assert states(laptop.document("--until", "ingest"))["ingest"] == "success"
    assert laptop.document()["exit_code"] == 4
    assert states(laptop.document("--restart"))["train"] == "success"


def test_no_mlflow_run_stays_open_behind_a_run_that_nobody_goes_on_with(laptop: Laptop) -> None:
    laptop.write(**APPROVED)
    assert laptop.document()["exit_code"] == 4
    journal = json.loads((laptop.folder / "mlops-artifacts/churn/laptop/run.json").read_text())
    key = f"churn__train/{journal['run']['run_id']}/train/-1"
    client = mlflow.MlflowClient(laptop.uri, laptop.uri)
    with task_run(laptop.uri, "churn", key, str(laptop.folder), {}) as open_:
        pass
    client.update_run(open_.run_id, status="RUNNING")  # as a process leaves it that is killed
    assert laptop.document("--restart", "--until", "ingest")["exit_code"] == 0
    assert client.get_run(open_.run_id).info.status == "KILLED"


def test_a_good_version_passes_its_canary(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody there: this machine is asked directly
    laptop.write(**{**APPROVED, "approve": None})
    assert laptop.document()["message"] == DONE
    found = laptop.document()
    assert found["exit_code"] == 0, found["message"]
    assert notes(found, "rollout")[-3:] == ["WARMING", "STEP", "PROMOTING"]
    record = next(line["record"] for line in found["tasks"] if line["task"] == "finalize")
    assert (record["outcome"], record["champion_version"]) == ("PROMOTED", 1)
    assert record["evidence"]["canary"]["failures"] == 0
    assert laptop.aliases() == {"champion": 2, "previous": 1}
    assert not (laptop.folder / "mlops-artifacts/churn/laptop/server").exists()


def test_a_version_that_fails_its_callers_is_rolled_back_and_that_is_1(laptop: Laptop) -> None:
    laptop.write(**{**APPROVED, "approve": None})
    assert laptop.document()["message"] == DONE
    laptop.code.write_text(WEARS_OUT)
    code, out, err = laptop.run()
    assert code == 1
    assert "ROLLING_BACK" in out
    assert "version 2 ROLLED_BACK" in err
    assert "version 1 stays champion" in err
    assert laptop.aliases() == {"champion": 1}


def test_a_rollout_that_an_interrupted_run_left_gives_way(laptop: Laptop) -> None:
    from airflow_mlops.rollout.core import RolloutPlan
    from airflow_mlops.rollout.store.store import RolloutStore

    laptop.write(**{**APPROVED, "approve": None})
    assert laptop.document()["message"] == DONE
    assert laptop.document("--until", "prepare")["exit_code"] == 0
    store = RolloutStore(laptop.folder / "mlops-artifacts/rollouts.db")
    left = store.create_or_get(
        RolloutPlan(name="churn", model_version=2, model_uri="models:/churn/2", champion_version=1), 0.0
    )
    assert laptop.document()["message"] == "Version 3 of churn is the champion."
    ended, _ = store.get(left.id)
    assert (ended.phase, ended.reason) == ("SUPERSEDED", "superseded by version 3")
    assert laptop.aliases() == {"champion": 3, "previous": 1}


def test_a_registry_that_others_use_is_not_rolled_out_to(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_mlops.core.address import shown
    from airflow_mlops.local_run.paths import RunPaths

    def place(uri: str) -> RunPaths:
        return RunPaths.of("churn", Path("/work"), {"MLFLOW_TRACKING_URI": uri})

    assert place("https://ada:secret@mlflow.example.com").shared
    assert place("databricks://profile").shared
    # A port on this machine may be forwarded from another one.
    assert place("http://127.0.0.1:5000").shared
    assert place("http://localhost:5000").shared
    for uri in ("", "sqlite:////tmp/x.db", "file:///tmp"):
        assert not place(uri).shared
    assert shown("https://ada:secret@mlflow.example.com") == "https://ada:…@mlflow.example.com"


def test_the_last_whole_window_is_monitored_when_there_is_data(laptop: Laptop) -> None:
    monitor = {"schedule": "@monthly", "performance": {"require": {"roc_auc": ">= 0.5"}}}
    laptop.write(monitor={**monitor, "retrain": {"when": ["performance"]}})
    found = laptop.document("--as-of", "2024-03-05")
    assert found["exit_code"] == 0, found["message"]
    lines = {line["task"]: line for line in found["tasks"]}
    window = lines["observe"]["record"]
    assert (window["start"], window["end"]) == ("2024-02-01T00:00:00+00:00", "2024-03-01T00:00:00+00:00")
    assert lines["performance"]["record"]["verdict"] == "ok"
    assert (lines["triage"]["record"]["action"], lines["retrain"]["state"]) == ("none", "skipped")
    later = laptop.document("--as-of", "2026-01-05")
    assert later["tasks"][-1]["task"] == "monitor"
    assert "no rows in the last window, 2025-12-01" in later["tasks"][-1]["summary"]


def test_a_search_is_told_worker_by_worker(laptop: Laptop) -> None:
    tune = {"space": {"max_leaf_nodes": [4, 16]}, "n_trials": 3, "workers": 2}
    laptop.write(
        train={
            "estimator": "sklearn.ensemble.HistGradientBoostingClassifier",
            "params": {"max_iter": 5},
            "tune": tune,
        }
    )
    found = laptop.document()
    line = next(line for line in found["tasks"] if line["task"] == "tune")
    assert [part["trials"] for part in line["record"]] == [2, 1]
    assert line["summary"].startswith("3 trials, best roc_auc 0.")


def test_what_user_code_prints_does_not_break_the_document(laptop: Laptop) -> None:
    laptop.write()
    laptop.code.write_text(FEATURES.replace("    times", "    print('hello')\n    times"))
    assert laptop.document("--until", "features")["outcome"] == "done"
