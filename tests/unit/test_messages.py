"""Messages are sentences in plain English: in the checker's own examples, and wherever the package raises."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.plain_english import mannered, raised_messages, unplain

PACKAGE = Path(__file__).parents[2] / "src" / "airflow_mlops"


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("'tpe' or 'random' (got 'grid')", "no verb"),
        ("less than 0.5 (got 0.9)", "no verb"),
        ("unknown key (did you mean max_depth?)", "no verb"),
        ("a password in clear text: put it into an Airflow connection", "no verb"),
        ("not YAML: a second document is not allowed", "no verb"),
        ("data.source.type: 'parquet', 'csv' or 'json'", "no verb"),
        ("an honest no", "honest"),
        ("the gate said no: roc_auc 0.58 must be at least 0.6", "said"),
        ("a roll back waits for nobody", "nobody"),
        ("a/b is no folder: pass the path of a pipeline file", "is not a"),
        ("the run is told and goes on", "continues"),
        ("the parse cache is made anew", "again"),
    ],
)
def test_a_bare_list_or_a_mannered_word_is_found(message: str, fault: str) -> None:
    assert fault in " ".join(unplain(message))


@pytest.mark.parametrize(
    "message",
    [
        "must be 'tpe' or 'random', got 'grid'; did you mean tpe?",
        "must be less than 0.5, got 0.9",
        "a duration must be positive, got '0s'",
        "is not a known key (did you mean max_depth?)",
        "there is no pipeline file in pipelines/",
        "the champion is no longer version 3: start the deployment again",
        "must be text, but YAML reads no as a boolean: write it in quotes, as 'is no folder'",
    ],
)
def test_a_sentence_in_plain_english_passes(message: str) -> None:
    assert unplain(message) == []


def test_the_text_of_a_message_is_read_from_the_source() -> None:
    source = """
raise ConfigError(
    f"{path} is no folder"
    f"{hint}"
)
raise ValueError("a" + "b") from None
raise
"""
    assert list(raised_messages(source)) == [(2, "… is no folder…"), (6, "ab")]


def test_no_message_that_is_raised_has_a_mannered_word() -> None:
    modules = {str(file.relative_to(PACKAGE)): file.read_text() for file in PACKAGE.rglob("*.py")}
    found = [
        f"{name}:{line}: {message!r}: {fault}"
        for name, source in modules.items()
        for line, message in raised_messages(source)
        for fault in mannered(message)
    ]
    assert len(modules) > 100
    assert found == []
