"""A YAML document as plain values, with the place of each key and value; no YAML tag is executed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from airflow_mlops.config.environment_names import environment_name_in
from airflow_mlops.config.faults import Fault, FileFaults, KeyPath, Mark, dotted
from airflow_mlops.config.yaml_errors import place_and_reason

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG: Final = "tag:yaml.org,2002:"
_PLAIN: Final = {_TAG + name for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")}
_NUMBERS: Final = {_TAG + name for name in ("int", "float")}
_KEYS: Final = {*_NUMBERS, _TAG + "bool", _TAG + "null"}
_MAX_DEPTH: Final = 100
_MAX_NODES: Final = 20_000
_MAX_FAULTS: Final = 1_000
_EXPONENT: Final = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
_OCTAL: Final = re.compile(r"[-+]?0[0-7_]+")
_LONGEST_NUMBER: Final = 100
_WORDS: Final = ("yes", "no", "on", "off", "y", "n")


@dataclass(frozen=True)
class Place:
    """Where a path of the configuration was written: the file, the path there, its key and its value.

    ``text`` is the unquoted text of a value that YAML does not read as text, such as ``no`` or ``1.10``.
    ``explicit`` is False for a section that is only a part of a profile's dotted key there. ``own_key`` is
    the number, boolean or None that YAML reads an unquoted key as; empty for a key that is text.
    """

    file: str
    path: KeyPath
    key: Mark
    value: Mark
    text: str | None = None
    explicit: bool = True
    own_key: float | bool | str | None = ""


@dataclass
class Document:
    """One file's plain values, places and faults; ``places`` always holds the root, ``()``."""

    file: str
    values: Any = None
    places: dict[KeyPath, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.places.setdefault((), Place(self.file, (), Mark(), Mark()))

    def fault(self, path: KeyPath, message: str, mark: Mark | None = None, rule: str = "yaml") -> Fault:
        """Return a fault at ``mark``, or at the value of ``path``."""
        at = mark or self.places[path].value
        return Fault(self.file, at.line, at.column, dotted(path), message, rule=rule)


def parse(text: str, file: str) -> Document:
    """Return the document in ``text``.

    Its ``faults`` list duplicate keys, tags, and values that YAML 1.1 does not read as they look. Raises
    FileFaults for text that is not YAML, and for more than 100 levels or 20,000 values (aliases count as
    what they stand for): a hostile file costs neither time nor memory.

    >>> document = parse("retry: {delay: 1m}", "defaults.yaml")
    >>> document.values, document.places["retry", "delay"].value
    ({'retry': {'delay': '1m'}}, Mark(line=1, column=16))
    """
    document = Document(file)
    try:
        _bound(text, document)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is not None:
                document.values = _Builder(document, loader).build(node, (), _mark(node.start_mark))
        finally:
            loader.dispose()
    except FileFaults:  # a ValueError, like every ConfigError
        raise
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a lone surrogate
        at, reason = place_and_reason(error, text)
        raise FileFaults([document.fault((), f"is not valid YAML: {reason}", at)]) from None
    return document


def _mark(mark: Any) -> Mark:
    return Mark(mark.line + 1, mark.column + 1)


def _bound(text: str, document: Document) -> None:
    """Refuse a document that could exhaust the recursive steps; the event stream itself is flat."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        nodes += isinstance(event, yaml.NodeEvent)
        _refuse_beyond(depth, nodes, document, event.start_mark)


def _refuse_beyond(depth: int, nodes: int, document: Document, mark: Any) -> None:
    if depth > _MAX_DEPTH:
        raise FileFaults(
            [
                document.fault(
                    (), f"a document must not be nested deeper than {_MAX_DEPTH} levels", _mark(mark)
                )
            ]
        )
    if nodes > _MAX_NODES:
        message = f"a pipeline file must not have more than {_MAX_NODES:,} values"
        raise FileFaults([document.fault((), message, _mark(mark))])


_Pairs = list[tuple[yaml.Node, yaml.Node]]


class _Builder:
    """Builds the values and places of one document from its nodes."""

    def __init__(self, document: Document, loader: Any) -> None:
        self.document = document
        self.loader = loader
        self.nodes = 0

    def build(self, node: yaml.Node, path: KeyPath, key: Mark, own_key: Any = "") -> Any:
        """Return the plain value of ``node`` and record its place; an alias counts as what it stands for."""
        self._count(len(path), node)
        value = _mark(node.start_mark)
        text = node.value if isinstance(node, yaml.ScalarNode) and not node.style else None
        plain = text if node.tag != _TAG + "str" else None
        self.document.places[path] = Place(self.document.file, path, key, value, plain, own_key=own_key)
        if node.tag not in _PLAIN:
            shown = node.tag.replace(_TAG, "!!")
            self._fault(path, f"the tag {shown[:80]} is not supported: write plain values", value)
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [
                self.build(item, (*path, index), _mark(item.start_mark))
                for index, item in enumerate(node.value)
            ]
        return self._scalar(node, path, value)

    def _count(self, depth: int, node: yaml.Node) -> None:
        self.nodes += 1
        _refuse_beyond(depth, self.nodes, self.document, node.start_mark)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        own, inherited = self._pairs(node, path, ())
        for key_node, value_node in own:
            mark = _mark(key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode):
                self._fault(path, 'a key must be plain text; write a template in quotes, as "{{ ds }}"', mark)
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key in result:
                first = self.document.places[here].key.line
                self._fault(here, f"is a duplicate key (first at line {first})", mark)
                continue
            self._refuse_environment_name(key, here, mark)
            result[key] = self.build(value_node, here, mark, self._own_key(key_node))
        for key_node, value_node in inherited:
            if isinstance(key_node, yaml.ScalarNode) and (key := str(key_node.value)) not in result:
                mark = _mark(key_node.start_mark)
                result[key] = self.build(value_node, (*path, key), mark, self._own_key(key_node))
        return result

    def _own_key(self, node: yaml.ScalarNode) -> float | bool | str | None:
        """Return what YAML reads a key as, empty for text; a key that cannot be read is text."""
        text = str(node.value)
        if node.style or not text or len(text) > _LONGEST_NUMBER:
            return ""
        if _EXPONENT.fullmatch(text):
            return float(text)
        try:
            found = self.loader.construct_object(node) if node.tag in _KEYS else ""
        except (ValueError, OverflowError, yaml.YAMLError):
            return ""
        return found if found is None or isinstance(found, int | float) else ""

    def _pairs(
        self, node: yaml.MappingNode, path: KeyPath, inside: tuple[yaml.Node, ...]
    ) -> tuple[_Pairs, _Pairs]:
        """Return a mapping's own pairs, and those of ``<<``, of which the first with a key counts."""
        own: _Pairs = []
        inherited: _Pairs = []
        for key, value in node.value:
            self._count(len(path) + len(inside), key)
            if key.tag != _TAG + "merge":
                own.append((key, value))
                continue
            for item in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if not isinstance(item, yaml.MappingNode) or item in (node, *inside):
                    message = "<< must be another mapping or a list of mappings, as *name"
                    self._fault(path, message, _mark(key.start_mark))
                else:
                    for pairs in self._pairs(item, path, (*inside, node)):
                        inherited += pairs
        return own, inherited

    def _scalar(self, node: yaml.Node, path: KeyPath, mark: Mark) -> Any:
        text = str(node.value)
        plain = not node.style  # type: ignore[attr-defined]
        if plain and _EXPONENT.fullmatch(text):
            return float(text)  # YAML 1.1 reads 1e-3 as text
        if node.tag in _NUMBERS and len(text) > _LONGEST_NUMBER:
            self._fault(
                path,
                f"a number must not have {len(text):,} characters: write it in quotes if it is text",
                mark,
            )
            return None
        if node.tag == _TAG + "str":
            self._refuse_environment_name(text, path, mark)
        try:
            value = self.loader.construct_object(node)
        except (ValueError, OverflowError, yaml.YAMLError) as error:
            problem = getattr(error, "problem", None) or str(error).splitlines()[0]
            self._fault(path, f"cannot be read ({problem[:80]}): write it in quotes if it is text", mark)
            return None
        if plain and (unlike := surprise(text, value, word=isinstance(path[-1] if path else "", int))):
            self._fault(path, unlike, mark)
        return value

    def _refuse_environment_name(self, text: str, path: KeyPath, mark: Mark) -> None:
        if message := environment_name_in(text):
            self._fault(path, message, mark)

    def _fault(self, path: KeyPath, message: str, mark: Mark) -> None:
        if len(self.document.faults) < _MAX_FAULTS:
            self.document.faults.append(self.document.fault(path, message, mark))


def surprise(text: str, value: Any, *, word: bool) -> str | None:
    """Return how YAML 1.1 reads an unquoted value when that is not what it looks like, or None.

    :param word: whether a word such as ``no`` is probably meant as text, as in a list or as a key.
    """
    if isinstance(value, int | float) and ":" in text:
        return f"YAML reads {text} as the number {value}: write it in quotes"
    if isinstance(value, int) and not isinstance(value, bool) and _OCTAL.fullmatch(text):
        return f"YAML reads {text} as the octal number {value}: write {value}, or it in quotes"
    if isinstance(value, bool) and word and text.lower() in _WORDS:
        return f"YAML reads {text} as {str(value).lower()}: write it in quotes, or {str(value).lower()}"
    return None
