"""The worlds that tests run in, one module each; all of them are real unless they say "in memory".

project            a pipeline's files, data and code; ``airflow-mlops run`` in its folder
airflow            DAGs of pipeline files, run on a migrated Airflow database
deploy             a deploy DAG with registered versions, its model server and its registry
server             models in an MLflow registry, and a model server in a thread
server_process     model servers in processes: with workers, or killed and started again (``server_warm``)
rollout            a rollout driven on a real target, or on a target and a registry in memory
rollout_states     plans, observations and states of the pure state machine
rollout_crasher    rollouts in which something dies at a write
mlflow_store       new MLflow stores, copied instead of made
stores             a registry, a rollout store and a monitor history with a little in them
callers, traffic   callers that ask without an end, and 200 requests per second from them
haproxy, postgres  the real programs, on loopback
simulation         how many random runs to make, and what chance explains
"""

from __future__ import annotations

import socket


def free_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
