"""The differences between groups that a pipeline file can limit, and the rate that each is about.

It loads nothing heavy: every DAG file that is parsed reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DEMOGRAPHIC_PARITY: Final = "demographic_parity_difference"
EQUAL_OPPORTUNITY: Final = "equal_opportunity_difference"
RATES: Final[Mapping[str, str]] = {
    DEMOGRAPHIC_PARITY: "selection rate",
    EQUAL_OPPORTUNITY: "true positive rate",
}
