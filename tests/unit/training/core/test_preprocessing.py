"""Which steps are chosen, from facts alone."""

from __future__ import annotations

import pytest

from airflow_mlops.core.records.preprocessing import Preprocessing
from airflow_mlops.training.core.preprocessing import ColumnFacts, Needs, Wishes, plan, takes

LINEAR = Needs(scale="standard", sparse=True)
FOREST = Needs(gaps=True, trees=True)
HISTOGRAM = Needs(gaps=True, trees=True, categories=True, native_levels=255)


def number(name: str = "age", **facts: object) -> ColumnFacts:
    return ColumnFacts(**{"name": name, "kind": "number", "known": 100, "plain": True, **facts})  # type: ignore[arg-type]


def text(name: str = "town", levels: int = 3, **facts: object) -> ColumnFacts:
    return ColumnFacts(**{"name": name, "kind": "text", "known": 100, "levels": levels, **facts})  # type: ignore[arg-type]


def steps(
    *columns: ColumnFacts, needs: Needs = LINEAR, classes: int = 2, **wishes: object
) -> dict[str, tuple[str, ...]]:
    return dict(plan(columns, needs, Wishes(**wishes), classes).steps)  # type: ignore[arg-type]


@pytest.mark.parametrize("needs", [LINEAR, FOREST, HISTOGRAM])
def test_plain_numbers_without_gaps_are_left_as_they_are(needs: Needs) -> None:
    constant, counter = number("one", levels=1), number("id", counter=True)
    assert not plan([number(), number("flag", kind="flag"), constant, counter], needs, Wishes(), 2)


@pytest.mark.parametrize(("needs", "taken"), [(LINEAR, False), (FOREST, True), (HISTOGRAM, True)])
def test_gaps_are_left_where_the_estimator_takes_them(needs: Needs, taken: bool) -> None:
    assert takes(number(gaps=1), needs) is taken


@pytest.mark.parametrize(("needs", "taken"), [(LINEAR, False), (FOREST, False), (Needs(infinite=True), True)])
def test_infinite_numbers_need_a_step_unless_the_estimator_takes_them(needs: Needs, taken: bool) -> None:
    assert takes(number(infinite=2), needs) is taken
    if not taken:
        assert plan([number(infinite=2)], needs, Wishes()).notes == ("age: 2 infinite numbers count as gaps",)


@pytest.mark.parametrize(
    ("needs", "few"), [(LINEAR, "one_hot"), (FOREST, "target_mean"), (HISTOGRAM, "categories")]
)
def test_few_levels_are_encoded_as_the_estimator_can_use_them(needs: Needs, few: str) -> None:
    assert steps(text(levels=30), needs=needs) == {few: ("town",)}
    assert plan([text(levels=30)], needs, Wishes(), 2).notes == ()
    assert steps(text(levels=31), needs=needs) == {"target_mean": ("town",)}
    assert steps(text(levels=31), needs=needs, max_levels=40) == {few: ("town",)}
    assert steps(text(levels=31), needs=needs, classes=20) == {"target_mean": ("town",)}


def test_trees_get_few_levels_in_the_order_of_one_mean() -> None:
    assert steps(text(), needs=FOREST, classes=0) == {"target_mean": ("town",)}
    assert steps(text(), needs=FOREST, classes=2) == {"target_mean": ("town",)}
    assert steps(text(), needs=FOREST, classes=3) == {"ordinal": ("town",)}
    assert steps(text(), needs=LINEAR, classes=0) == {"one_hot": ("town",)}


def test_many_levels_are_not_target_encoded_for_very_many_classes() -> None:
    assert steps(text(levels=50), classes=20) == {"target_mean": ("town",)}
    assert steps(text(levels=50), classes=21) == {"one_hot": ("town",)}
    assert steps(text(levels=50), classes=21, needs=HISTOGRAM) == {"ordinal": ("town",)}


def test_a_category_column_is_taken_up_to_the_levels_of_the_estimator() -> None:
    column = text(kind="category", is_category=True, levels=255)
    assert takes(column, HISTOGRAM)
    assert not takes(text(kind="category", is_category=True, levels=256), HISTOGRAM)
    assert not takes(column, FOREST)
    assert not takes(text(), HISTOGRAM)
    gaps = text(kind="category", is_category=True, gaps=1)
    assert takes(gaps, HISTOGRAM)
    assert not takes(gaps, Needs(categories=True, native_levels=255))


def test_a_column_of_gaps_alone_is_taken_by_nobody() -> None:
    assert not takes(number(kind="empty", known=0, gaps=9), FOREST)


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (text(levels=1), "all rows have one value"),
        (number(levels=1), "all rows have one value"),
        (number(kind="flag", levels=1), "all rows have one value"),
        (number(counter=True), "a value of its own"),
        (text(levels=90), "a value of its own"),
        (text(levels=11, of_entity=True), "a value of its own"),
        (text(levels=31, words=5.0), "free text"),
        (text(levels=31, length=60.0), "free text"),
        (text(kind="other"), "no step takes cells of their type"),
        (text(kind="empty", known=0, gaps=100), "all rows have gaps"),
        (number(known=0, gaps=100), "all rows have gaps"),
        (text(kind="date"), "all rows have one date, or none as ISO 8601"),
    ],
)
def test_columns_without_use_are_left_out_and_named(column: ColumnFacts, reason: str) -> None:
    found = plan([column, text("other")], LINEAR, Wishes(), 2)
    assert found.left_out == (column.name,)
    assert dict(found.steps) == {"one_hot": ("other",)}
    (note,) = found.notes
    assert note.startswith("columns are left out because ")
    assert f"{reason}: {column.name}" in note


@pytest.mark.parametrize(
    ("column", "step"),
    [
        (text(levels=1, gaps=5), "one_hot"),
        (number(levels=1, gaps=5), "numbers"),
        (text(levels=10, known=11), "one_hot"),
        (text(levels=89), "target_mean"),
        (text(levels=10, of_entity=True), "one_hot"),
        (text(levels=30, words=9.0), "one_hot"),
        (text(levels=31, words=4.9, length=59.0), "target_mean"),
        (text(kind="date", parts=("elapsed",)), "dates"),
        (number(kind="flag", plain=False, gaps=3), "flags"),
        (text(levels=31, numeric=0.95), "numbers"),
        (text(levels=31, numeric=0.94), "target_mean"),
        (text(levels=30, numeric=1.0), "one_hot"),
    ],
)
def test_columns_with_use_get_a_step(column: ColumnFacts, step: str) -> None:
    assert steps(column, text("other"))[step][0] == column.name
    found = plan([column, text("other")], LINEAR, Wishes(), 2)
    assert found.left_out == ()
    assert not any("left out" in note for note in found.notes)


def test_text_that_is_read_as_numbers_says_how_much_is_not() -> None:
    assert plan([text(levels=40, numeric=0.97)], LINEAR, Wishes(), 2).notes == (
        "town: texts are read as numbers; 3.00% of them are not, and count as gaps",
    )
    assert plan([text(levels=40, numeric=1.0)], LINEAR, Wishes(), 2).notes == ()


@pytest.mark.parametrize(
    ("kind", "step"),
    [("number", "numbers"), ("category", "target_mean"), ("text", "words"), ("date", "dates")],
)
def test_a_wish_decides_over_what_the_column_looks_like(kind: str, step: str) -> None:
    column = text(levels=90, parts=("elapsed",))
    found = plan([column], LINEAR, Wishes(kinds={"town": kind}), 2)
    assert dict(found.steps) == {step: ("town",)}
    assert (found.left_out, len(found.notes)) == ((), kind == "number")


def test_a_wish_is_followed_where_nothing_would_need_a_step() -> None:
    assert steps(number(), number("shop", levels=4), kinds={"shop": "category"}) == {
        "numbers": ("age",),
        "one_hot": ("shop",),
    }
    assert steps(number(), number("shop"), drop=frozenset({"shop"})) == {"numbers": ("age",)}
    dropped = plan([number(), number("b")], LINEAR, Wishes(drop=frozenset({"b"})), 2)
    assert (dropped.notes, dropped.left_out) == ((), ("b",))


def test_numbers_are_scaled_when_the_estimator_needs_it_or_by_wish() -> None:
    columns = [number(), text()]
    assert plan(columns, LINEAR, Wishes(), 2).scale == "standard"
    assert plan(columns, FOREST, Wishes(), 2).scale == ""
    assert plan(columns, FOREST, Wishes(scale=True), 2).scale == "standard"
    assert plan(columns, LINEAR, Wishes(scale=False), 2).scale == ""
    assert plan([number()], LINEAR, Wishes(scale=True), 2).scale == "standard"
    assert plan([number()], Needs(scale="unit"), Wishes(scale=True), 2).scale == "unit"


def test_an_estimator_that_is_left_alone_gets_steps_only_by_wish() -> None:
    alone = Needs(alone="it encodes columns itself")
    assert plan([text()], alone, Wishes(), 2) == plan([number()], FOREST, Wishes(), 2) == Preprocessing()
    assert plan([text()], alone, Wishes(kinds={"town": "category"}), 2)


def test_columns_that_the_estimator_encodes_itself_are_left_to_it() -> None:
    needs = Needs(gaps=True, own_columns=frozenset({"town"}))
    assert not plan([text()], needs, Wishes(), 2)
    assert steps(text(), text("other"), needs=needs) == {"one_hot": ("other",), "as_is": ("town",)}
    assert plan([text(), text("other")], needs, Wishes(), 2).notes == ()


def test_a_matrix_is_sparse_for_words_and_for_levels_of_many_rows() -> None:
    assert plan([text()], LINEAR, Wishes(kinds={"town": "text"}), 2).sparse
    assert not plan([text()], LINEAR, Wishes(), 2).sparse
    assert plan([text(levels=25, known=2_000_001)], LINEAR, Wishes(), 2).sparse
    assert not plan([text(levels=25, known=2_000_000)], LINEAR, Wishes(), 2).sparse
    assert not plan([text()], FOREST, Wishes(kinds={"town": "text"}), 2).sparse


def test_an_estimator_that_takes_text_gets_it() -> None:
    assert not plan([text()], Needs(text=True), Wishes(), 2)
    assert plan([text(gaps=1)], Needs(text=True), Wishes(), 2)
    assert not plan([text(gaps=1)], Needs(text=True, gaps=True), Wishes(), 2)


def test_a_column_has_nothing_and_an_estimator_needs_nothing_unless_it_is_said() -> None:
    column = ColumnFacts(name="age", kind="number", known=9)
    assert {name: value for name, value in vars(column).items() if value} == {
        "name": "age",
        "kind": "number",
        "known": 9,
    }
    assert not any(vars(Needs()).values())
    assert {name: value for name, value in vars(Wishes()).items() if value} == {"max_levels": 30}
    assert plan([text()], LINEAR, Wishes()) == plan([text()], LINEAR, Wishes(), 0)
    assert dict(plan([text()], LINEAR, Wishes()).steps) == {"one_hot": ("town",)}


def test_left_out_columns_are_named_by_reason_with_the_key_that_uses_them() -> None:
    columns = [text("a", levels=90), text("b", levels=31, words=9.0), number("c", counter=True), text("d")]
    columns += [text("e", levels=40, length=99.0), number("f", levels=1)]
    assert plan(columns, LINEAR, Wishes(), 2).notes == (
        "columns are left out because nearly every row or entity has a value of its own: a, c; "
        "`train.preprocess` uses them when it gives them a kind, such as `category`",
        "columns are left out because they are free text: b, e; `train.preprocess: {text: [b, e]}` uses it",
        "columns are left out because all rows have one value: f",
    )


def test_only_dates_have_parts() -> None:
    date = text("at", kind="date", parts=("year", "elapsed"))
    found = plan([date, number(parts=("year",), gaps=1)], LINEAR, Wishes(), 2)
    assert dict(found.parts) == {"at": ("year", "elapsed")}


def test_levels_of_numbers_make_no_matrix_large() -> None:
    rows = {"known": 4_000_000, "gaps": 1}
    assert not plan([number(levels=400, **rows), text(levels=3, **rows)], LINEAR, Wishes(), 2).sparse
    assert plan([number(levels=400, **rows), text(levels=13, **rows)], LINEAR, Wishes(), 2).sparse
    two = [text("a", levels=25, known=1_000_000), text("b", levels=25, known=1_000_000)]
    assert not plan(two, LINEAR, Wishes(), 2).sparse
    assert plan([*two, text()], LINEAR, Wishes(), 2).sparse
    assert plan([text(levels=25, known=2_000_000, gaps=1)], LINEAR, Wishes(), 2).sparse


def test_words_beside_other_columns_make_a_sparse_matrix() -> None:
    assert plan([text("a"), text("b"), number()], LINEAR, Wishes(kinds={"b": "text"}), 2).sparse
