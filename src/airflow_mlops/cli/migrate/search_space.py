"""The distributions of hyperopt as the forms of ``train.tune.space``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import Any, Final

from airflow_mlops.cli.migrate.conversion import number

Form = tuple[list[Any] | None, str]
"""A form of a search space and how it differs, or None and what to do."""

_LARGEST_EXPONENT: Final = 700
_MOST_CHOICES: Final = 100
_QUANTILES: Final = 15
_LARGEST_SHARE: Final = 20
_FORMS: Final = "ranges are [low, high], [low, high, log] or a list of choices: write it by hand"
_ENDS: Final = "each value is as likely as the others: in Recipes the ends are half as likely"


def space_form(details: Any) -> Form:
    """Return our form of one parameter of ``tuning.parameters``.

    >>> space_form({"distribution": "quniform", "low": 2, "high": 6, "q": 1})[0]
    [2, 6]
    >>> space_form({"distribution": "randint", "low": 2, "high": 6})
    ([2, 5], '')
    >>> space_form({"values": ["gini", "entropy"]})
    (['gini', 'entropy'], '')
    """
    if not isinstance(details, Mapping):
        return None, _FORMS
    if set(details) == {"values"}:
        return _choices(details["values"])
    name = details.get("distribution")
    known = _DISTRIBUTIONS.get(name) if isinstance(name, str) else None
    if known is None:
        shown = f"{str(name)[:40]} is not a distribution of hyperopt: " if name is not None else ""
        return None, shown + _FORMS
    given = {str(key): value for key, value in details.items() if key != "distribution"}
    for names, convert in known:
        if set(given) == set(names):
            form, remark = convert(*(given[key] for key in names))
            return form, remark if form is not None else f"{name} has values that do not fit: {_FORMS}"
    wanted = " or ".join(" and ".join(names) for names, _ in known)
    return None, f"{name} takes {wanted} in hyperopt: {_FORMS}"


def _uniform(low: Any, high: Any) -> Form:
    first, last = number(low), number(high)
    if first is None or last is None or not first < last:
        return None, ""
    return [first, last], ""


def _loguniform(low: Any, high: Any) -> Form:
    first, last = _exp(number(low)), _exp(number(high))
    if first is None or last is None or not first < last:
        return None, ""
    return [first, last, "log"], "from exp(low) to exp(high)"


def _quniform(low: Any, high: Any, q: Any) -> Form:
    first, last, step = number(low), number(high), number(q)
    if first is None or last is None or step is None or not first < last or step <= 0:
        return None, ""
    if not (last - first) / step < _MOST_CHOICES:
        return [
            first,
            last,
        ], f"quniform in steps of {q} becomes a range: values between the steps are tried too"
    return _spread([_whole(k * step) for k in range(round(first / step), round(last / step) + 1)])


def _spread(values: list[Any]) -> Form:
    """Return equally likely values in even steps: whole numbers one apart are a range."""
    steps_of_one = (
        all(isinstance(value, int) for value in values) and values[-1] - values[0] == len(values) - 1
    )
    if steps_of_one and len(values) > 1:
        return [values[0], values[-1]], f"whole numbers; {_ENDS}"
    return _plain_choices(values), _ENDS


def _qloguniform(low: Any, high: Any, q: Any) -> Form:
    first, last, step = _exp(number(low)), _exp(number(high)), number(q)
    if first is None or last is None or step is None or not first < last or step <= 0:
        return None, ""
    smallest, largest = _whole(round(first / step) * step), _whole(round(last / step) * step)
    smallest = smallest or _whole(step)
    if isinstance(smallest, int) and isinstance(largest, int) and step == 1 and smallest < largest:
        return [smallest, largest, "log"], "whole numbers on a log scale, at least 1"
    return [first, last, "log"], f"qloguniform in steps of {q}: values between the steps are tried too"


def _normal(mu: Any, sigma: Any) -> Form:
    return _quantiles(mu, sigma, lambda value: value)


def _lognormal(mu: Any, sigma: Any) -> Form:
    return _quantiles(mu, sigma, lambda value: _exp(value))


def _qnormal(mu: Any, sigma: Any, q: Any) -> Form:
    step = number(q)
    return (None, "") if not step or step < 0 else _quantiles(mu, sigma, lambda value: _rounded(value, step))


def _qlognormal(mu: Any, sigma: Any, q: Any) -> Form:
    step = number(q)
    if not step or step < 0:
        return None, ""
    return _quantiles(mu, sigma, lambda value: _rounded(_exp(value), step))


def _quantiles(mu: Any, sigma: Any, change: Callable[[float], float | None]) -> Form:
    """Return values that are equally likely under a normal distribution, each after ``change``."""
    centre, width = number(mu), number(sigma)
    if centre is None or width is None or width <= 0:
        return None, ""
    bell = NormalDist(centre, width)
    values = [change(bell.inv_cdf((place + 0.5) / _QUANTILES)) for place in range(_QUANTILES)]
    if None in values:
        return None, ""
    text = f"{_QUANTILES} equally likely values of the distribution: no others are tried"
    return [value if isinstance(value, int) else float(f"{value:.6g}") for value in values], text


def _randint(low: Any, high: Any) -> Form:
    return _integers(low, high - 1) if _is_whole(low) and _is_whole(high) else (None, "")


def _uniformint(low: Any, high: Any) -> Form:
    return _integers(int(low), int(high)) if _is_whole(low) and _is_whole(high) else (None, "")


def _integers(low: int, high: int) -> Form:
    if low > high:
        return None, ""
    return ([int(low), int(high)] if low < high else [int(low)]), ""


def _choices(values: Any) -> Form:
    if not isinstance(values, list) or not values:
        return None, _FORMS
    return _plain_choices(values), ""


def _weighted(pairs: Any) -> Form:
    """Return choices that are repeated as often as their probabilities say."""
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        return None, ""
    shares = [number(share) for share, _ in pairs]
    total = sum(share or 0 for share in shares)
    if not pairs or any(share is None or share <= 0 for share in shares) or not math.isfinite(total):
        return None, ""
    parts = [(share or 0) / total for share in shares]
    parted = next((n for n in range(1, _LARGEST_SHARE + 1) if all(_near(part * n) for part in parts)), None)
    counts = [max(1, round(part * (parted or _LARGEST_SHARE))) for part in parts]
    values = [value for count, (_, value) in zip(counts, pairs, strict=True) for _ in range(count)]
    text = "a choice is repeated as often as its probability says"
    return _plain_choices(values), text if parted else f"{text}, in steps of 1/{_LARGEST_SHARE}"


def _plain_choices(values: list[Any]) -> list[Any]:
    """Return choices so that they are not read as a range: two numbers, perhaps with ``log``, come twice."""
    numbers = len(values) in (2, 3) and all(number(value) is not None for value in values[:2])
    looks_like_a_range = numbers and (len(values) == 2 or isinstance(values[2], str))
    return values * 2 if looks_like_a_range else values


def _near(value: float) -> bool:
    return round(value) >= 1 and abs(value - round(value)) < 1e-6


def _is_whole(value: Any) -> bool:
    return number(value) is not None and float(value).is_integer()


def _whole(value: float) -> int | float:
    """Return a whole number as an integer, which estimators ask for; hyperopt gives 2.0 for it."""
    plain = float(f"{value:.12g}")
    return int(plain) if plain.is_integer() else plain


def _rounded(value: float | None, step: float) -> float | None:
    return None if value is None or not math.isfinite(value / step) else _whole(round(value / step) * step)


def _exp(value: float | None) -> float | None:
    if value is None or value >= _LARGEST_EXPONENT or value <= -_LARGEST_EXPONENT:
        return None
    return float(f"{math.exp(value):.6g}")


_RANGE: Final = ("low", "high")
_BELL: Final = ("mu", "sigma")
_DISTRIBUTIONS: Final[Mapping[str, Sequence[tuple[tuple[str, ...], Callable[..., Form]]]]] = {
    "uniform": [(_RANGE, _uniform)],
    "quniform": [((*_RANGE, "q"), _quniform)],
    "loguniform": [(_RANGE, _loguniform)],
    "qloguniform": [((*_RANGE, "q"), _qloguniform)],
    "normal": [(_BELL, _normal)],
    "qnormal": [((*_BELL, "q"), _qnormal)],
    "lognormal": [(_BELL, _lognormal)],
    "qlognormal": [((*_BELL, "q"), _qlognormal)],
    "randint": [(_RANGE, _randint), (("upper",), lambda upper: _randint(0, upper))],
    "uniformint": [(_RANGE, _uniformint), ((*_RANGE, "q"), _quniform)],
    "choice": [(("options",), _choices)],
    "pchoice": [(("p_options",), _weighted)],
}
"""By the name of a function of ``hyperopt.hp``: the names of its arguments, and what they become."""
