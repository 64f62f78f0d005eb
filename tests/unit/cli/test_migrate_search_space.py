"""Each distribution of hyperopt, defined as its documentation does, against the form that it becomes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from airflow_mlops.cli.migrate.search_space import space_form
from airflow_mlops.config.models import Tune
from airflow_mlops.training.search import search

RNG = np.random.default_rng(0)
N = 2_000
"""Draws of a search."""
MANY = 200_000
"""Draws of a distribution itself, whose quantiles they are compared with."""


def drawn(form: list[Any]) -> list[Any]:
    """What a random search of a pipeline draws from a form."""
    tune = Tune(space={"x": form}, n_trials=N, sampler="random")
    return [trial.params["x"] for trial in search(tune, lambda params: 0.0, metric="rmse")]


def rounded(values: Any, q: float) -> Any:
    return np.round(values / q) * q


@pytest.mark.parametrize(
    ("details", "truth"),
    [
        ({"distribution": "uniform", "low": -1, "high": 3}, RNG.uniform(-1, 3, MANY)),
        ({"distribution": "loguniform", "low": -3, "high": 1}, np.exp(RNG.uniform(-3, 1, MANY))),
        ({"distribution": "quniform", "low": 0, "high": 50, "q": 1}, rounded(RNG.uniform(0, 50, MANY), 1)),
        (
            {"distribution": "quniform", "low": 0, "high": 10, "q": 0.25},
            rounded(RNG.uniform(0, 10, MANY), 0.25),
        ),
        (
            {"distribution": "qloguniform", "low": 0, "high": 5, "q": 1},
            rounded(np.exp(RNG.uniform(0, 5, MANY)), 1),
        ),
        ({"distribution": "randint", "low": 3, "high": 40}, RNG.integers(3, 40, MANY)),
        ({"distribution": "randint", "upper": 9}, RNG.integers(0, 9, MANY)),
        ({"distribution": "uniformint", "low": 3, "high": 40}, RNG.integers(3, 41, MANY)),
        ({"distribution": "normal", "mu": 5, "sigma": 2}, RNG.normal(5, 2, MANY)),
        ({"distribution": "qnormal", "mu": 50, "sigma": 20, "q": 5}, rounded(RNG.normal(50, 20, MANY), 5)),
        ({"distribution": "lognormal", "mu": 0, "sigma": 0.5}, np.exp(RNG.normal(0, 0.5, MANY))),
        (
            {"distribution": "qlognormal", "mu": 3, "sigma": 0.5, "q": 2},
            rounded(np.exp(RNG.normal(3, 0.5, MANY)), 2),
        ),
    ],
    ids=lambda value: value["distribution"] if isinstance(value, dict) else "",
)
def test_a_search_draws_what_the_recipe_drew(details: dict[str, Any], truth: Any) -> None:
    form, _ = space_form(details)
    assert form is not None
    values = np.asarray(drawn(form), dtype=float)
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        spread = np.quantile(truth, 0.9) - np.quantile(truth, 0.1)
        assert np.quantile(values, share) == pytest.approx(np.quantile(truth, share), abs=0.1 * spread)


@pytest.mark.parametrize(
    ("details", "form"),
    [
        ({"distribution": "quniform", "low": 2, "high": 6, "q": 1}, [2, 6]),
        ({"distribution": "quniform", "low": 2, "high": 6, "q": 2}, [2, 4, 6]),
        ({"distribution": "quniform", "low": 0, "high": 1, "q": 0.5}, [0, 0.5, 1]),
        ({"distribution": "randint", "low": 2, "high": 6}, [2, 5]),
        ({"distribution": "randint", "upper": 1}, [0]),
        ({"distribution": "uniformint", "low": 2, "high": 6}, [2, 6]),
        ({"distribution": "choice", "options": ["a", "b"]}, ["a", "b"]),
        ({"values": [50, 100]}, [50, 100, 50, 100]),  # two numbers alone are a range
        ({"values": [[1, 2], {"a": 1}]}, [[1, 2], {"a": 1}]),
    ],
)
def test_whole_numbers_and_choices_are_carried_over_exactly(details: dict[str, Any], form: list[Any]) -> None:
    assert space_form(details)[0] == form


def test_choices_keep_their_probabilities() -> None:
    form, _ = space_form({"distribution": "pchoice", "p_options": [[0.7, "a"], [0.2, "b"], [0.1, "c"]]})
    assert form is not None
    assert Counter(form) == {"a": 7, "b": 2, "c": 1}
    even, _ = space_form({"distribution": "choice", "options": [1, 9]})
    assert even is not None
    assert set(drawn(even)) == {1, 9}


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ({"distribution": "quniform", "low": 2, "high": 6}, ("quniform", "low and high and q")),
        ({"distribution": "randint", "low": 6, "high": 2}, ("randint", "do not fit")),
        ({"distribution": "normal", "mu": 0, "sigma": -1}, ("normal", "do not fit")),
        ({"distribution": "loguniform", "low": 0, "high": 900}, ("loguniform", "do not fit")),
        ({"distribution": "anneal", "low": 6, "high": 2}, ("anneal", "not a distribution")),
    ],
)
def test_what_has_no_form_is_left_out_for_a_reason_that_names_it(
    details: dict[str, Any], words: tuple[str, ...]
) -> None:
    form, remark = space_form(details)
    assert form is None
    assert all(word in remark for word in words)
