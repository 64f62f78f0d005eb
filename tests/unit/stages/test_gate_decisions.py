"""What becomes of a model: better, worse, not enough evidence, another champion, an anchor behind it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airflow_mlops.core.errors import GateRejected
from airflow_mlops.core.records import Evaluation
from airflow_mlops.training.tracking import fluent
from tests.support.told import Shop, table


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop.create(tmp_path, table(), {"against_champion": {"roc_auc": ">= -0.01"}})


def test_three_outcomes_and_what_is_done_without_enough_evidence(shop: Shop) -> None:
    assert shop.champion("fair") == 1
    worse = shop.judged("poor")
    assert (worse.outcome, worse.passed) == ("worse", False)
    assert worse.rejection.startswith("evaluation gate failed: worse: roc_auc")
    unclear = shop.judged("alike", against_champion={"roc_auc": ">= 0"})
    assert (unclear.outcome, unclear.passed, unclear.asks) == ("inconclusive", False, False)
    assert "not enough evidence: roc_auc" in unclear.rejection
    (item,) = unclear.comparisons
    assert item.detectable
    assert f"600 rows show a difference of {item.detectable:.2g} (80 % power)" in unclear.rejection
    assert f"a true difference in roc_auc of {item.detectable:.2g} or more in 4 of 5 cases" in unclear.summary
    with pytest.raises(GateRejected, match="not enough evidence"):
        shop.register(unclear)
    taken = shop.judged("alike", on_inconclusive="accept")
    assert (taken.outcome, taken.passed) == ("inconclusive", True)
    assert "not enough evidence that it is not worse" in taken.summary
    assert shop.register(taken) == 2
    tags = shop.registry.version(2).tags
    assert (tags["mlops.gate.outcome"], tags["mlops.evaluation"]) == ("inconclusive", "passed")
    assert tags["mlops.gate.caution"] == taken.caution


def test_small_losses_do_not_add_up_behind_the_back_of_the_champion(shop: Shop) -> None:
    loose: dict[str, Any] = {"against_champion": {"roc_auc": ">= -0.18"}}
    shop.champion("good", **loose)
    strict = shop.judged("fair", **loose, against_anchor={"roc_auc": ">= -0.05"})
    assert strict.outcome == "worse"
    assert "(what earlier steps left of" not in strict.reasons[0]
    assert shop.champion("fair", **loose) == 2
    tags = shop.registry.version(2).tags
    assert tags["mlops.anchor"] == "1"
    assert '"roc_auc": 0.1' in tags["mlops.anchor.lost"]
    again = shop.judged("fair", **loose)
    assert (again.anchor_version, again.passed) == (1, True)
    assert [item.limit for item in again.against_anchor] == [">= -0.18"]
    third = shop.judged("poor", **loose)
    assert third.comparisons[0].outcome != "worse"
    assert third.against_anchor[0].outcome == "worse"
    assert "of the best earlier champion, version 1" in third.reasons[0]
    assert shop.judged("poor", **loose, against_anchor=None).outcome != "worse"
    better = shop.judged("good", **loose)
    assert (better.anchor, better.lost) == (None, {"roc_auc": 0.0})


def test_an_anchor_that_is_gone_leaves_its_losses_to_the_champion(shop: Shop) -> None:
    limits = {"against_champion": {"roc_auc": ">= -0.2"}}
    shop.champion("good", **limits)
    second = shop.judged("fair", **limits)
    shop.register(second)
    shop.registry.client.delete_model_version("churn", "1")
    third = shop.judged("fair", **limits)
    assert (third.anchor_version, third.passed) == (None, True)
    (item,) = third.comparisons
    assert float(item.limit.removeprefix(">= ")) == pytest.approx(-0.2 + second.lost["roc_auc"], abs=1e-6)
    assert "(what earlier steps left of >= -0.2)" in shop.judged("poor", **limits).reasons[0]


def test_a_comparison_that_proves_nothing_uses_up_no_tolerance(shop: Shop) -> None:
    shop.champion("good")
    for stored in shop.project.root.rglob("learned.json"):
        learned = json.loads(stored.read_text())
        stored.write_text(json.dumps({"rule": {**learned["rule"], "scheme": "another"}}))
    second = shop.judged("fair", on_inconclusive="accept")
    assert "proves nothing: its release hashed rows in another way" in second.caution
    assert (second.anchor, second.lost) == (None, {})
    shop.register(second)
    third = shop.judged("fair")
    assert [item.limit for item in third.comparisons] == [">= -0.01"]


def test_a_gate_that_is_switched_off_says_what_it_saw_and_begins_anew(shop: Shop) -> None:
    shop.champion("good")
    found = shop.judged("poor", against_champion=None)
    assert (found.passed, found.outcome) == (True, "worse")
    assert "evaluate.against_champion is off, nothing was refused: worse: roc_auc" in found.summary
    shop.register(found)
    assert shop.registry.version(2).tags["mlops.anchor"] == "2"
    assert "is off" in shop.registry.version(2).tags["mlops.gate.caution"]


def test_another_champion_since_the_evaluation_is_not_replaced(shop: Shop) -> None:
    shop.champion("fair")
    found = shop.judged("good")
    shop.runs.append("between")
    first = shop.registry.version(1)
    with fluent(shop.project.tracking_uri):
        other = shop.registry.client.create_model_version("churn", first.model_uri, run_id=first.run_id)
    shop.registry.set("champion", int(other.version))
    with pytest.raises(GateRejected, match=r"version 2 has become the champion since.* against version 1"):
        shop.register(found)
    assert [item.version for item in shop.registry.versions()] == [2, 1]
    early = Evaluation.from_json({**found.to_json(), "champion_version": None})
    with pytest.raises(GateRejected, match="judged when there was no champion"):
        shop.register(early)
    shop.registry.delete("champion")
    assert shop.register(found) == shop.register(found) == 3


def test_the_champion_is_asked_by_its_judged_twin(shop: Shop) -> None:
    shop.champion("poor")
    twin = shop.judged("good", against_champion={"roc_auc": ">= -0.2"})
    shop.registry.tag(1, {"mlops.judged_model_uri": twin.model.model_uri})
    assert shop.judged("good").comparisons[0].difference == 0


def test_a_champion_whose_files_are_gone_ends_in_a_clear_no(shop: Shop) -> None:
    shop.champion("fair")
    shutil.rmtree(shop.project.root / "artifacts" / "churn" / "mlflow")
    found = shop.judged("good")
    assert (found.outcome, found.passed) == ("inconclusive", False)
    assert "not compared with the champion, version 1 (it cannot be loaded" in found.reasons[0]


def test_a_model_that_is_worse_for_one_value_is_refused_although_it_is_better_on_the_whole(
    tmp_path: Path,
) -> None:
    rows = table().assign(plan=lambda frame: np.where(frame["id"] % 4, "plus", "basic"))
    rows["mixed"] = np.where(rows["plan"] == "basic", rows["poor"], rows["good"])
    slices = {"slices_against_champion": {"plan": {"roc_auc": ">= -0.02"}}}
    shop = Shop.create(tmp_path, rows, slices)
    first = shop.judged("fair")
    assert (first.passed, first.against_slices) == (True, ())
    shop.register(first)
    found = shop.judged("mixed")
    assert (found.outcome, found.passed) == ("not_worse", False)
    assert [item.comparisons[0].outcome for item in found.against_slices] == ["worse", "not_worse"]
    assert found.reasons[0].startswith("worse for plan=basic (150 rows): roc_auc")
    assert "Slices against the champion: clearly worse in 1 of 2. Failed" in found.summary
    assert shop.judged("good").passed
    few = shop.judged("good", min_slice_rows=500)
    assert (few.outcome, few.passed) == ("not_worse", False)
    assert (
        "not enough evidence: no value of plan can be compared with the champion (plus: few" in few.reasons[0]
    )
    assert shop.judged("good", min_slice_rows=500, on_inconclusive="accept").passed
    shutil.rmtree(tmp_path / "artifacts" / "churn" / "mlflow")
    gone = shop.judged("good")
    assert not gone.passed
    assert "no slice of plan is compared with version 1: it cannot be loaded" in gone.reasons[0]


def test_ten_rows_prove_nothing(tmp_path: Path) -> None:
    shop = Shop.create(tmp_path, table(60), {"against_champion": {"roc_auc": ">= -0.01"}})
    shop.champion("good")
    found = shop.judged("poor")
    assert found.outcome == "inconclusive"
    assert "only 12 rows to compare by, at least 30 are needed" in found.reasons[0]
    assert shop.judged("good", against_champion={}).passed


def test_a_person_decides_where_the_file_says_so(shop: Shop) -> None:
    shop.champion("fair")
    shop.project = shop.project.changed(approve={"by": ["ann"], "within": "1h"})
    found = shop.judged("alike", on_inconclusive="ask")
    assert (found.asks, found.passed, found.rejection) == (True, False, "")
    with pytest.raises(GateRejected, match="nobody was asked"):
        shop.register(found)
    asked = shop.project.run("decide", {"evaluation": found.to_json()})
    assert (asked["kind"], asked["by"], asked["within_s"]) == ("ApprovalRequest", ["ann"], 3600)
    assert "not enough evidence: roc_auc" in asked["body"]
    assert "- **roc_auc** +0." in asked["body"]
    answer = {"chosen": "Reject", "by": "ann", "at": "2026-01-01"}
    no = shop.project.run("decide", {"evaluation": found.to_json()}, options={"answer": answer})
    assert Evaluation.from_json(no).rejection.endswith("rejected by ann at 2026-01-01")
    answer["chosen"] = "Approve"
    yes = shop.project.run("decide", {"evaluation": found.to_json()}, options={"answer": answer})
    assert (yes["passed"], yes["asks"]) == (True, False)
    both = {"evaluation": found.to_json(), "decision": yes}
    version = shop.project.run("register", both, shop.runs[-1])["model_version"]
    assert shop.registry.version(version).tags["mlops.gate.caution"].startswith("accepted by ann at 2026-01")
    kept = shop.registry.evaluation(version)
    assert kept is not None
    assert kept.passed
    assert shop.project.run("decide", {"evaluation": yes}) == yes
