"""Reads a pipeline file; tells every fault in one go, as ``file:line:col: path: message``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.errors import ConfigError

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_BYTES = 1_000_000
_TAG = "tag:yaml.org,2002:"
_PLAIN = {_TAG + name for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")}
_Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in a pipeline file; ``line`` and ``column`` count from 1."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}:{self.column}: {where}{self.message}"


class FileFaults(ConfigError):
    """Everything that is wrong in one pipeline file."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.line, fault.column)))
        super().__init__("\n".join(map(str, self.faults)))


class _Document:
    """A composed YAML document: plain values, and where each key stands."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.positions: dict[_Path, tuple[int, int]] = {(): (1, 1)}
        self.faults: list[Fault] = []

    def fault(self, path: _Path, message: str) -> Fault:
        known = path
        while known not in self.positions:
            known = known[:-1]
        line, column = self.positions[known]
        return Fault(self.file, line, column, ".".join(map(str, path)), message)

    def build(self, node: yaml.Node, path: _Path, loader: Any) -> Any:
        self.positions.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
        if node.tag not in _PLAIN:
            shown = node.tag.replace(_TAG, "!!")
            self.faults.append(self.fault(path, f"the tag {shown} is not supported: write plain values"))
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, loader)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index), loader) for index, item in enumerate(node.value)]
        return loader.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, path: _Path, loader: Any) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            here = (*path, key)
            mark = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if key in result:
                text = f"duplicate key (first at line {self.positions[here][0]})"
                self.faults.append(Fault(self.file, *mark, ".".join(map(str, here)), text))
                continue
            self.positions[here] = mark
            result[key] = self.build(value_node, here, loader)
        return result


def load_pipeline(file: Path | str) -> Pipeline:
    """Read and check one pipeline file.

    Returns the frozen configuration. Raises FileFaults (a ConfigError) that lists every fault with its
    position, or ConfigError when the file cannot be read.
    """
    path = Path(file)
    document = _Document(str(path))
    raw = _parse(_read(path), document)
    if not isinstance(raw, dict):
        raise FileFaults([document.fault((), "a pipeline file is a mapping that starts with `name:`")])
    try:
        pipeline = Pipeline.model_validate(raw)
    except ValidationError as error:
        faults = [_explain(document, item, raw) for item in error.errors()]
        raise FileFaults([*document.faults, *faults]) from None
    if document.faults:
        raise FileFaults(document.faults)
    return pipeline


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path}: larger than {_MAX_BYTES:,} bytes: this is not a pipeline file")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start}): save the file as UTF-8") from None


def _parse(text: str, document: _Document) -> Any:
    loader = _Loader(text)
    try:
        if _has_alias(text):
            raise FileFaults([document.fault((), "YAML anchors and aliases are not supported: write it out")])
        node = loader.get_single_node()
        return None if node is None else document.build(node, (), loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise FileFaults([Fault(document.file, line, column, "", f"not YAML: {error.problem}")]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FileFaults([document.fault((), f"not YAML: {error}")]) from None
    finally:
        loader.dispose()


def _has_alias(text: str) -> bool:
    """Aliases let a small file expand without bound, and hide where a value stands."""
    if "*" not in text:
        return False
    return any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_Loader))


def _explain(document: _Document, item: Mapping[str, Any], raw: Mapping[str, Any]) -> Fault:
    """Turn one pydantic error into a fault that says what to write instead."""
    path = tuple(part for part in item["loc"] if not (isinstance(part, str) and part.startswith("function-")))
    kind = item["type"]
    if kind == "extra_forbidden":
        return document.fault(path, "unknown key" + _did_you_mean(str(path[-1]), _keys_at(path[:-1])))
    if kind == "missing":
        return document.fault(path, f"required key is missing{_beside(raw, path)}")
    if kind == "model_type":
        return document.fault(path, f"expected a mapping of keys, got {item['input']!r}")
    message = str(item["msg"]).removeprefix("Value error, ")
    value = item.get("input")
    shown = (
        f" (got {value!r})" if isinstance(value, str | int | float | bool) and "got" not in message else ""
    )
    return document.fault(path, message + shown)


def _beside(raw: Any, path: _Path) -> str:
    """Name a close key that was written where the missing one belongs."""
    for part in path[:-1]:
        try:
            raw = raw[part]
        except (KeyError, IndexError, TypeError):
            return ""
    close = difflib.get_close_matches(str(path[-1]), list(raw), n=1) if isinstance(raw, dict) else []
    return f" (found {close[0]!r})" if close else ""


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else f"; known: {', '.join(known)}"


def _keys_at(path: _Path) -> list[str]:
    """Return the keys that the model at ``path`` accepts."""
    model: type[BaseModel] = Pipeline
    for part in path:
        field = next((f for n, f in model.model_fields.items() if part in (f.alias, n)), None)
        inner = _model_of(field.annotation) if field else None
        if inner is None:
            break
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _model_of(arg))), None)
