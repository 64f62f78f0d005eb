"""A row of the life-cycle table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Kind = Literal["train", "deploy", "monitor"]
Has = Callable[[str], bool]
"""Whether a pipeline has the section of a dotted name such as ``train.tune``."""

_WRITTEN: Final = {"evaluate.asks": "evaluate.on_inconclusive: ask"}
_PACKAGE: Final = "airflow_mlops"
_ATTRIBUTES: Final = {"validate": "validate_"}
"""Section names that are not the attribute of the model: ``validate`` is a method of pydantic's."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One row.

    ``does`` says in one sentence what the task does, ``rejection`` what happens when it rejects. ``section``
    is the section of the pipeline file that the task exists with, empty for a task that always exists;
    ``without`` is one that leaves nothing to do for it. ``config`` lists the top-level keys of the file that
    it reads, besides ``name``; ``may_read`` those that it does without where a configuration has only some.
    ``record`` is the class of its record in ``core.records``. ``inputs`` maps an
    input to the task whose record it is; ``after`` is order without data; ``reads`` maps an input to an
    earlier task whose record, if there is one, is read when the task runs, without another edge. ``outlet``
    is the last part of the asset that the task updates, ``event`` maps the keys of its asset event to those
    of its record. ``mapped``: one instance per tuning worker. ``repeats`` is the key with the number of
    tasks in a row that do the same, ``continues`` the input that takes the record of the one before; ``of``
    is the row that a further one repeats. ``stage`` and ``operator`` are import paths, by default those named
    after the task.
    """

    id: str
    dag: Kind
    does: str
    record: str
    section: str = ""
    without: str = ""
    config: tuple[str, ...] = ()
    may_read: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    reads: Mapping[str, str] = field(default_factory=dict)
    outlet: str | Callable[[Has], str] = ""
    event: Mapping[str, str] = field(default_factory=dict)
    rejection: str = ""
    mapped: bool = False
    repeats: str = ""
    continues: str = ""
    of: str = ""
    teardown: bool = False
    trigger_rule: str = "all_success"
    stage: str = ""
    operator: str = ""

    @property
    def row_id(self) -> str:
        """The id in the table, which a task that repeats another one shares with it."""
        return self.of or self.id

    @property
    def sections(self) -> tuple[str, ...]:
        """The top-level keys of the file that the task reads, those that it may do without included."""
        return (*self.config, *self.may_read)

    @property
    def exists_with(self) -> str:
        """What a file must have for the task to exist, as it is written there; empty for nothing."""
        return _WRITTEN.get(self.section, self.section)

    @property
    def stage_module(self) -> str:
        """Import path of the module whose ``run(call)`` does the work."""
        return self.stage or f"{_PACKAGE}.stages.{self.id}"

    @property
    def operator_class(self) -> str:
        """Import path, as ``module:Class``, of the Airflow operator."""
        return self.operator or f"{_PACKAGE}.operators.{self.id}:{self.id.capitalize()}Operator"

    @property
    def operator_module(self) -> str:
        """Name of the operator's module in ``airflow_mlops.operators``."""
        return self.operator_class.partition(":")[0].rpartition(".")[2]

    def exists(self, pipeline: Any) -> bool:
        """Whether a pipeline has the task."""
        if self.without and has_section(pipeline, self.without):
            return False
        return not self.section or has_section(pipeline, self.section)

    def updates(self, pipeline: Any) -> str | None:
        """Return the last part of the asset that the task updates, or None."""
        if callable(self.outlet):
            return self.outlet(lambda name: has_section(pipeline, name))
        return self.outlet or None


GENERIC_OPERATOR: Final = f"{_PACKAGE}.operators.base:StageOperator"
"""The operator of a stage that needs no arguments of its own: name it in the row, and write no class."""


def has_section(pipeline: Any, name: str) -> bool:
    """Whether a pipeline has the section of a dotted name such as ``train.tune``."""
    found = pipeline
    for key in name.split("."):
        found = getattr(found, _ATTRIBUTES.get(key, key), None)
        if not found:
            return False
    return True
