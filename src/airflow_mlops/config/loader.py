"""Reads a pipeline file with its defaults and profiles, and reports all faults at once with their places."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_mlops.config.cache import ParseCache, key
from airflow_mlops.config.document import parse
from airflow_mlops.config.faults import Fault as Fault
from airflow_mlops.config.faults import FileFaults as FileFaults
from airflow_mlops.config.merge import Layer, merge
from airflow_mlops.config.models import Pipeline
from airflow_mlops.config.text_files import read_text
from airflow_mlops.config.variants import Variant as Variant
from airflow_mlops.config.variants import variants
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean

DEFAULTS: Final = "defaults"
ANCHORS: Final = "x-"
"""How a top-level key begins that only holds anchors: values for other keys to repeat."""
_ROOT: Final = "pipelines"


@dataclass(frozen=True)
class Loaded:
    """One pipeline file: its configuration without a profile and with each of them.

    ``whole`` is the file over its ``defaults``, if there are any.
    """

    file: Path
    root: Path
    variants: Mapping[str | None, Variant]
    faults: tuple[Fault, ...]
    whole: Layer
    defaults: Path | None = None

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
        listed = f"; profiles are {', '.join(known)}" if known else ""
        raise ConfigError(
            f"{self.file}:1:1: profiles: profile {profile!r} is not defined"
            f"{did_you_mean(str(profile), known)}{listed}; "
            f"for a profile without settings write `profiles: {{{profile}: {{}}}}`, also in defaults.yaml"
        )


@dataclass(frozen=True)
class _Texts:
    """The texts of a pipeline file and of its ``defaults.yaml``; ``root`` ends the search for that."""

    file: Path
    root: Path
    text: str
    defaults: Path | None
    defaults_text: str | None


def load_pipeline(
    file: Path | str,
    profile: str | None = None,
    *,
    root: Path | str | None = None,
    cache: ParseCache | None = None,
) -> Pipeline:
    """Read and check one pipeline file.

    The file overrides the nearest ``defaults.yaml`` from its folder up to ``root``; ``profile`` overrides
    both. Without ``root`` the search ends at a folder named ``pipelines``, or at the file's own folder.
    Every profile is checked, chosen or not; with ``cache``, only when a text has changed since its last
    check without faults. Returns the frozen configuration. Raises FileFaults (a ConfigError) that lists all
    faults with their places, or ConfigError when the file cannot be read.

    >>> from pathlib import Path
    >>> _ = Path("iris.yaml").write_text('''
    ... name: iris
    ... data: {source: {type: csv, filepath: iris.csv}, target: species}
    ... train: {estimator: sklearn.tree.DecisionTreeClassifier}
    ... evaluate: {metrics: [accuracy]}
    ... profiles: {laptop: {data.holdout: 0.5}}
    ... ''')
    >>> load_pipeline("iris.yaml", profile="laptop").data.holdout
    0.5
    """
    texts, profile = _texts(file, root), profile or None
    if cache is None:
        return _loaded(texts).chosen(profile)
    entry = key(profile, texts.text, texts.defaults_text)
    found = cache.find(entry)
    if found is None:
        found = _loaded(texts).chosen(profile)
        cache.keep(entry, found)
    return found


def read_pipeline(file: Path | str, *, root: Path | str | None = None) -> Loaded:
    """Read one pipeline file with all its variants; faults are returned, not raised.

    Raises ConfigError when the file or its ``defaults.yaml`` cannot be read, FileFaults when it is not YAML.
    """
    return _loaded(_texts(file, root))


def read_defaults(file: Path) -> Loaded:
    """Read a ``defaults.yaml`` on its own; keys that the pipeline files add may be missing.

    Raises FileFaults when it cannot be read or is not YAML.
    """
    whole, faults = _defaults_layer(file, _defaults_text(file))
    named, more = variants(whole, partial=True)
    return Loaded(file, tree_root(file), named, _each_once(faults, more), whole, file)


def is_defaults(file: Path) -> bool:
    """Whether a file is a ``defaults.yaml``."""
    return file.stem == DEFAULTS and file.suffix in (".yaml", ".yml")


def _defaults_text(file: Path) -> str:
    """Return the text of a ``defaults.yaml``; raises FileFaults, so that its own place is reported."""
    try:
        return read_text(file)
    except FileFaults:
        raise
    except ConfigError as error:
        text = str(error).removeprefix(f"{file}: ")
        raise FileFaults([Fault(str(file), 1, 1, "", text, rule="file")]) from None


def _defaults_layer(file: Path, text: str) -> tuple[Layer, list[Fault]]:
    """Return the values of a ``defaults.yaml``, which may be empty, and its faults."""
    whole, faults = _layer(file, text, "defaults.yaml must be a mapping of sections", may_be_empty=True)
    if "name" in whole.values:
        message = "a name must be in the pipeline file, not in the defaults"
        faults.append(whole.fault(("name",), message, at_key=True))
    return whole, faults


def _layer(file: Path, text: str, expected: str, *, may_be_empty: bool = False) -> tuple[Layer, list[Fault]]:
    """Return the values of a file and its faults; raises FileFaults when it is not a mapping."""
    document = parse(text, str(file))
    empty = document.values is None and not document.faults
    if empty and may_be_empty:
        document.values = {}
    if not isinstance(document.values, dict):
        message = f"is empty: {expected}" if empty else expected
        raise FileFaults([*document.faults, document.fault((), message)])
    used = {key: value for key, value in document.values.items() if not key.startswith(ANCHORS)}
    return Layer(used, document.places), document.faults


def _each_once(unread: list[Fault], faults: list[Fault]) -> tuple[Fault, ...]:
    """Return the faults of the text, and the faults of its values that do not follow from them."""
    known = {(fault.file, fault.path) for fault in unread}
    return (*unread, *(fault for fault in faults if (fault.file, fault.path) not in known))


def pipeline_files(folder: Path) -> list[Path]:
    """Return the pipeline files in a folder and below it, by name, without hidden ones and defaults."""
    return [file for file in _yaml_files(folder) if file.stem != DEFAULTS]


def defaults_files(folder: Path) -> list[Path]:
    """Return the ``defaults.yaml`` files in a folder and below it, without hidden ones."""
    return [file for file in _yaml_files(folder) if file.stem == DEFAULTS]


def _yaml_files(folder: Path) -> list[Path]:
    found = (path for suffix in ("yaml", "yml") for path in folder.rglob(f"*.{suffix}") if not path.is_dir())
    return sorted(
        path for path in found if not any(part[0] == "." for part in path.relative_to(folder).parts)
    )


def tree_root(file: Path, folder: Path | None = None) -> Path:
    """Return the folder where the search for defaults ends by default.

    This is the nearest folder above the file that is named ``pipelines``, so that every command finds the
    same defaults as Airflow; else ``folder``, or the file's own folder.
    """
    parents = list(file.absolute().parents)
    return next((parent for parent in parents if parent.name == _ROOT), folder or parents[0])


def _nearest_defaults(file: Path, root: Path) -> Path | None:
    top = root.absolute()
    for folder in file.absolute().parents:
        for name in (f"{DEFAULTS}.yaml", f"{DEFAULTS}.yml"):
            if (folder / name).exists():
                found = folder / name
                return found if file.is_absolute() else Path(os.path.relpath(found))
        if folder == top or top not in folder.parents:
            return None
    return None


def _texts(file: Path | str, root: Path | str | None) -> _Texts:
    path = Path(file)
    top = tree_root(path) if root is None else Path(root)
    text, defaults = read_text(path), _nearest_defaults(path, top)
    return _Texts(path, top, text, defaults, None if defaults is None else _defaults_text(defaults))


def _loaded(texts: _Texts) -> Loaded:
    whole, faults = _layer(
        texts.file, texts.text, "a pipeline file must be a mapping that starts with `name:`"
    )
    if texts.defaults is not None and texts.defaults_text is not None:
        lower, more = _defaults_layer(texts.defaults, texts.defaults_text)
        whole, faults = merge(lower, whole), [*faults, *more]
    named, more = variants(whole)
    return Loaded(texts.file, texts.root, named, _each_once(faults, more), whole, texts.defaults)
