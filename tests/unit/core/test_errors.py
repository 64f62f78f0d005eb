from __future__ import annotations

import pytest

from airflow_mlops.core import errors


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (errors.MlopsError, False),
        (errors.ConfigError, False),
        (errors.DataRejected, False),
        (errors.GateRejected, False),
        (errors.NothingToDo, False),
        (errors.RolloutConflict, False),
        (errors.BackendError, True),
    ],
)
def test_only_what_an_external_service_did_is_tried_again(
    error: type[errors.MlopsError], retryable: bool
) -> None:
    raised = error("why")
    assert isinstance(raised, errors.MlopsError)
    assert raised.retryable is retryable
    assert str(raised) == "why"


def test_a_wrong_configuration_is_a_wrong_value() -> None:
    assert issubclass(errors.ConfigError, ValueError)


def test_a_rejected_candidate_has_its_figures() -> None:
    assert str(errors.GateRejected("why", {"f1": 0.5})) == "why"
    assert errors.GateRejected("why", {"f1": 0.5}).record == {"f1": 0.5}
    assert errors.GateRejected("why").record is None
