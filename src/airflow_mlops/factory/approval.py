"""The human approval of a deploy, with the evidence in the request."""

from __future__ import annotations

from airflow_mlops.config.models import Approve, Pipeline
from airflow_mlops.operators.approve import ApproveOperator

_VERSION = "{{ ti.xcom_pull(task_ids='prepare').model_version }}"
_BODY = """\
{% set request = ti.xcom_pull(task_ids="prepare") %}
| | |
|---|---|
| model | `{{ request.name }}` |
| version asked for | **{{ request.model_version }}** |
| champion now | {{ request.champion_version or "none: this is the first" }} |
{% for name, value in request.metrics.items() -%}
| {{ name }} | {{ "%.4f" | format(value) }} |
{% endfor %}
{% for c in request.comparisons -%}
- **{{ c.metric }}** against the champion on the same rows: {{ "%+.4f" | format(c.difference) }}
  (95 % interval {{ "%+.4f" | format(c.low) }} to {{ "%+.4f" | format(c.high) }}, limit `{{ c.limit }}`)
{% endfor %}
"""


def approval(pipeline: Pipeline, approve: Approve) -> ApproveOperator:
    """Return the task that asks one of ``approve.by``, with the evidence in the request."""
    on_timeout = ApproveOperator.APPROVE if approve.on_timeout == "approve" else ApproveOperator.REJECT
    return ApproveOperator(
        task_id="approve",
        subject=f"Deploy version {_VERSION} of {pipeline.name}?",
        body=_BODY,
        defaults=on_timeout,
        response_timeout=approve.within,
        assigned_users=[{"id": user, "name": user} for user in approve.by],
    )
