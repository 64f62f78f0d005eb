"""The records of the last fit: the registered model, and how it agrees with the judged one."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_mlops.core.records.training import ModelRef


@dataclass(frozen=True)
class Agreement:
    """How far the registered model and its judged twin agree on the rows of the hold-out.

    ``equal`` is the share of equal labels, of classifiers. ``correlation`` and ``difference`` (the mean
    absolute one) are those of their scores or predicted numbers. What does not exist is None.
    """

    rows: int
    equal: float | None = None
    correlation: float | None = None
    difference: float | None = None

    def __str__(self) -> str:
        parts = [] if self.equal is None else [f"{100 * self.equal:.1f} % equal labels"]
        if self.correlation is not None:
            parts.append(f"correlation {self.correlation:.3f}")
        if self.difference is not None:
            parts.append(f"mean difference {self.difference:.3g}")
        return ", ".join(parts)


@dataclass(frozen=True, kw_only=True)
class Refit(ModelRef):
    """The model to register: the same estimator and parameters as those of ``judged``, fitted on all rows.

    ``caution`` says what is striking about their ``agreement``; empty for nothing. ``kept`` says why it is
    the judged model itself; empty when it is not.
    """

    judged: ModelRef
    agreement: Agreement | None = None
    caution: str = ""
    kept: str = ""

    @property
    def summary(self) -> str:
        """Rows, MLflow run, agreement with the judged model, and a caution about it."""
        if self.kept:
            return f"the judged model is registered: {self.kept}"
        before = f"the judged model: {self.judged.rows:,}"
        text = f"fitted on {self.rows:,} rows, the hold-out among them ({before}), in MLflow as run "
        text += f"{self.run_id[:8]}; the two agree on the hold-out: {self.agreement}"
        return text + (f"; {self.caution}" if self.caution else "")

    @property
    def beside_figures(self) -> str:
        """What a reader of the judged model's figures should know about the registered one."""
        agreed = f"; the two agree on the hold-out: {self.agreement}" if self.agreement else ""
        text = (
            f"The registered model has learned all {self.rows:,} rows, the hold-out among them. The figures "
            f"are those of the judged model, which has learned {self.judged.rows:,}{agreed}."
        )
        return f"{text} Caution: {self.caution}." if self.caution else text
