"""Great Expectations' own page of validation results, as its Data Docs show it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from airflow_mlops.config.expectations import TYPE
from airflow_mlops.core.records import ValidationReport
from airflow_mlops.data.validation import great_expectations as gx
from airflow_mlops.data.validation.outcome import Outcome, plain

_OF_TYPE = "expect_column_values_to_be_of_type"


@gx.quiet()
def data_docs_page(
    report: ValidationReport, outcomes: Sequence[Outcome], *, pipeline: str, when: datetime
) -> str:
    """Return the page of Data Docs with these results; it loads its style from the web when it is opened.

    :param when: time of the validation.

    What it quotes of the rows is what ``outcomes`` quote.
    """
    import great_expectations.expectations  # noqa: F401 - registers how each expectation is rendered
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    results = [_result(outcome, report.rows) for outcome in outcomes if not outcome.item.is_own]
    met = sum(bool(result.success) for result in results)
    whole = ExpectationSuiteValidationResult(
        success=report.passed,
        results=results,
        suite_name=pipeline,
        suite_parameters={},
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": met,
            "unsuccessful_expectations": len(results) - met,
            "success_percent": 100 * met / max(len(results), 1),
        },
        meta={"run_id": {"run_name": report.digest[:12], "run_time": when.isoformat()}},
    )
    return str(DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(whole)))


def _result(outcome: Outcome, rows: int) -> Any:
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    item, failure = outcome.item, outcome.failure
    arguments = {key: _shown(value) for key, value in item.arguments.items() if key not in gx.NOT_ARGUMENTS}
    name = item.name
    if name == TYPE:
        name, arguments = _OF_TYPE, {"column": arguments["column"], "type_": arguments.get("type", "")}
    found: dict[str, Any] = {"observed_value": html.escape(outcome.observed)}
    if failure is not None and failure.rows is not None:
        found |= {
            "element_count": rows,
            "unexpected_count": failure.rows,
            "unexpected_percent": 100 * failure.rows / max(rows, 1),
            "partial_unexpected_list": [html.escape(cell) for cell in failure.examples],
        }
    return ExpectationValidationResult(
        success=failure is None,
        expectation_config=ExpectationConfiguration(type=name, kwargs=arguments),
        result=found,
        exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
    )


def _shown(value: Any) -> Any:
    """Return an argument as the renderer takes it: plain values, and texts cut short and escaped."""
    if isinstance(value, list | tuple | set):
        return [_shown(item) for item in value]
    return value if isinstance(value, int | float | dict) or value is None else html.escape(plain(value))
