"""The few calls of Airflow's REST API that the demo makes."""

from __future__ import annotations

from typing import Any

import httpx

from demo.layout import USER, DemoError, Layout

Json = dict[str, Any]


class Airflow:
    """A client of the demo's Airflow, logged in as its one user."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._client = httpx.Client(base_url=layout.airflow_url, timeout=30, trust_env=False)

    def healthy(self) -> bool:
        """Whether scheduler, triggerer and DAG processor all say that they live."""
        try:
            answer = self._client.get("/api/v2/monitor/health")
        except httpx.HTTPError:
            return False
        parts = answer.json() if answer.status_code == 200 else {}
        return all(
            parts.get(name, {}).get("status") == "healthy"
            for name in ("scheduler", "triggerer", "dag_processor")
        )

    def log_in(self) -> None:
        """Get a token; raises DemoError when the user is refused."""
        answer = self._client.post("/auth/token", json={"username": USER, "password": self._layout.password})
        if answer.status_code >= 300:
            raise DemoError(
                f"Airflow refused the log-in of {USER!r}: {answer.status_code} {answer.text[:200]}"
            )
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, **kwargs: Any) -> Json:
        """Call ``/api/v2<path>``; raises DemoError with Airflow's own words when it refuses."""
        answer = self._client.request(method, f"/api/v2{path}", **kwargs)
        if answer.status_code == 401:
            self.log_in()
            answer = self._client.request(method, f"/api/v2{path}", **kwargs)
        if answer.status_code >= 300:
            raise DemoError(f"Airflow refused {method} {path}: {answer.status_code} {answer.text[:300]}")
        found: Json = answer.json() if answer.content else {}
        return found

    def dags(self) -> set[str]:
        return {dag["dag_id"] for dag in self.call("GET", "/dags", params={"limit": 100})["dags"]}

    def import_errors(self) -> list[str]:
        return [error["stack_trace"] for error in self.call("GET", "/importErrors")["import_errors"]]

    def unpause(self, dag_id: str) -> None:
        self.call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, conf: Json) -> str:
        body = {"logical_date": None, "conf": conf}
        return str(self.call("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def runs(self, dag_id: str) -> list[Json]:
        """Return the runs of a DAG, oldest first."""
        found = self.call("GET", f"/dags/{dag_id}/dagRuns", params={"limit": 100, "order_by": "id"})
        runs: list[Json] = found["dag_runs"]
        return runs

    def run(self, dag_id: str, run_id: str) -> Json:
        return self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")

    def tasks(self, dag_id: str, run_id: str) -> list[Json]:
        found = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", params={"limit": 100})
        tasks: list[Json] = found["task_instances"]
        return tasks

    def xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1
    ) -> Any:
        """Return an XCom value, or None when there is none."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        try:
            return self.call("GET", path, params={"map_index": map_index, "deserialize": True})["value"]
        except DemoError:
            return None

    def reason(self, task: Json) -> str:
        """Return the last line of the exception that a task ended with, from its log."""
        path = f"/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"
        log = self.call("GET", f"{path}/logs/{task['try_number']}", params={"map_index": task["map_index"]})
        found = [detail for line in log["content"] for detail in line.get("error_detail") or []]
        return str(found[-1]["exc_value"]) if found else ""

    def asset_events(self, name: str) -> list[Json]:
        found = self.call(
            "GET", "/assets/events", params={"limit": 100, "order_by": "timestamp", "name_pattern": name}
        )
        events: list[Json] = found["asset_events"]
        return events

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str) -> Json:
        """Answer a human-in-the-loop task."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        return self.call("PATCH", path, json={"chosen_options": [option], "params_input": {}})

    def question(self, dag_id: str, run_id: str, task_id: str) -> Json:
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        return self.call("GET", path)
