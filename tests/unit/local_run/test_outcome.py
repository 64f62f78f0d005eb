"""`airflow-mlops run` ends with the code that says how it went, in words that say what to do."""

from __future__ import annotations

import getpass
import socket
from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.training.registry import Registry
from tests.support.project import APPROVED, Laptop, states

TRAINED = ["ingest", "features", "train", "evaluate", "refit", "register"]


def test_done_is_0_and_the_next_champion_is_compared_with_this_one(laptop: Laptop) -> None:
    laptop.write(evaluate={"metrics": ["roc_auc"], "against_champion": {"roc_auc": ">= -0.01"}})
    code, out, err = laptop.run()
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert f"MLflow {laptop.uri}" in out
    assert [line.split()[1] for line in out.splitlines()[2:8]] == TRAINED
    assert "Version 1 of churn is the champion." in out
    again = laptop.document(str(laptop.file))
    evaluation = again["tasks"][3]["record"]
    assert (evaluation["champion_version"], len(evaluation["comparisons"])) == (1, 1)
    assert laptop.aliases() == {"champion": 2, "previous": 1}
    assert laptop.mlflow_runs() == [("train", "FINISHED"), ("refit", "FINISHED")] * 2


def test_data_that_is_rejected_is_1(laptop: Laptop) -> None:
    laptop.write(validate={"expect": [{"column": "visits", "min": 3}]})
    code, out, err = laptop.run()
    assert code == 1
    assert "✗ validate" in out
    assert err.startswith("rejected: 1 of 1 expectations failed on 2,000 rows")


def test_a_gate_that_says_no_is_1_and_the_next_run_begins_anew(laptop: Laptop) -> None:
    laptop.write(evaluate={"metrics": ["roc_auc"], "require": {"roc_auc": ">= 0.999"}})
    code, out, err = laptop.run()
    assert code == 1
    assert "✗ evaluate" in out
    assert "evaluation gate failed: roc_auc 0." in err
    assert "not >= 0.999" in err
    assert states(laptop.document())["ingest"] == "success"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--until", "trian"], "--until trian: churn has no such task (did you mean train?)"),
        (["--as-of", "yesterday"], "--as-of must be an ISO time such as 2026-01-31"),
        (["nowhere.yaml"], "nowhere.yaml: no such file or folder"),
        (["--profile", "dev"], "profile 'dev' is not defined"),
    ],
)
def test_a_wrong_call_is_2(laptop: Laptop, words: list[str], told: str) -> None:
    laptop.write()
    code, out, err = laptop.run(*words)
    assert (code, out) == (2, "")
    assert told in err
    assert not (laptop.folder / "mlops-artifacts").exists()


def test_a_fault_in_the_users_code_is_2_and_names_the_line(laptop: Laptop) -> None:
    laptop.write()
    laptop.code.write_text("def build(rows):\n    return rows[['spend']] / rows['nothing']\n")
    code, _, err = laptop.run()
    assert code == 2
    assert "churn_features.py:2: return rows[['spend']] / rows['nothing']: KeyError: 'nothing'" in err
    assert "Traceback" not in err
    code, _, err = laptop.run("--verbose")
    assert code == 2
    assert "Traceback (most recent call last)" in err


def test_a_users_estimator_that_fails_is_2_and_names_the_line(laptop: Laptop) -> None:
    laptop.write(train={"estimator": "own.Own"})
    (laptop.file.parent / "own.py").write_text(
        "from sklearn.base import BaseEstimator, ClassifierMixin\n"
        "class Own(ClassifierMixin, BaseEstimator):\n"
        "    def fit(self, X, y):\n        raise RuntimeError('no luck')\n"
        "    def predict(self, X):\n        return X\n"
        "    def predict_proba(self, X):\n        return X\n"
    )
    code, _, err = laptop.run()
    assert code == 2
    assert "own.py:4: raise RuntimeError('no luck')" in err


def test_something_outside_that_fails_is_3_and_the_next_run_goes_on(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop.write()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        code, _, err = laptop.run()
        assert code == 3
        assert "does not answer" in err
        assert "Resume: airflow-mlops run pipelines/churn.yaml" in err
        assert states(laptop.document())["ingest"] == "kept"


def test_an_approval_without_a_terminal_is_4_and_yes_goes_on_without_training_again(laptop: Laptop) -> None:
    laptop.write(**APPROVED)
    code, out, err = laptop.run()
    assert code == 4
    assert "? approve" in out
    assert "airflow-mlops run pipelines/churn.yaml --yes" in err
    assert laptop.aliases() == {"challenger": 1}
    found = laptop.document("--yes")
    assert found["exit_code"] == 0, found["message"]
    assert {task: state for task, state in states(found).items() if state == "kept"} == dict.fromkeys(
        [*TRAINED, "prepare"], "kept"
    )
    assert laptop.mlflow_runs() == [("train", "FINISHED"), ("refit", "FINISHED")]
    assert laptop.aliases() == {"champion": 1}
    tags = Registry(laptop.uri, "churn").version(1).tags
    assert tags["mlops.approval"] == "Approve"
    assert tags["mlops.approval.by"].endswith("(--yes)")


def test_a_faulty_file_is_2_with_every_fault(laptop: Laptop) -> None:
    laptop.write()
    with laptop.file.open("a") as file:
        file.write("scheduel: x\nownr: me\n")
    code, _, err = laptop.run()
    assert code == 2
    assert "scheduel: is not a known key (did you mean schedule?)" in err
    assert "ownr: is not a known key (did you mean owner?)" in err


def test_the_only_pipeline_is_found_and_several_are_listed(laptop: Laptop) -> None:
    code, _, err = laptop.run()
    assert code == 2
    assert "begin with `airflow-mlops init`" in err
    laptop.write()
    (laptop.file.parent / "other.yaml").write_text("name: other\n")
    for words in ([], ["pipelines"], ["."]):
        code, _, err = laptop.run(*words)
        assert code == 2
        assert "2 pipelines" in err
        assert "airflow-mlops run pipelines/churn.yaml" in err
    (laptop.folder / "empty").mkdir()
    assert "empty: no pipeline file" in laptop.run("empty")[2]


def test_it_is_alone(laptop: Laptop) -> None:
    from airflow_mlops.local_run.paths import RunPaths

    laptop.write()
    with RunPaths.of("churn", laptop.folder, {}).alone():
        code, _, err = laptop.run()
    assert code == 3
    assert "another run of churn is active here (process " in err


def test_a_folder_that_cannot_be_written_is_3(laptop: Laptop, tmp_path: Path) -> None:
    laptop.write()
    (tmp_path / "mlops-artifacts").write_text("in the way")
    code, _, err = laptop.run()
    assert code == 3
    assert f"cannot write {tmp_path}/mlops-artifacts" in err


def test_a_model_without_enough_evidence_waits_for_a_person_with_4(laptop: Laptop) -> None:
    evaluate = {"metrics": ["accuracy"], "against_champion": {"accuracy": ">= 0"}, "on_inconclusive": "ask"}
    gate: dict[str, Any] = {"evaluate": evaluate, "approve": {"by": [getpass.getuser()]}}
    laptop.write(**gate)
    assert laptop.run()[0] == 0
    stump = {"estimator": "sklearn.ensemble.HistGradientBoostingClassifier", "params": {"max_iter": 24}}
    laptop.write(**gate, train=stump)
    waits = laptop.document()
    assert (waits["exit_code"], states(waits)["decide"]) == (4, "waiting")
    assert "the new model of churn waits for approval" in waits["message"]
    assert laptop.aliases() == {"champion": 1}
    done = laptop.document("--yes")
    assert (done["exit_code"], states(done)["evaluate"]) == (0, "kept")
    assert laptop.aliases() == {"champion": 2, "previous": 1}
    decided = next(line["record"] for line in done["tasks"] if line["task"] == "decide")
    assert decided["caution"].startswith(f"accepted by {getpass.getuser()} (--yes)")


def test_one_person_at_a_terminal_is_one_of_two(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    me = getpass.getuser()
    laptop.write(approve={"by": [me, "ben"], "needs": 2}, deploy={"canary": {"steps": [50]}})
    waits = laptop.document("--yes")
    assert waits["exit_code"] == 4
    assert (states(waits)["approve"], states(waits)["approve_2"]) == ("success", "waiting")
    assert f"waits for approval by ben; {me} has approved already, and may not approve it" in waits["message"]
    assert "Another person resumes the run in this folder" in waits["hints"][0]
    assert laptop.aliases() == {"challenger": 1}
    monkeypatch.setenv("LOGNAME", "ben")
    done = laptop.document("--yes")
    assert (done["exit_code"], laptop.aliases()) == (0, {"champion": 1})


def test_the_author_at_this_machine_may_not_approve_where_others_can(laptop: Laptop) -> None:
    me = getpass.getuser()
    laptop.write(approve={"by": [me, "ben"]}, deploy={"canary": {"steps": [50]}})
    waits = laptop.document("--yes")
    assert waits["exit_code"] == 4
    why = f"{me} started the training and requested this deploy, and may not approve it"
    assert f"waits for approval by ben; {why}" in waits["message"]
    assert "author: allow" in waits["hints"][1]
