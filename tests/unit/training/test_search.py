from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.config.models import Tune
from airflow_mlops.training import search


def tune(space: dict[str, Any], n_trials: int = 12, sampler: str = "tpe") -> Tune:
    return Tune.model_validate({"space": space, "n_trials": n_trials, "sampler": sampler})


SPACE = {"depth": [2, 9], "rate": [0.01, 1.0, "log"], "share": [0.1, 0.9], "layers": [[8], [8, 8], None]}


def score(params: Mapping[str, Any]) -> float:
    return -abs(params["rate"] - 0.1) - abs(params["depth"] - 5)


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_values_come_from_the_space_with_their_types_and_the_best_one_wins(sampler: str) -> None:
    trials = search.search(tune(SPACE, sampler=sampler), score, metric="m")
    for trial in trials:
        assert isinstance(trial.params["depth"], int)
        assert 2 <= trial.params["depth"] <= 9
        assert 0.01 <= trial.params["rate"] <= 1.0
        assert trial.params["layers"] in ([8], [8, 8], None)
    best = search.best(trials)
    assert best is not None
    assert best.score == max(trial.score for trial in trials if trial.score is not None)


def test_a_worker_repeats_itself_and_differs_from_the_others() -> None:
    first, again, other = (
        search.search(tune(SPACE), score, metric="m", worker=worker, workers=2) for worker in (0, 0, 1)
    )
    assert first == again
    assert first[0].params != other[0].params


@given(n_trials=st.integers(1, 500), workers=st.integers(1, 64))
def test_the_shares_of_all_workers_are_all_trials(n_trials: int, workers: int) -> None:
    shares = [search.share(n_trials, workers, worker) for worker in range(workers)]
    assert sum(shares) == n_trials
    assert max(shares) - min(shares) <= 1


def test_a_failed_trial_is_counted_and_the_search_goes_on() -> None:
    def fragile(params: Mapping[str, Any]) -> float:
        if params["depth"] > 5:
            raise ValueError("too deep")
        return float("nan") if params["depth"] == 5 else float(params["depth"])

    trials = search.search(tune({"depth": [2, 9]}, 20), fragile, metric="m")
    assert len(trials) == 20
    assert {trial.error for trial in trials} >= {None, "ValueError: too deep"}
    assert all((trial.score is None) == (trial.params["depth"] >= 5) for trial in trials)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ([9, 2], "low must be below high, got 9 and 2"),
        ([0, 1, "log"], "a log range must start above 0, got 0"),
        ([], "empty"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused_by_the_file(form: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tune({"depth": form})
