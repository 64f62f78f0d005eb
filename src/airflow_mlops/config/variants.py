"""The variants of one file: its configuration without a profile, and with each of its profiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import ValidationError

from airflow_mlops.config.explain import explain
from airflow_mlops.config.faults import Fault, KeyPath
from airflow_mlops.config.merge import Layer, merge, profile_layer
from airflow_mlops.config.models import Pipeline
from airflow_mlops.config.shape import Schema, off_as_none

MAX_PROFILES: Final = 100
MAX_ATTEMPTS: Final = 200
"""How often a file is checked again without one key of a profile, to find the key that causes a fault."""
_MAX_EXPLAINED: Final = 200


@dataclass(frozen=True)
class Variant:
    """A file's configuration with one profile, or without, and the places of its values."""

    profile: str | None
    layer: Layer
    pipeline: Pipeline | None
    faults: tuple[Fault, ...]

    def is_in_profile(self, fault: Fault) -> bool:
        """Whether the place of a fault is in the profile itself."""
        return f"{fault.path}.".startswith(f"profiles.{self.profile}.")


def variants(whole: Layer, *, partial: bool = False) -> tuple[dict[str | None, Variant], list[Fault]]:
    """Return a file's variants, and the faults of all of them, each once.

    ``partial``: keys may be missing, as in a ``defaults.yaml``.
    """
    base = _without_profiles(whole)
    plain = _checked(None, base, partial=partial)
    found: dict[str | None, Variant] = {None: plain}
    faults = list(plain.faults)
    known = {fault_identity(fault) for fault in faults}
    attempts = iter(range(MAX_ATTEMPTS))
    for name, upper, wrong in _profiles(whole, faults):
        variant = _checked(name, merge(base, upper), wrong, partial=partial)
        found[name] = variant
        new = [fault for fault in variant.faults if fault_identity(fault) not in known]
        faults.extend(locate_in_profile(new, variant, whole, (lambda other: other.faults, attempts)))
    return found, faults


def locate_in_profile(
    faults: Iterable[Fault],
    variant: Variant,
    whole: Layer,
    search: tuple[Callable[[Variant], Iterable[Fault]], Iterator[int]],
) -> Iterator[Fault]:
    """Yield the new faults of a profile, each at the key of the profile that causes it.

    This is the first key without which the fault is not found. ``search`` is the function that finds the
    faults of a variant, and an iterator that yields once for each attempt that is left.
    """
    find_faults, attempts = search
    tried: list[tuple[KeyPath, set[tuple[Any, ...]]]] | None = None
    for fault in faults:
        if variant.profile is None or variant.is_in_profile(fault):
            yield fault
            continue
        if tried is None:
            tried = [
                (path, {fault_identity(other) for other in find_faults(reduced)})
                for path, reduced in _without_each_key(whole, variant.profile, attempts)
            ]
        cause = next((path for path, left in tried if fault_identity(fault) not in left), None)
        if cause is None:
            yield replace(fault, message=f"{fault.message} (with the profile {variant.profile})")
            continue
        moved = whole.fault(cause, f"{fault.path}: {fault.message}".removeprefix(": "), at_key=True)
        yield replace(moved, level=fault.level, rule=fault.rule)


def fault_identity(fault: Fault) -> tuple[Any, ...]:
    """Return what two reports of the same fault have in common."""
    return (fault.file, fault.line, fault.column, fault.message)


def _without_profiles(whole: Layer) -> Layer:
    return Layer({key: value for key, value in whole.values.items() if key != "profiles"}, whole.places)


def _without_each_key(
    whole: Layer, profile: str, attempts: Iterator[int]
) -> Iterator[tuple[KeyPath, Variant]]:
    """Yield each key of a profile, and the variant without it, while attempts are left."""
    settings = whole.values["profiles"][profile]
    for keys, _ in zip(list(_leaves(settings, ())), attempts, strict=False):
        profiles = {**whole.values["profiles"], profile: _without(settings, keys)}
        upper, wrong = profile_layer(Layer({**whole.values, "profiles": profiles}, whole.places), profile)
        yield ("profiles", profile, *keys), _checked(profile, merge(_without_profiles(whole), upper), wrong)


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
    """Yield each profile that can be read, with the faults of its keys; adds the others to ``faults``."""
    profiles = whole.values.get("profiles", {})
    if not isinstance(profiles, dict):
        faults.append(whole.fault(("profiles",), "must be a mapping of profile names to settings"))
        return
    for number, (name, settings) in enumerate(profiles.items()):
        path = ("profiles", name)
        if number == MAX_PROFILES:
            message = f"a file must not have more than {MAX_PROFILES} profiles: the rest is not read"
            faults.append(whole.fault(path, message, at_key=True))
            return
        if not name:
            faults.append(whole.fault(path, "a profile needs a name", at_key=True))
        elif not isinstance(settings, dict):
            message = "a profile must be a mapping of dotted keys, such as {train.tune.n_trials: 3}"
            faults.append(whole.fault(path, message))
        else:
            upper, wrong = profile_layer(whole, name)
            for key in ("name", "profiles"):
                if key in upper.values:
                    wrong.append(upper.fault((key,), f"a profile cannot set {key}", at_key=True))
            yield name, upper, wrong


def _checked(
    profile: str | None, whole: Layer, wrong: Iterable[Fault] = (), *, partial: bool = False
) -> Variant:
    values, faults = off_as_none(whole, Pipeline)
    faults += wrong
    try:
        pipeline = Pipeline.model_validate(values)
    except ValidationError as error:
        errors = [item for item in error.errors(include_url=False) if not (partial and _is_missing(item))]
        reported = {fault.path for fault in faults}
        explained = explain(whole, errors[:_MAX_EXPLAINED], Schema(Pipeline, Pipeline))
        faults += [fault for fault in explained if fault.path not in reported]
        pipeline = None
    return Variant(profile, whole, None if faults else pipeline, tuple(faults))


def _is_missing(item: Mapping[str, Any]) -> bool:
    """Whether one of pydantic's errors is, or may be, a missing key."""
    whole_section = item["type"] == "value_error" and isinstance(item["input"], dict)
    return item["type"] == "missing" or (whole_section and "expect" not in item["loc"])
