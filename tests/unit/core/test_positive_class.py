from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import yaml

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.positive_class import (
    ATTRIBUTE,
    about,
    check_declared,
    class_in_question,
    place_in_model,
    place_of,
    positive_place,
    quoted,
)


@pytest.mark.parametrize(
    ("classes", "declared", "place"),
    [
        (["fraud", "legit"], "fraud", 0),
        (["fraud", "legit"], None, 1),
        ([0, 1], None, 1),
        ([0, 1], 0, 0),
        ([False, True], 0, 0),
        ([1.0, 2.0], 1, 0),
        (["1", "2"], 1, 0),
        ([1, 2], "2", 1),
        (["a", "b", "c"], None, None),
        (["a"], "a", None),
    ],
)
def test_the_positive_class_is_found_by_value_else_by_text(
    classes: list[Any], declared: Any, place: int | None
) -> None:
    assert positive_place(classes, declared) == place


def test_text_comes_before_what_only_looks_alike() -> None:
    assert place_of("1", [1, "1"]) == 1
    assert place_of(1, ["1", 1]) == 1
    assert place_of(True, ["yes", "no"]) is None


@pytest.mark.parametrize("matters", [False, True])
def test_two_texts_have_to_be_declared_and_the_message_has_both_and_the_key(matters: bool) -> None:
    with pytest.raises(
        ConfigError, match=r"labels 'fraud' and 'legit'.*`positive: fraud` or `positive: legit` under data"
    ):
        check_declared(["fraud", "legit"], None, matters=matters)
    with pytest.raises(ConfigError, match="`positive: 'no'` or `positive: 'yes'`"):  # a YAML boolean
        check_declared(["no", "yes"], None, matters=matters)


def test_a_text_beside_a_number_has_to_be_declared_too() -> None:
    with pytest.raises(ConfigError, match="`positive: 1` or `positive: spam`"):
        check_declared([1, "spam"], None, matters=False)


def test_two_numbers_have_to_be_declared_only_where_the_choice_matters() -> None:
    assert check_declared([1, 2], None, matters=False) == 1
    with pytest.raises(ConfigError, match="write `positive: 1` or `positive: 2`"):
        check_declared([1, 2], None, matters=True)
    for plain in ([0, 1], [False, True], [0.0, 1.0]):
        assert check_declared(plain, None, matters=True) == 1


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        (["a", "b", "c"], "for two classes, but the target has 3 .'a', 'b' and 'c'.: remove it"),
        (["fraud", "legit"], "data.positive is 'spam', but the target has 'fraud' and 'legit': write one"),
        (["legit"], "data.positive is 'spam', but the target has 'legit'"),
    ],
)
def test_a_class_that_does_not_fit_is_refused(classes: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        check_declared(classes, "spam", matters=True)


def test_the_score_of_a_model_is_that_of_the_class_that_it_keeps() -> None:
    class Model:
        classes_ = np.array(["fraud", "legit"])

    model = Model()
    assert place_in_model(model) == 1
    setattr(model, ATTRIBUTE, "fraud")
    assert place_in_model(model) == 0
    setattr(model, ATTRIBUTE, "spam")
    assert place_in_model(model) == 1
    assert place_in_model(object()) == 1


def test_a_class_goes_without_saying_only_where_it_is_one_of_zero_and_one() -> None:
    assert class_in_question([0, 1], 1) == class_in_question([False, True], 1) == ""
    assert class_in_question([0, 1], 0) == "0"
    assert class_in_question(["a", "b"], 1) == "b"
    assert class_in_question(["a", "b", "c"], None) == ""


def test_many_labels_are_shortened() -> None:
    assert quoted(["a"]) == "'a'"
    assert quoted(range(7)) == "0, 1, 2, 3, 4 and 2 more"
    assert quoted([]) == ""
    assert quoted("abcde") == "'a', 'b', 'c', 'd' and 'e'"
    assert quoted("abcdef") == "'a', 'b', 'c', 'd', 'e' and 1 more"
    assert quoted(range(2_000)) == "0, 1, 2, 3, 4 and 1,995 more"


def test_figures_of_a_class_name_it() -> None:
    assert about("fraud") == " (of the class 'fraud')"
    assert about("") == ""


@pytest.mark.parametrize(
    "word", ["yes", "no", "on", "off", "true", "false", "null", "y", "n", "NO", "a b", "1"]
)
def test_what_a_message_says_to_write_is_read_back_as_the_same_label(word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_declared(["spam", word], None, matters=False)
    assert str(caught.value).startswith(f"the target has the labels 'spam' and {word!r}, and nothing says")
    assert str(caught.value).endswith(f"write `positive: spam` or `positive: '{word}'` under data")
    assert yaml.safe_load(f"positive: '{word}'") == {"positive": word}


def test_a_number_as_text_is_declared_and_found() -> None:
    assert check_declared(["1", "2"], 2, matters=True) == 1
    assert check_declared(["a", "b", "c"], None, matters=True) is None
    assert check_declared(["a"], None, matters=True) is None
    assert place_of("spam", ["fraud", "legit"]) is None
    assert place_of("b", ["b", "b"]) == 0


def test_a_model_may_keep_its_classes_in_a_list_or_not_at_all() -> None:
    class Model:
        classes_ = ["b", "a"]  # noqa: RUF012

    model = Model()
    setattr(model, ATTRIBUTE, "b")
    assert place_in_model(model) == 0
    bare = type("Bare", (), {ATTRIBUTE: "b"})()
    assert place_in_model(bare) == 1
    assert ATTRIBUTE == "positive_class_"  # logged models keep it


def test_a_word_that_yaml_reads_as_a_flag_is_to_be_quoted() -> None:
    declared = yaml.safe_load("positive: yes")["positive"]
    with pytest.raises(ConfigError, match="'no' and 'yes': write one of them, in quotes: YAML reads yes"):
        check_declared(["no", "yes"], declared, matters=True)
    with pytest.raises(ConfigError, match=r"write one of them$"):
        check_declared(["no", "yes"], "maybe", matters=True)


def test_one_is_positive_whatever_the_order_of_a_models_classes() -> None:
    assert positive_place([1, 0]) == 0
    assert positive_place([True, False]) == 0
    assert positive_place([2, -1]) == 0
    assert positive_place(["a", 1]) == 1
    assert place_in_model(type("Model", (), {"classes_": [1, 0]})()) == 0
    assert class_in_question([1, 0], 0) == ""
    assert class_in_question([1, 0], 1) == "0"
