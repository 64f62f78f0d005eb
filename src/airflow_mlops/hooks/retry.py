"""The retry policy: failures that a second try would only repeat."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from airflow.sdk import RetryDecision, RetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context

_MISTAKES: Final = (
    TypeError, AttributeError, NameError, ImportError, SyntaxError, LookupError, AssertionError,
    NotImplementedError, ArithmeticError,
)  # fmt: skip


class FailFastRetryPolicy(RetryPolicy):
    """Fails a task at once for a mistake in code and for the exceptions that it is given.

    Errors of this package never get here: ``hooks.errors`` translates the permanent ones first.
    Everything else is retried after the task's own delays.

    :param exceptions: dotted paths of exceptions, subclasses included; compared by name, never imported.
    """

    def __init__(self, exceptions: Iterable[str] = ()) -> None:
        self.exceptions = frozenset(path.replace(":", ".") for path in exceptions)

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 - Airflow's signature
        max_tries: int,  # noqa: ARG002
        context: Context | None = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Return ``fail`` with the reason, or leave it to the task's retries."""
        kind = type(exception)
        if isinstance(exception, _MISTAKES):
            return RetryDecision.fail(f"{kind.__name__} is a mistake in code: a retry would repeat it")
        named = {f"{parent.__module__}.{parent.__qualname__}" for parent in kind.__mro__}
        if found := sorted(named & self.exceptions):
            return RetryDecision.fail(f"{found[0]} is in retry.fail_on")
        return RetryDecision.default()


FailAtOnce = FailFastRetryPolicy
"""The earlier name, for DAG files that import it."""
