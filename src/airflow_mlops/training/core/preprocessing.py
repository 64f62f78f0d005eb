"""Which steps are put before an estimator, decided from facts about the columns and what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from airflow_mlops.core.records.preprocessing import Preprocessing

PREPROCESS: Final = "preprocess"
"""The name of the steps in a pipeline before its estimator."""

NUMBER: Final = "number"
FLAG: Final = "flag"
CATEGORY: Final = "category"
TEXT: Final = "text"
DATE: Final = "date"
EMPTY: Final = "empty"
OTHER: Final = "other"

NUMBERS: Final = "numbers"
FLAGS: Final = "flags"
DATES: Final = "dates"
ONE_HOT: Final = "one_hot"
ORDINAL: Final = "ordinal"
NATIVE: Final = "categories"
TARGET: Final = "target_mean"
WORDS: Final = "words"
AS_IS: Final = "as_is"
_STEPS: Final = (NUMBERS, FLAGS, DATES, ONE_HOT, ORDINAL, NATIVE, TARGET, WORDS, AS_IS)

_WITH_GAPS: Final = (NUMBERS, FLAGS, DATES)
"""Steps that leave gaps to an estimator which takes them."""

MAX_LEVELS: Final = 30
_MAX_CLASSES: Final = 20  # target encoding makes one column per class
_ID_SHARE: Final = 0.9
_FEW_IDS: Final = 10
_WORDS_OF_FREE_TEXT: Final = 5.0
_LENGTH_OF_FREE_TEXT: Final = 60.0
_NUMERIC_SHARE: Final = 0.95
_DENSE_CELLS: Final = 50_000_000

_ID: Final = "nearly every row or entity has a value of its own"
_FREE_TEXT: Final = "they are free text"


@dataclass(frozen=True, kw_only=True)
class ColumnFacts:
    """What planning has to know of a column of the training rows.

    ``known`` and ``gaps`` count rows, ``levels`` distinct values (0: not counted), ``infinite`` rows with an
    infinite number. ``words`` and ``length`` are means per distinct text. ``numeric`` is the share of known
    texts that are numbers, 0 when some are written as codes are (``007``). ``of_entity`` says that each level
    belongs to one entity and entities repeat. ``counter`` says that whole numbers count the rows. ``plain``
    says that the dtype is one of NumPy's numbers or booleans. ``parts`` are the parts of dates that vary.
    """

    name: str
    kind: str
    known: int
    gaps: int = 0
    levels: int = 0
    infinite: int = 0
    words: float = 0.0
    length: float = 0.0
    numeric: float = 0.0
    of_entity: bool = False
    counter: bool = False
    plain: bool = False
    is_category: bool = False
    parts: tuple[str, ...] = ()

    @property
    def is_id(self) -> bool:
        """Whether nearly each row, or each entity, has a value of its own."""
        return self.levels > _FEW_IDS and (self.of_entity or self.levels >= _ID_SHARE * self.known)

    @property
    def is_free_text(self) -> bool:
        """Whether the values are sentences rather than names of levels."""
        return self.words >= _WORDS_OF_FREE_TEXT or self.length >= _LENGTH_OF_FREE_TEXT


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What an estimator needs of its columns.

    ``scale`` is ``standard``, ``unit`` (from 0 to 1, for estimators of positive numbers) or empty.
    ``categories`` says that it takes pandas categories as it is, ``native_levels`` how many levels they may
    have when it is told which columns are categories (0: none).
    ``numeric_labels`` says that classes must be 0, 1, 2 …, ``answers_in_a_column`` that more than two come
    back with the shape (rows, 1). ``own_columns`` it encodes itself, as its parameters say. ``alone`` is why
    it is left alone, or empty.
    """

    gaps: bool = False
    infinite: bool = False
    text: bool = False
    categories: bool = False
    native_levels: int = 0
    trees: bool = False
    scale: str = ""
    sparse: bool = False
    numeric_labels: bool = False
    answers_in_a_column: bool = False
    own_columns: frozenset[str] = frozenset()
    alone: str = ""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the user wants of single columns, by kind, in place of what planning would choose."""

    kinds: Mapping[str, str] = field(default_factory=dict)
    drop: frozenset[str] = frozenset()
    scale: bool | None = None
    max_levels: int = MAX_LEVELS

    @property
    def any(self) -> bool:
        """Whether steps are asked for, whatever the estimator takes."""
        return bool(self.kinds or self.drop or self.scale)


def plan(facts: Sequence[ColumnFacts], needs: Needs, wishes: Wishes, classes: int = 0) -> Preprocessing:
    """Choose a step for each column; an empty plan when the estimator takes all columns as they are.

    ``classes`` is how many classes the target has, 0 for a regression.

    >>> age = ColumnFacts(name="age", kind="number", known=9, gaps=1, plain=True)
    >>> town = ColumnFacts(name="town", kind="text", known=10, levels=2)
    >>> plan([age, town], Needs(scale="standard"), Wishes()).steps
    {'numbers': ('age',), 'one_hot': ('town',)}
    >>> bool(plan([age], Needs(gaps=True), Wishes()))
    False
    """
    if needs.alone and not wishes.any:
        return Preprocessing()
    if not wishes.any and all(takes(column, needs) for column in facts):
        return Preprocessing()
    if wishes.scale and not needs.scale:
        needs = replace(needs, scale="standard")
    chooser = _Chooser(needs, wishes, classes)
    chosen = [(column, chooser.choose(column)) for column in facts]
    left = tuple(column.name for column, (step, _) in chosen if not step)
    steps = {
        step: names
        for step in _STEPS
        if (names := tuple(column.name for column, (taken, _) in chosen if taken == step))
    }
    parts = {column.name: column.parts for column, (step, _) in chosen if step == DATES}
    return Preprocessing(
        steps,
        parts,
        left_out=left,
        notes=(*_left_out(chosen), *_cells(chosen, needs)),
        scale=needs.scale if wishes.scale is not False else "",
        sparse=needs.sparse and _is_wide(chosen) and not _must_be_dense(chosen, needs),
        max_levels=wishes.max_levels,
    )


def takes(column: ColumnFacts, needs: Needs) -> bool:
    """Whether an estimator takes a column as it is."""
    if column.name in needs.own_columns:
        return True
    if column.kind == EMPTY or (column.infinite and not needs.infinite):
        return False
    if column.plain:
        return not column.gaps or needs.gaps
    if column.is_category and needs.categories:
        return column.levels <= needs.native_levels and (not column.gaps or needs.gaps)
    return needs.text and column.kind in (TEXT, CATEGORY) and (not column.gaps or needs.gaps)


Choice = tuple[str, str]
"""A step, or an empty text and why the column is left out."""


@dataclass(frozen=True)
class _Chooser:
    needs: Needs
    wishes: Wishes
    classes: int

    def choose(self, column: ColumnFacts) -> Choice:
        """Return the step of a column: its wish, or what suits its kind."""
        wish = self.wishes.kinds.get(column.name)
        if column.name in self.wishes.drop:
            return "", ""
        if column.kind == EMPTY or column.known == 0:
            return "", "all rows have gaps"
        if column.kind == OTHER and wish is None:
            return "", "no step takes cells of their type"
        return self._by_type(column) if wish is None else self._as_wished(column, wish)

    def _by_type(self, column: ColumnFacts) -> Choice:
        if column.name in self.needs.own_columns:
            return AS_IS, ""
        if column.kind == DATE:
            return _date(column)
        if column.levels == 1 and not column.gaps:
            return "", "all rows have one value"
        if column.kind == FLAG:
            return FLAGS, ""
        if column.kind == NUMBER:
            return ("", _ID) if column.counter else (NUMBERS, "")
        return self._text(column) if column.kind == TEXT else self._category(column)

    def _as_wished(self, column: ColumnFacts, wish: str) -> Choice:
        if wish == CATEGORY:
            return self._levels(column)
        if wish == DATE:
            return _date(column)
        return {NUMBER: NUMBERS, TEXT: WORDS}[wish], ""

    def _text(self, column: ColumnFacts) -> Choice:
        many = column.levels > self.wishes.max_levels
        if many and column.numeric >= _NUMERIC_SHARE:
            return NUMBERS, ""
        if column.is_free_text and (many or column.is_id):
            return "", _FREE_TEXT
        return self._category(column)

    def _category(self, column: ColumnFacts) -> Choice:
        return ("", _ID) if column.is_id else self._levels(column)

    def _levels(self, column: ColumnFacts) -> Choice:
        """Few levels each count for themselves; of many levels the mean of the target does.

        Trees cut numbers, so that few levels are best in the order of their means too: against the order of
        the alphabet a forest gains .03 of R² on tables like diamonds, .016 AUC on those like Titanic
        (benchmarks/preprocess.py). That needs one mean, not one per class.
        """
        needs, few = self.needs, column.levels <= self.wishes.max_levels
        if few and needs.native_levels:
            return NATIVE, ""
        if (needs.trees and self.classes <= 2) if few else self.classes <= _MAX_CLASSES:
            return TARGET, ""
        return (ORDINAL if needs.trees else ONE_HOT), ""


def _date(column: ColumnFacts) -> Choice:
    if column.parts:
        return DATES, ""
    return "", "all rows have one date, or none as ISO 8601"


def _is_wide(chosen: Iterable[tuple[ColumnFacts, Choice]]) -> bool:
    """Whether a matrix without zeros saves much: words always, levels of many rows."""
    found = list(chosen)
    cells = sum(
        (column.known + column.gaps) * column.levels for column, (step, _) in found if step == ONE_HOT
    )
    return cells > _DENSE_CELLS or any(step == WORDS for _, (step, _) in found)


def _must_be_dense(chosen: Iterable[tuple[ColumnFacts, Choice]], needs: Needs) -> bool:
    """Whether the matrix has columns of their own types, or gaps, which trees take in dense ones only."""
    found = list(chosen)
    typed = any(step in (NATIVE, AS_IS) for _, (step, _) in found)
    gaps = needs.gaps and any(column.gaps and step in _WITH_GAPS for column, (step, _) in found)
    return typed or gaps


def _left_out(chosen: Iterable[tuple[ColumnFacts, Choice]]) -> list[str]:
    """Name the columns that are left out, by reason."""
    reasons: dict[str, list[str]] = {}
    for column, (_, reason) in chosen:
        if reason:
            reasons.setdefault(reason, []).append(column.name)
    hints = {
        _FREE_TEXT: f"; `train.preprocess: {{text: [{', '.join(reasons.get(_FREE_TEXT, ()))}]}}` uses it",
        _ID: "; `train.preprocess` uses them when it gives them a kind, such as `category`",
    }
    return [
        f"columns are left out because {reason}: {', '.join(names)}{hints.get(reason, '')}"
        for reason, names in reasons.items()
    ]


def _cells(chosen: Iterable[tuple[ColumnFacts, Choice]], needs: Needs) -> list[str]:
    """Say which cells become gaps."""
    notes = []
    for column, (step, _) in chosen:
        if step == NUMBERS and column.infinite and not needs.infinite:
            notes.append(f"{column.name}: {column.infinite:,} infinite numbers count as gaps")
        if step == NUMBERS and column.kind == TEXT and column.numeric < 1:
            share = f"{1 - column.numeric:.2%}"
            notes.append(
                f"{column.name}: texts are read as numbers; {share} of them are not, and count as gaps"
            )
    return notes
