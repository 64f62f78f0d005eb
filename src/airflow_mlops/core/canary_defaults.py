"""The defaults of a canary: of the pipeline file's section, and of a plan that is built by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

STEPS: Final = (5, 25, 50)
"""Canary traffic per step, in percent."""
HOLD: Final = timedelta(minutes=30)
STEP_TIMEOUT: Final = timedelta(hours=6)
PAUSE_TIMEOUT: Final = timedelta(days=3)
MIN_REQUESTS: Final = 100
SETTLE: Final = timedelta(seconds=30)
"""A new version's first time with traffic that guard ``latency_p95`` reports and does not judge."""
ALPHA: Final = 0.05
MAX_RATIO: Final = 2.0
TOLERANCE: Final = None
"""Measured: it follows the champion's own failures when a rollout begins."""
ON_INCONCLUSIVE: Final = "pause"
LEASE_S: Final = 120.0
"""Seconds that a canary keeps its traffic when nobody polls its rollout."""
