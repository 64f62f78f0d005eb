"""Templates get Airflow's values for the moment, or are refused in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.local_run.templates import rendered

START, END = datetime(2024, 2, 29, 6, 30, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)


def fill(text: Any) -> Any:
    config = {"data": {"source": {"filepath": text}}}
    found = rendered(config, start=START, end=END, run_id="laptop__1", where="churn.yaml")
    return found["data"]["source"]["filepath"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain", "plain"),
        ("{{ ds }}/{{ ds_nodash }}", "2024-02-29/20240229"),
        ("{{ ts }}", "2024-02-29T06:30:00+00:00"),
        ("{{ ts_nodash }} {{ ts_nodash_with_tz }}", "20240229T063000 20240229T063000+0000"),
        ("{{ data_interval_end | ds }} {{ logical_date | ts_nodash }}", "2024-03-01 20240229T063000"),
        ("{{ logical_date.subtract(months=1).format('YYYY-MM') }}", "2024-01"),
        (
            "{{ macros.ds_add(ds, 1) }} {{ macros.ds_format(ds, '%Y-%m-%d', '%d.%m.%y') }}",
            "2024-03-01 29.02.24",
        ),
        ("{{ (logical_date + macros.timedelta(days=1)) | ds }} {{ run_id }}", "2024-03-01 laptop__1"),
        ("{% for n in range(2) %}{{ n }}{% endfor %}{# no word #}", "01"),
        ("{{ as_of | ds }} {{ as_of == data_interval_end }}", "2024-03-01 True"),
        (["a", "{{ ds }}"], ["a", "2024-02-29"]),
        (7, 7),
    ],
)
def test_what_airflow_knows_too(text: Any, found: Any) -> None:
    assert fill(text) == found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{ var.value.lake }}", "asks for 'var', which only Airflow knows"),
        ("{{ dss }}", "asks for 'dss' (did you mean ds?)"),
        ("{{ macros.uuid4() }}", "a run without Airflow lacks it"),
        ("{{ ds", "cannot be rendered"),
        ("{{ macros.ds_add('x', 1) }}", "cannot be rendered"),
        ("{{ ds.__class__.__mro__ }}", "cannot be rendered"),
        ("{{ 1 / 0 }}", "cannot be rendered: division by zero"),
        ("{{ '{x}'.format() }}", "cannot be rendered: 'x'"),
        ("{{ macros.timedelta(days=10 ** 12) }}", "cannot be rendered"),
    ],
)
def test_the_rest_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fill(text)
    assert str(caught.value).startswith("churn.yaml: data.source.filepath: ")
    assert told in str(caught.value)
