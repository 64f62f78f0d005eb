"""What an estimator learns: the classes behind a dotted path, and whether they predict probabilities."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from airflow_mlops.config.lint.classes import lineage
from airflow_mlops.config.lint.finding import Subject, is_template
from airflow_mlops.config.lint.libraries import Installed, NotChecked, NotThere
from airflow_mlops.config.lint.library_questions import MIXIN_TASKS
from airflow_mlops.config.lint.source import Definition, Module, Sources
from airflow_mlops.config.lint.syntax import bound_names, own_nodes
from airflow_mlops.config.space import sampled_values
from airflow_mlops.training.core.metric_facts import CLASSIFICATION, REGRESSION

_MAX_CALLS: Final = 5
_PIPELINES: Final = ("make_pipeline", "Pipeline")
_SEARCHES: Final = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")
_TASKS: Final = {"classifier": CLASSIFICATION, "regressor": REGRESSION}
_WITHOUT_TARGET: Final = {
    "clusterer": "finds groups by itself",
    "outlier_detector": "finds outliers by itself",
}


@dataclass(frozen=True)
class Learner:
    """A class that learns.

    ``kind`` is what scikit-learn calls it (``classifier``, ``clusterer``, …), None when it does not say.
    ``complete`` says that it has what every estimator has, and ``known`` that all its bases could be read.
    ``values`` are its parameters, each with every value that it can get (none: not known), or None when
    nothing is known of them. ``owner`` is the library's class that its ``predict_proba`` comes from.
    """

    name: str
    kind: str | None
    complete: bool
    known: bool
    has_probability: bool
    values: Mapping[str, Sequence[Any]] | None
    owner: Installed | None

    @property
    def task(self) -> str | None:
        """What it does, as ``METRIC_FACTS`` has it; None when that is not known."""
        if self.kind is not None:
            return _TASKS.get(self.kind)
        if not self.known:
            return None
        return CLASSIFICATION if self.has_probability else REGRESSION

    @property
    def other(self) -> str | None:
        """What it does when it does not learn a target at all."""
        return _WITHOUT_TARGET.get(self.kind or "")

    def lacks_probability(self) -> str | None:
        """Say why there is no ``predict_proba``; None when there may be one."""
        if not self.has_probability:
            return f"{self.name} does not have" if self.known else None
        if self.owner is None or self.values is None:
            return None
        values = {
            name: [] if any(map(is_template, candidates)) else candidates
            for name, candidates in self.values.items()
        }
        try:
            reason = self.owner.ask("without_probability", values=values)
        except NotChecked:
            return None
        return reason and f"{self.name} does not have with these parameters: {reason}"


def possible_values(subject: Subject) -> Mapping[str, Sequence[Any]]:
    """Return the parameters that the file gives, each with every value that it can get (none: not known)."""
    params, space = subject.written("train", "params"), subject.written("train", "tune", "space")
    return {name: [value] for name, value in params.items()} | {
        name: sampled_values(form) if isinstance(form, list) and form else [] for name, form in space.items()
    }


def learners(dotted: str, sources: Sources, values: Mapping[str, Sequence[Any]]) -> list[Learner]:
    """Return the class, or the classes that a function returns; empty when reading cannot tell."""
    try:
        installed = sources.installed(dotted)
        if installed is not None:
            return [_of_library(dotted, installed, values)]
        found = sources.find(dotted)
        if isinstance(found.node, ast.ClassDef):
            return [_of_source(dotted, found, sources, values)]
        return list(_returned(found, sources, 0))
    except (NotChecked, NotThere):
        return []


def _of_library(name: str, installed: Installed, values: Mapping[str, Sequence[Any]] | None) -> Learner:
    found = installed.describe()
    if found.kind != "class":
        raise NotChecked(f"{name} is a function of a library")
    methods = set(found.methods)
    complete = methods >= {"fit", "predict", "__sklearn_tags__"}
    probability = "predict_proba" in methods
    return Learner(name, found.task, complete, True, probability, values, installed)


def _of_source(
    name: str, found: Definition, sources: Sources, values: Mapping[str, Sequence[Any]] | None
) -> Learner:
    """Return a class as its source tells it, or as its library does."""
    installed = sources.installed(found.path)
    if installed is not None:
        return _of_library(name, installed, values)
    line = lineage(found, sources)
    kind = next((kind for mixin, kind in MIXIN_TASKS.items() if mixin in line.names), None)
    known = line.gap is None
    complete = not known or all(map(line.has, ("fit", "predict", "__sklearn_tags__")))
    owner = next((item for item in line.classes if item.has("predict_proba")), None)
    where = sources.installed(owner.path) if owner else None
    return Learner(name, kind, complete, known, owner is not None, values, where)


def _returned(found: Definition, sources: Sources, depth: int) -> Iterator[Learner]:
    """Yield the classes that a function returns; raises NotChecked when one of them is unclear."""
    node = found.node
    if depth > _MAX_CALLS or not isinstance(node, ast.FunctionDef) or node.decorator_list:
        raise NotChecked("not a plain function")
    nodes = list(own_nodes(node.body))
    results = [item.value for item in nodes if isinstance(item, ast.Return)]
    if not results:
        raise NotChecked("it returns nothing")
    imports = (item for item in nodes if isinstance(item, ast.Import | ast.ImportFrom))
    imported = {name: item for item in imports for name in bound_names(item)}
    module = replace(found.module, names={**found.module.names, **imported})
    scope = _Scope(module, [item for item in nodes if isinstance(item, ast.Assign)], sources, depth)
    for result in results:
        yield from scope.learners(result)


@dataclass(frozen=True)
class _Scope:
    """A function's body: what its names stand for."""

    module: Module
    assignments: Sequence[ast.Assign]
    sources: Sources
    depth: int

    def learners(self, node: ast.expr | None) -> Iterator[Learner]:
        """Yield the classes that an expression creates; raises NotChecked when it is not a plain call."""
        if isinstance(node, ast.IfExp):
            yield from self.learners(node.body)
            yield from self.learners(node.orelse)
        elif isinstance(node, ast.Name):
            yield from self.learners(self._assigned(node.id))
        elif isinstance(node, ast.Call):
            yield from self._called(node)
        else:
            raise NotChecked("not a call")

    def _called(self, node: ast.Call) -> Iterator[Learner]:
        found = self.sources.meaning(node.func, self.module)
        name = found.node.name
        if name in _PIPELINES or name in _SEARCHES:
            yield from self.learners(_last_step(node) if name in _PIPELINES else _argument(node, "estimator"))
        elif isinstance(found.node, ast.ClassDef):
            yield _of_source(name, found, self.sources, _constants(node))
        else:
            yield from _returned(found, self.sources, self.depth + 1)

    def _assigned(self, name: str) -> ast.expr:
        found = [
            item.value
            for item in self.assignments
            if any(isinstance(target, ast.Name) and target.id == name for target in item.targets)
        ]
        if len(found) != 1 or isinstance(found[0], ast.Name):
            raise NotChecked(f"{name} is not assigned once")
        return found[0]


def _argument(node: ast.Call, name: str) -> ast.expr | None:
    return next((word.value for word in node.keywords if word.arg == name), next(iter(node.args), None))


def _last_step(node: ast.Call) -> ast.expr | None:
    """Return the estimator at the end of ``make_pipeline(a, b)`` or ``Pipeline([("a", a), ("b", b)])``."""
    steps = _argument(node, "steps")
    if isinstance(steps, ast.List | ast.Tuple) and steps.elts:
        last = steps.elts[-1]
        return last.elts[-1] if isinstance(last, ast.Tuple) and last.elts else None
    return node.args[-1] if node.args and isinstance(node.args[-1], ast.Call | ast.Name) else None


def _constants(node: ast.Call) -> Mapping[str, Sequence[Any]] | None:
    """Return the keywords of a call, each with its value if that is a constant; None for ``**values``."""
    if any(word.arg is None for word in node.keywords):
        return None
    return {
        str(word.arg): [word.value.value] if isinstance(word.value, ast.Constant) else []
        for word in node.keywords
    }
