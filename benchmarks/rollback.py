"""How soon a bad canary answers nobody any more: a real server, registry, driver and callers.

    python benchmarks/rollback.py                 ten rollbacks, about half a minute
    python benchmarks/rollback.py --rollbacks 50

The canary fails for half of the rows (the champion answers those) and gets 25 % of what four callers send
without a pause. The driver looks once a second, as the controller does at `poll: 1s`. Measured is the time
from the beginning of the first look that finds enough evidence to the last answer of the canary that a caller
got: what comes after "one poll". The registry's moves come later and are shown beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

NAME, TOKEN, ADMIN_TOKEN = "benchmark", "benchmark", "benchmark-admin"
POLL_S, CALLERS = 1.0, 4


def train(folder: Path) -> str:
    """Register a champion (1) and a version that fails when x is negative (2); return the store's address."""
    import mlflow
    import pandas as pd
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    def fails(rows: pd.DataFrame) -> pd.DataFrame:
        if (rows["x"] < 0).any():
            raise ValueError("x is negative")
        return rows

    uri = f"sqlite:///{folder / 'mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(experiment_id=mlflow.create_experiment(NAME, (folder / "artifacts").as_uri()))
    rows = pd.DataFrame({"x": np.linspace(-1.0, 1.0, 50)})
    for function in (None, fails):
        model = Pipeline([("rows", FunctionTransformer()), ("model", LogisticRegression())])
        model.fit(rows, rows["x"] > 0)
        model.steps[0][1].func = function
        with mlflow.start_run():
            mlflow.sklearn.log_model(
                model, name="model", input_example=rows[-3:], registered_model_name=NAME,
                serialization_format="cloudpickle", pip_requirements=["scikit-learn"],
            )  # fmt: skip
    return uri


@contextmanager
def serving(uri: str, folder: Path) -> Iterator[tuple[str, str]]:
    """The model server as a user starts it; yields its address, and that of its administrators."""
    command = [sys.executable, "-m", "airflow_mlops", "serve", "--name", NAME, "--port", "0"]
    command += ["--tracking-uri", uri, "--state-dir", str(folder / "state")]
    process = subprocess.Popen(
        command,
        env={**os.environ, "AIRFLOW_MLOPS_SERVING_TOKEN": TOKEN, "AIRFLOW_MLOPS_ADMIN_TOKEN": ADMIN_TOKEN},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        marked = (line for line in process.stderr if f" {NAME} on " in line)
        admin_url, url = (next(marked).split(" on ")[-1].strip() for _ in range(2))
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield url, admin_url
    finally:
        process.terminate()
        process.wait(30)


class Callers:
    """Threads that call without a pause; ``last`` is when the canary last answered one of them."""

    def __init__(self, url: str) -> None:
        self.last, self.answers, self.failed = 0.0, 0, 0
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(url,)) for _ in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def _call(self, url: str) -> None:
        bodies = [{"dataframe_records": [{"x": x}]} for x in (-0.5, 0.5)]
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=url, headers=headers, timeout=10) as client:
            for body in itertools.cycle(bodies):
                answer = client.post("/invocations", json=body)
                self.answers += 1
                self.failed += answer.status_code != 200
                if answer.headers.get("x-model-version") == "2":
                    self.last = max(self.last, time.monotonic())
                if self._ended.is_set():
                    return

    def end(self) -> None:
        """End them."""
        self._ended.set()
        for thread in self._threads:
            thread.join()


def roll_back(driver: Any, registry: Any, callers: Callers, number: int) -> tuple[float, float]:
    """Roll out version 2 and have it rolled back; return seconds to its last answer and to the end."""
    from airflow_mlops.rollout.core import Phase, RolloutPlan

    plan = RolloutPlan(
        name=NAME, model_version=2, model_uri=f"models:/{NAME}/2", champion_version=1, steps=(25,),
        request=str(number),
    )  # fmt: skip
    registry.set("challenger", 2)
    state = driver.start(plan)
    while not state.terminal:
        time.sleep(POLL_S)
        begun = time.monotonic()
        state = driver.poll(state.id)
        ended = time.monotonic()
    assert state.phase is Phase.ROLLED_BACK, state.reason
    time.sleep(0.5)  # Whatever still comes from the canary comes now.
    assert callers.last > 0
    return max(0.0, callers.last - begun), ended - begun


def measure(rollbacks: int) -> tuple[list[float], list[float], Callers]:
    """Return for each rollback the seconds to the canary's last answer, and to the end of the look."""
    from airflow_mlops.rollout.driver import RolloutDriver
    from airflow_mlops.rollout.store.store import RolloutStore
    from airflow_mlops.rollout.targets.local import LocalTarget
    from airflow_mlops.training.registry import Registry

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with contextlib.redirect_stderr(io.StringIO()):
            uri = train(folder)
        registry = Registry(uri, NAME)
        registry.set("champion", 1)
        url, admin_url = stack.enter_context(serving(uri, folder))
        target = LocalTarget(admin_url, ADMIN_TOKEN)
        stack.callback(target.close)
        while target.ensure(1, f"models:/{NAME}/1").status != "ok":
            time.sleep(0.1)
        driver = RolloutDriver(RolloutStore(folder / "rollouts.db"), target, registry)
        target.finalize(1)
        callers = Callers(url)
        stack.callback(callers.end)
        found = [roll_back(driver, registry, callers, number) for number in range(rollbacks)]
    return [traffic for traffic, _ in found], [end for _, end in found], callers


def report(rollbacks: int) -> None:
    """Measure and print."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    traffic, end, callers = measure(rollbacks)
    print(
        f"\n{rollbacks} rollbacks, real server and registry, a look every {POLL_S:g} s   target: poll + 1 s"
    )
    for title, found in (("canary's last answer", traffic), ("aliases, tags, evidence written", end)):
        print(f"{title:<46}median poll + {np.median(found):.3f} s   max poll + {max(found):.3f} s")
    print(f"{callers.answers:,} answers to {CALLERS} callers, {callers.failed} failed", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rollbacks", type=int, default=10)
    report(parser.parse_args().rollbacks)


if __name__ == "__main__":
    main()
