"""Whose answer it is, and when nobody gave one."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_mlops.core.records.answers import APPROVE, NOBODY, REJECT, Answer
from tests.support.defaults import said_by_default


def test_a_person_is_known_by_every_name() -> None:
    assert Answer(by="Ada L.", user="7").names == {"Ada L.", "7"}
    assert Answer(by="ada", user="ada").names == {"ada"}
    assert Answer(by="ada").names == {"ada"}


def test_an_answer_approves_unless_it_says_something_else() -> None:
    plain = Answer(by="ada")
    assert (plain.chosen, plain.at, plain.user, str(plain)) == ("Approve", "", "", "ada")
    assert str(Answer(by="ada", at="2026-01-31 06:00")) == "ada at 2026-01-31 06:00"
    assert (APPROVE, REJECT) == ("Approve", "Reject")  # the words of Airflow's buttons


def test_nobody_is_not_a_person_of_that_name() -> None:
    assert NOBODY == "nobody (timed out)"
    assert Answer(by=NOBODY).timed_out
    assert not Answer(by=NOBODY, user="7").timed_out
    assert not Answer(by="ada").timed_out


@pytest.mark.parametrize(
    ("kind", "said"),
    [(Answer, {"chosen": "Approve"})],
)
def test_a_field_that_an_earlier_release_did_not_write_is_empty(kind: Any, said: dict[str, Any]) -> None:
    assert said_by_default(kind) == said
