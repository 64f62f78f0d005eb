"""Which of two classes the figures, scores and probabilities of a model are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from airflow_mlops.core.errors import ConfigError

ATTRIBUTE: Final = "positive_class_"
"""Where a logged model keeps the label of its positive class."""
_TWO: Final = 2
_SHOWN: Final = 5


def place_of(label: Any, classes: Sequence[Any]) -> int | None:
    """Return the place of a label among ``classes``, by its value, else by its text; None when there is none.

    >>> place_of("fraud", ["fraud", "legit"]), place_of(2, ["1", "2"]), place_of("spam", ["fraud", "legit"])
    (0, 1, None)
    """
    equal = [place for place, known in enumerate(classes) if _same(known, label)]
    alike = [place for place, known in enumerate(classes) if str(known) == str(label)]
    return next(iter(equal or alike), None)


def _same(known: Any, label: Any) -> bool:
    """Whether two labels are equal; text is never equal to a number."""
    return isinstance(known, str) == isinstance(label, str) and bool(known == label)


def is_plain(classes: Sequence[Any]) -> bool:
    """Whether the classes are 0 and 1, or false and true: then 1 is the positive one without a word."""
    return len(classes) == _TWO and 0 in classes and 1 in classes


def positive_place(classes: Sequence[Any], declared: Any = None) -> int | None:
    """Return the place of the positive class among ``classes``; None unless there are two of them.

    ``declared`` is ``data.positive``; without it the larger of two classes counts, whatever their order.
    Raises ConfigError when it is none of the classes, or when there are more than two.

    >>> positive_place(["fraud", "legit"], "fraud"), positive_place([0, 1]), positive_place(["a", "b", "c"])
    (0, 1, None)
    """
    named = quoted(classes)
    if declared is None:
        return _larger(classes) if len(classes) == _TWO else None
    if len(classes) > _TWO:
        raise ConfigError(
            f"data.positive is for two classes, but the target has {len(classes):,} ({named}): remove it"
        )
    place = place_of(declared, classes)
    if place is None:
        raise ConfigError(
            f"data.positive is {declared!r}, but the target has {named}: write one of them"
            + (", in quotes: YAML reads yes, no, on and off as flags" if isinstance(declared, bool) else "")
        )
    return place if len(classes) == _TWO else None


def check_declared(classes: Sequence[Any], declared: Any, *, matters: bool) -> int | None:
    """Return what ``positive_place`` returns, for two texts only when the positive one is declared.

    The same holds for two numbers other than 0 and 1 when the choice ``matters`` to a metric. Raises
    ConfigError with the two labels and what to write.

    >>> check_declared(["no", "yes"], "no", matters=True), check_declared([0, 1], None, matters=True)
    (0, 1)
    """
    asked = matters or any(isinstance(label, str) for label in classes)
    if declared is None and len(classes) == _TWO and not is_plain(classes) and asked:
        raise ConfigError(
            f"the target has the labels {quoted(classes)}, and nothing says which of them metrics, scores "
            f"and probabilities are about: write `positive: {_yaml(classes[0])}` or "
            f"`positive: {_yaml(classes[1])}` under data"
        )
    return positive_place(classes, declared)


def place_in_model(model: Any) -> int:
    """Return the column of ``predict_proba`` that is a two-class model's score, by default the larger."""
    declared, classes = getattr(model, ATTRIBUTE, None), _labels(model)
    place = None if declared is None else place_of(declared, classes)
    return _larger(classes) if place is None else place


def _larger(classes: Sequence[Any]) -> int:
    """Return the place of the larger of two labels, and of the last one where they have no order."""
    try:
        return 0 if len(classes) == _TWO and classes[0] > classes[1] else 1
    except TypeError:  # text beside numbers
        return 1


def class_in_question(classes: Sequence[Any], place: int | None) -> str:
    """Return the class of two that figures are about; empty when that is 1 (or true) beside 0.

    >>> class_in_question(["fraud", "legit"], 0), class_in_question([0, 1], 1), class_in_question([0, 1], 0)
    ('fraud', '', '0')
    """
    return "" if place is None or (is_plain(classes) and classes[place] == 1) else str(classes[place])


def about(of_class: str) -> str:
    """Return what stands behind figures of a class of two; empty when it goes without saying.

    >>> about("fraud"), about("")
    (" (of the class 'fraud')", '')
    """
    return f" (of the class {of_class!r})" if of_class else ""


def quoted(labels: Sequence[Any]) -> str:
    """Return the first labels as text.

    >>> quoted(["fraud", "legit"])
    "'fraud' and 'legit'"
    """
    shown = [repr(label) for label in labels[:_SHOWN]]
    more = len(labels) - len(shown)
    if more > 0:
        return f"{', '.join(shown)} and {more:,} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def _labels(model: Any) -> list[Any]:
    found = getattr(model, "classes_", ())
    return list(found.tolist()) if hasattr(found, "tolist") else list(found)


def _yaml(label: Any) -> str:
    """Write a label as YAML would read it back."""
    plain = not isinstance(label, str) or (label.isidentifier() and label.lower() not in _YAML_WORDS)
    return str(label) if plain else f"'{label}'"


_YAML_WORDS: Final = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})
