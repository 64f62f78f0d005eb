"""Reads a pipeline file with its defaults and profiles; tells every fault in one go, where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from airflow_mlops.config.document import Document, parse
from airflow_mlops.config.explain import explain
from airflow_mlops.config.faults import Fault as Fault
from airflow_mlops.config.faults import FileFaults as FileFaults
from airflow_mlops.config.merge import Layer, layer, over, unfold
from airflow_mlops.config.models import Pipeline
from airflow_mlops.config.reading import read_text
from airflow_mlops.config.shape import switched
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.nearest import did_you_mean

DEFAULTS: Final = "defaults"
_ROOT: Final = "pipelines"
_EXPLAINED: Final = 200


@dataclass(frozen=True)
class Variant:
    """A file's configuration with one profile, or with none, and where its values stand."""

    profile: str | None
    layer: Layer
    pipeline: Pipeline | None
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Loaded:
    """Everything that one pipeline file says: itself, and each of its profiles."""

    file: Path
    root: Path
    variants: Mapping[str | None, Variant]
    faults: tuple[Fault, ...]

    def chosen(self, profile: str | None) -> Pipeline:
        """Return the configuration with ``profile``.

        Raises FileFaults when anything in the file is wrong, ConfigError for an unknown profile.
        """
        if self.faults:
            raise FileFaults(self.faults)
        return self.variant(profile).pipeline  # type: ignore[return-value]  # no faults: every one is there

    def variant(self, profile: str | None) -> Variant:
        """Return one variant; raises ConfigError for a profile that the file does not have."""
        if profile in self.variants:
            return self.variants[profile]
        known = [name for name in self.variants if name]
        listed = f"; known: {', '.join(known)}" if known else ""
        raise ConfigError(
            f"{self.file}:1:1: profiles: no profile {profile!r}{did_you_mean(str(profile), known)}{listed}; "
            f"if it changes nothing here, write `profiles: {{{profile}: {{}}}}`, also in defaults.yaml"
        )


def load_pipeline(
    file: Path | str, profile: str | None = None, *, root: Path | str | None = None
) -> Pipeline:
    """Read and check one pipeline file.

    The nearest ``defaults.yaml`` from the file's folder up to ``root`` lies under it, ``profile`` over it.
    Without ``root`` the search ends at a folder named ``pipelines``, or at the file's own folder. Every
    profile is checked, chosen or not. Returns the frozen configuration. Raises FileFaults (a ConfigError)
    that lists every fault with its position, or ConfigError when the file cannot be read.
    """
    return read_pipeline(file, root=root).chosen(profile or None)


def read_pipeline(file: Path | str, *, root: Path | str | None = None) -> Loaded:
    """Read one pipeline file with all its variants; faults are returned, not raised.

    Raises ConfigError when the file or its ``defaults.yaml`` cannot be read, FileFaults when it is not YAML.
    """
    path = Path(file)
    top = tree_root(path) if root is None else Path(root)
    own = _document(path, "a pipeline file is a mapping that starts with `name:`")
    faults, whole = list(own.faults), layer(own)
    found = _defaults(path, top)
    if found is not None:
        lower = _document(found, "defaults.yaml is a mapping of sections")
        faults += lower.faults
        if "name" in lower.values:
            faults.append(layer(lower).fault(("name",), "a name belongs in the pipeline file", at_key=True))
        whole = over(layer(lower), whole)
    variants, more = _variants(whole)
    unread = {(fault.file, fault.path) for fault in faults}
    faults += [fault for fault in more if (fault.file, fault.path) not in unread]
    return Loaded(path, top, variants, tuple(faults))


def pipeline_files(folder: Path) -> list[Path]:
    """Return the pipeline files in a folder and below it, by name; hidden ones and defaults are none."""
    found = (path for suffix in ("*.yaml", "*.yml") for path in folder.rglob(suffix))
    return sorted(
        path
        for path in found
        if path.stem != DEFAULTS and not any(part[0] == "." for part in path.relative_to(folder).parts)
    )


def tree_root(file: Path, folder: Path | None = None) -> Path:
    """Return where the search for defaults ends when nobody says so.

    The nearest folder above the file that is named ``pipelines``, so that every command sees what Airflow
    sees; without one, ``folder`` or the file's own.
    """
    parents = list(file.absolute().parents)
    return next((parent for parent in parents if parent.name == _ROOT), folder or parents[0])


def _defaults(file: Path, root: Path) -> Path | None:
    top = root.absolute()
    for folder in file.absolute().parents:
        for name in (f"{DEFAULTS}.yaml", f"{DEFAULTS}.yml"):
            if (folder / name).exists():
                return folder / name
        if folder == top or top not in folder.parents:
            return None
    return None


def _document(path: Path, otherwise: str) -> Document:
    document = parse(read_text(path), str(path))
    if not isinstance(document.values, dict):
        empty = "empty: " if document.values is None and not document.faults else ""
        raise FileFaults([*document.faults, document.fault((), empty + otherwise)])
    return document


def _variants(whole: Layer) -> tuple[dict[str | None, Variant], list[Fault]]:
    base = Layer({key: value for key, value in whole.values.items() if key != "profiles"}, whole.places)
    first = _checked(None, base)
    variants: dict[str | None, Variant] = {None: first}
    faults = list(first.faults)
    known = {_essence(fault) for fault in faults}
    for name, upper, wrong in _profiles(whole, faults):
        variant = _checked(name, over(base, upper), wrong)
        variants[name] = variant
        fresh = [fault for fault in variant.faults if _essence(fault) not in known]
        faults.extend(_with_profile(name, fault) for fault in fresh)
    return variants, faults


def _profiles(whole: Layer, faults: list[Fault]) -> Iterator[tuple[str, Layer, list[Fault]]]:
    given = whole.values.get("profiles", {})
    if not isinstance(given, dict):
        faults.append(whole.fault(("profiles",), "expected a mapping of profile names to settings"))
        return
    for name, settings in given.items():
        if not isinstance(settings, dict):
            message = "a profile is a mapping of dotted keys, such as {train.tune.n_trials: 3}"
            faults.append(whole.fault(("profiles", name), message))
            continue
        upper, wrong = unfold(whole, name)
        if "name" in upper.values:
            wrong.append(upper.fault(("name",), "a profile cannot change the name", at_key=True))
        yield name, upper, wrong


def _checked(profile: str | None, whole: Layer, wrong: list[Fault] | None = None) -> Variant:
    values, faults = switched(whole)
    faults += wrong or []
    try:
        pipeline = Pipeline.model_validate(values)
    except ValidationError as error:
        found = explain(whole, error.errors(include_url=False)[:_EXPLAINED])
        told = {fault.path for fault in faults}
        faults += [fault for fault in found if fault.path not in told]
        pipeline = None
    return Variant(profile, whole, None if faults else pipeline, tuple(faults))


def _essence(fault: Fault) -> tuple[Any, ...]:
    return (fault.file, fault.line, fault.column, fault.message)


def _with_profile(profile: str, fault: Fault) -> Fault:
    """Name the profile in a fault that stands outside it and comes only with it."""
    if fault.path.startswith(f"profiles.{profile}"):
        return fault
    return replace(fault, message=f"{fault.message} (with the profile {profile})")
