"""Whose answer counts: people of the pipeline, each once, and not the author."""

from __future__ import annotations

import pytest

from airflow_mlops.core.approval_rules import Approvers, unknown_people
from airflow_mlops.core.records.answers import NOBODY, REJECT, Answer

ADA, BEN = Answer(by="ada", user="ada"), Answer(by="ben", user="ben")
TWO = Approvers(by=("ada", "ben", "cleo"), needs=2, authors={"cleo": "started the training"})


def test_people_may_approve_once_and_authors_never() -> None:
    assert TWO.open(()) == ("ada", "ben")
    assert TWO.open((ADA,)) == ("ben",)
    assert TWO.barred((ADA,)) == {"ada": "has approved already", "cleo": "started the training"}


@pytest.mark.parametrize(
    ("answer", "earlier", "reason"),
    [
        (ADA, (), ""),
        (ADA, (BEN,), ""),
        (ADA, (ADA,), "ada has approved already, and may not approve it"),
        (Answer(by="cleo"), (), "cleo started the training, and may not approve it"),
        (Answer(by="cleo", chosen=REJECT), (), ""),
        (Answer(by="ada", chosen=REJECT), (ADA,), ""),
        (Answer(by="eve"), (), "eve is not in approve.by (ada, ben, cleo)"),
        (Answer(by="eve", chosen=REJECT), (), "eve is not in approve.by (ada, ben, cleo)"),
        (Answer(by=NOBODY, chosen=REJECT), (ADA,), ""),
    ],
)
def test_an_answer_that_does_not_count_says_why(
    answer: Answer, earlier: tuple[Answer, ...], reason: str
) -> None:
    assert TWO.refusal(answer, earlier) == reason


def test_a_person_is_known_by_id_and_by_name() -> None:
    """FabAuthManager: people are named by a number, and who triggered a run by a name."""
    numbers = Approvers(by=("1", "2"), authors={"cleo": "started the training"})
    assert numbers.refusal(Answer(by="ada", user="1"), ()) == ""
    assert numbers.refusal(Answer(by="cleo", user="2"), ()).startswith("cleo started the training")
    assert numbers.refusal(Answer(by="ada", user="1"), (Answer(by="Ada L.", user="1"),)) != ""
    assert numbers.refusal(Answer(by="1", user="7"), ()) == ""


def test_nobody_is_told_from_anybody_where_all_are_one_user() -> None:
    assert TWO.refusal(Answer(by="Anonymous", user="Anonymous"), (), anonymous=True) == ""


def test_a_name_that_is_not_a_number_cannot_be_a_user_of_fab() -> None:
    assert unknown_people(["7", "ada"], None, numbers=True) == ("ada",)


def test_users_that_are_known_are_compared_by_name() -> None:
    assert unknown_people(["ada", "bne", "7"], {"ada", "ben"}) == ("bne", "7")
    assert unknown_people(["ada", "7"], {"ada", "7"}, numbers=True) == ()
    assert unknown_people(["ada", "7"], None) == ()


def test_one_person_is_enough_unless_the_pipeline_says_more() -> None:
    one = Approvers(by=("ada", "ben", "ada"))
    assert (one.needs, one.open(()), one.barred(())) == (1, ("ada", "ben"), {})
    assert one.refusal(Answer(by="eve", user="eve"), ()) == "eve is not in approve.by (ada, ben, ada)"
