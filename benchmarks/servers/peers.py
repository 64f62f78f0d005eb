"""The servers beside which ours is measured: `mlflow models serve`, LitServe, a bare Starlette echo."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.processes import free_port, server

HOME = Path(__file__).parents[1]
_APP = None


async def echo(scope: dict, receive: object, send: object) -> None:
    """A bare Starlette application: reads the body, answers JSON."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    global _APP
    if _APP is None:

        async def answer(request: object) -> JSONResponse:
            await request.json()  # type: ignore[attr-defined]
            return JSONResponse({"predictions": [1]})

        _APP = Starlette(routes=[Route("/invocations", answer, methods=["POST"])])
    await _APP(scope, receive, send)


@contextmanager
def echo_server(folder: Path) -> Iterator[tuple[int, int]]:
    """Run the echo; yields its process id and port, as the others do."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "servers.peers:echo", "--app-dir", str(HOME)]
    quiet = ["--port", str(port), "--log-level", "warning", "--no-access-log", "--lifespan", "off"]
    with server([*command, *quiet], port, "/invocations", folder) as pid:
        yield pid, port


@contextmanager
def mlflow_server(name: str, uri: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Run `mlflow models serve` with its defaults."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{name}/1", "-p", str(port)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    options = {"MLFLOW_TRACKING_URI": uri, "PATH": path}
    with server([*command, "--env-manager", "local"], port, "/ping", folder, **options) as pid:
        yield pid, port


LITSERVE = "litserve==0.2.19"
API = """
import pickle, sys
import litserve
import numpy as np

class Api(litserve.LitAPI):
    def setup(self, device):
        with open(sys.argv[1], "rb") as file:
            self.model = pickle.load(file)
    def decode_request(self, request):
        return np.array(request["dataframe_split"]["data"])
    def predict(self, rows):
        return self.model.predict(rows)
    def encode_response(self, labels):
        return {"predictions": labels.tolist()}

if __name__ == "__main__":
    api = Api(api_path="/invocations")
    server = litserve.LitServer(api, accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False)
"""


def litserve_python() -> Path:
    """Return the interpreter of LitServe's own environment, made when it is not there."""
    import importlib.metadata

    home = HOME.parent / ".bench" / "litserve"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        same = [f"{name}=={importlib.metadata.version(name)}" for name in ("scikit-learn", "numpy")]
        subprocess.run([python, "-m", "pip", "install", "--quiet", LITSERVE, *same], check=True)
        (home / "complete").touch()
    return python


@contextmanager
def litserve_server(name: str, uri: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Run LitServe with the same model."""
    import mlflow

    mlflow.set_tracking_uri(uri)
    model = mlflow.sklearn.load_model(f"models:/{name}/1")
    del model.feature_names_in_  # It is asked with arrays.
    (folder / "model.pickle").write_bytes(pickle.dumps(model))
    (folder / "api.py").write_text(API)
    port = free_port()
    command = [str(litserve_python()), str(folder / "api.py"), str(folder / "model.pickle"), str(port)]
    with server(command, port, "/health", folder, PYTHONPATH="") as pid:
        yield pid, port
