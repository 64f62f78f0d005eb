"""What one file comes to: itself, and itself with each of its profiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import ValidationError

from airflow_mlops.config.explain import explain
from airflow_mlops.config.faults import Fault, KeyPath, dotted
from airflow_mlops.config.merge import Layer, merge, profile_layer
from airflow_mlops.config.models import Pipeline
from airflow_mlops.config.shape import off_as_none

_EXPLAINED: Final = 200
MAX_PROFILES: Final = 100
MAX_ATTEMPTS: Final = 200
"""How often a file is read again with a key of a profile less, to find the one that brings a fault."""


@dataclass(frozen=True)
class Variant:
    """A file's configuration with one profile, or with none, and where its values stand."""

    profile: str | None
    layer: Layer
    pipeline: Pipeline | None
    faults: tuple[Fault, ...]

    def holds(self, fault: Fault) -> bool:
        """Whether a fault stands in the profile itself."""
        return fault.path == f"profiles.{self.profile}" or fault.path.startswith(f"profiles.{self.profile}.")


def variants(whole: Layer, *, partial: bool = False) -> tuple[dict[str | None, Variant], list[Fault]]:
    """Return a file's variants, and the faults of all of them, each once.

    ``partial``: it is no whole file, so what is not there is no fault.
    """
    base = _base(whole)
    first = _checked(None, base, partial=partial)
    found: dict[str | None, Variant] = {None: first}
    faults = list(first.faults)
    known, tries = {fault_identity(fault) for fault in faults}, iter(range(MAX_ATTEMPTS))
    for name, upper, wrong in _profiles(whole, faults):
        variant = _checked(name, merge(base, upper), wrong, partial=partial)
        found[name] = variant
        fresh = [fault for fault in variant.faults if fault_identity(fault) not in known]
        faults.extend(locate_in_profile(fresh, variant, whole, (lambda narrowed: narrowed.faults, tries)))
    return found, faults


def locate_in_profile(
    faults: Iterable[Fault],
    variant: Variant,
    whole: Layer,
    look: tuple[Callable[[Variant], Iterable[Fault]], Iterator[int]],
) -> Iterator[Fault]:
    """Yield the faults that come with a profile, those outside it at the key of the profile that brings them.

    That is the first key without which the first part of ``look`` does not find the fault; the second yields
    once for each try that is left.
    """
    find, tries = look
    tried: list[tuple[KeyPath, set[tuple[Any, ...]]]] | None = None
    for fault in faults:
        if variant.profile is None or variant.holds(fault):
            yield fault
            continue
        if tried is None:
            tried = [
                (path, {fault_identity(other) for other in find(narrowed)})
                for path, narrowed in _narrowed(whole, variant.profile, tries)
            ]
        guilty = next((path for path, left in tried if fault_identity(fault) not in left), None)
        if guilty is None:
            yield replace(fault, message=f"{fault.message} (with the profile {variant.profile})")
            continue
        place = whole.places[guilty]
        message = f"{fault.path}: {fault.message}" if fault.path else fault.message
        mark = place.key
        yield replace(
            fault,
            file=place.file,
            line=mark.line,
            column=mark.column,
            path=dotted(place.path),
            message=message,
        )


def fault_identity(fault: Fault) -> tuple[Any, ...]:
    """Return what makes two faults the same one."""
    return (fault.file, fault.line, fault.column, fault.message)


def _base(whole: Layer) -> Layer:
    return Layer({key: value for key, value in whole.values.items() if key != "profiles"}, whole.places)


def _narrowed(whole: Layer, profile: str, tries: Iterator[int]) -> Iterator[tuple[KeyPath, Variant]]:
    """Yield each key of a profile, and the variant without it, while tries are left."""
    settings = whole.values["profiles"][profile]
    for keys, _ in zip(list(_leaves(settings, ())), tries, strict=False):
        less = {**whole.values["profiles"], profile: _without(settings, keys)}
        upper, wrong = profile_layer(Layer({**whole.values, "profiles": less}, whole.places), profile)
        yield ("profiles", profile, *keys), _checked(profile, merge(_base(whole), upper), wrong)


def _leaves(values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key)


def _without(values: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    first, *rest = keys
    if not rest:
        return {key: value for key, value in values.items() if key != first}
    return {**values, first: _without(values[first], tuple(rest))}


def _profiles(whole: Layer, faults: list[Fault]) -> Iterator[tuple[str, Layer, list[Fault]]]:
    given = whole.values.get("profiles", {})
    if not isinstance(given, dict):
        faults.append(whole.fault(("profiles",), "expected a mapping of profile names to settings"))
        return
    for number, (name, settings) in enumerate(given.items()):
        if number == MAX_PROFILES:
            message = f"more than {MAX_PROFILES} profiles: the rest is not read"
            faults.append(whole.fault(("profiles", name), message, at_key=True))
            return
        if not name:
            faults.append(whole.fault(("profiles", name), "a profile needs a name", at_key=True))
            continue
        if not isinstance(settings, dict):
            message = "a profile is a mapping of dotted keys, such as {train.tune.n_trials: 3}"
            faults.append(whole.fault(("profiles", name), message))
            continue
        upper, wrong = profile_layer(whole, name)
        if "name" in upper.values:
            wrong.append(upper.fault(("name",), "a profile cannot change the name", at_key=True))
        yield name, upper, wrong


def _checked(
    profile: str | None, whole: Layer, wrong: list[Fault] | None = None, *, partial: bool = False
) -> Variant:
    values, faults = off_as_none(whole)
    faults += wrong or []
    try:
        pipeline = Pipeline.model_validate(values)
    except ValidationError as error:
        errors = [item for item in error.errors(include_url=False) if not (partial and _lacks(item))]
        told = {fault.path for fault in faults}
        faults += [fault for fault in explain(whole, errors[:_EXPLAINED]) if fault.path not in told]
        pipeline = None
    return Variant(profile, whole, None if faults else pipeline, tuple(faults))


def _lacks(item: Mapping[str, Any]) -> bool:
    """Whether one of pydantic's errors is, or may be, that something is not there."""
    whole_section = item["type"] == "value_error" and isinstance(item["input"], dict)
    return item["type"] == "missing" or (whole_section and "expect" not in item["loc"])
