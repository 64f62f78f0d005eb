"""What a place that serves models must be able to do for a rollout."""

from __future__ import annotations

from typing import Protocol

from airflow_mlops.rollout.core import Health, Observation


class Target(Protocol):
    """A place that serves models and splits traffic between two versions.

    All calls are idempotent and absolute: the same call twice leaves the same state. They raise
    BackendError when the place does not answer (retryable) and ConfigError when it refuses the caller.
    """

    def ensure(self, version: int, model_uri: str) -> Health:
        """Have ``version`` loaded from ``model_uri``; returns how it is, without waiting for ever."""
        ...

    def set_weight(self, version: int, champion: int | None, percent: int) -> None:
        """Send ``percent`` (0 to 100) of the traffic to ``version`` and the rest to ``champion``."""
        ...

    def shadow(self, version: int, champion: int) -> None:
        """Have ``version`` answer a copy of every request of ``champion`` off the caller's path.

        The next ``set_weight`` ends it. Raises ConfigError when the place cannot do that.
        """
        ...

    def observe(self, version: int, champion: int | None, since: int | None) -> Observation:
        """Return health, true traffic share and the counts of all weight epochs after ``since``.

        Only epochs in which exactly these two versions shared the traffic count; None asks for no counts.
        """
        ...

    def current_weight(self, version: int) -> int:
        """Return the percent of traffic that ``version`` really gets."""
        ...

    def finalize(self, champion: int | None) -> None:
        """Send all traffic to ``champion`` (None: to nobody) and let go of every other version."""
        ...
