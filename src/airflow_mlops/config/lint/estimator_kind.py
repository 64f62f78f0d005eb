"""What an estimator learns: which classes a dotted path comes to, and whether they give probabilities."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from airflow_mlops.config.lint.classes import Lineage, lineage
from airflow_mlops.config.lint.finding import Subject
from airflow_mlops.config.lint.source import Definition, NotChecked, NotThere, Sources
from airflow_mlops.config.space import sampled_values
from airflow_mlops.training.core.metric_facts import CLASSIFICATION, REGRESSION

_DEEPEST: Final = 5
_LAST: Final = {"make_pipeline": "steps", "Pipeline": "steps"}
_ABOUT: Final = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")
_IF: Final[Mapping[str, tuple[str, Any, tuple[Any, ...]]]] = {
    "SVC": ("probability", False, (True,)),
    "NuSVC": ("probability", False, (True,)),
    "SGDClassifier": ("loss", "hinge", ("log_loss", "modified_huber")),
    "VotingClassifier": ("voting", "hard", ("soft",)),
}
"""Classes of scikit-learn that give probabilities only with some values: parameter, default, those."""
_OTHERS: Final = {
    "ClusterMixin": "finds groups by itself",
    "OutlierMixin": "finds outliers by itself",
}


@dataclass(frozen=True)
class Learner:
    """A class that learns.

    ``given`` are its parameters, each with every value that it can get (none: not known), or None when
    nothing is known of them.
    """

    name: str
    line: Lineage
    given: Mapping[str, Sequence[Any]] | None

    @property
    def whole(self) -> bool:
        """Whether it has what every estimator has."""
        return bool(self.line.gap) or all(map(self.line.has, ("fit", "predict", "__sklearn_tags__")))

    @property
    def task(self) -> str | None:
        """What it does, as ``METRIC_FACTS`` has it; None when the source does not say."""
        if "ClassifierMixin" in self.line.names:
            return CLASSIFICATION
        if "RegressorMixin" in self.line.names:
            return REGRESSION
        if self.line.gap or self.other:
            return None
        return CLASSIFICATION if self.line.has("predict_proba") else REGRESSION

    @property
    def other(self) -> str | None:
        """What it does when it does not learn a target at all."""
        if self.line.names & {"ClassifierMixin", "RegressorMixin"}:
            return None
        return next((what for mixin, what in _OTHERS.items() if mixin in self.line.names), None)

    def lacks_probability(self) -> str | None:
        """Say why there is no ``predict_proba``; None when there may be one."""
        if self.line.gap:
            return None
        if not self.line.has("predict_proba"):
            return f"{self.name} does not have"
        owner = next((item.node.name for item in self.line.classes if item.node.name in _IF), None)
        if owner is None or self.given is None:
            return None
        parameter, default, good = _IF[owner]
        values = self.given.get(parameter, [default])
        templated = any(isinstance(value, str) and "{{" in value for value in values)
        if templated or all(value in good for value in values):
            return None
        return f"{self.name} has only with {parameter}: {' or '.join(map(_written, good))}"


def given(subject: Subject) -> Mapping[str, Sequence[Any]]:
    """Return the parameters that the file gives, each with every value that it can get (none: not known)."""
    params, space = subject.written("train", "params"), subject.written("train", "tune", "space")
    return {name: [value] for name, value in params.items()} | {
        name: sampled_values(form) if isinstance(form, list) and form else [] for name, form in space.items()
    }


def learners(dotted: str, sources: Sources, given: Mapping[str, Sequence[Any]]) -> list[Learner]:
    """Return what a class, or a function that returns an estimator, comes to; empty when nobody can tell."""
    try:
        found = sources.find(dotted)
        if isinstance(found.node, ast.ClassDef):
            return [Learner(dotted, lineage(found, sources), given)]
        return list(_returned(found, sources, 0))
    except (NotChecked, NotThere):
        return []


def _returned(found: Definition, sources: Sources, depth: int) -> Iterator[Learner]:
    """Yield what each ``return`` of a function comes to; raises NotChecked when one of them is unclear."""
    node = found.node
    if depth > _DEEPEST or not isinstance(node, ast.FunctionDef) or node.decorator_list:
        raise NotChecked("not a plain function")
    scope = _Scope(found, sources, depth)
    results = [item.value for item in own_statements(node.body) if isinstance(item, ast.Return)]
    if not results:
        raise NotChecked("it returns nothing")
    for result in results:
        yield from scope.learners(result)


def own_statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a function, not those of functions and classes inside it."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for inner in ("body", "orelse", "finalbody"):
            yield from own_statements(getattr(node, inner, ()))
        for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            yield from own_statements(part.body)


@dataclass(frozen=True)
class _Scope:
    """A function's body: what its names stand for."""

    function: Definition
    sources: Sources
    depth: int

    def learners(self, node: ast.expr | None) -> Iterator[Learner]:
        """Yield what an expression comes to; raises NotChecked when it is not a plain call."""
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
        found = self._definition(node.func)
        name = found.node.name
        if name in _LAST or name in _ABOUT:
            yield from self.learners(_last_step(node) if name in _LAST else _argument(node, "estimator"))
        elif isinstance(found.node, ast.ClassDef):
            yield Learner(name, lineage(found, self.sources), _constants(node))
        else:
            yield from _returned(found, self.sources, self.depth + 1)

    def _definition(self, node: ast.expr) -> Definition:
        if isinstance(node, ast.Name):
            for item in own_statements(self.function.node.body):
                if isinstance(item, ast.ImportFrom) and not item.level:
                    for alias in item.names:
                        if (alias.asname or alias.name) == node.id:
                            return self.sources.find(f"{item.module}:{alias.name}")
            return self.sources.named(self.function.module, node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            origin = self.function.module.names.get(node.value.id)
            if isinstance(origin, ast.ImportFrom) and not origin.level:
                real = next(item.name for item in origin.names if (item.asname or item.name) == node.value.id)
                return self.sources.find(f"{origin.module}.{real}:{node.attr}")
        raise NotChecked("not a plain name")

    def _assigned(self, name: str) -> ast.expr:
        found = [
            item.value
            for item in own_statements(self.function.node.body)
            if isinstance(item, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == name for target in item.targets)
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
    """Return the keywords of a call, each with its value if that is a constant; None for ``**given``."""
    if any(word.arg is None for word in node.keywords):
        return None
    return {
        str(word.arg): [word.value.value] if isinstance(word.value, ast.Constant) else []
        for word in node.keywords
    }


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
