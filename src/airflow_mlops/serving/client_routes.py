"""Routes for clients that look around: MLflow's version, the OpenAPI document, a wrong method."""

from __future__ import annotations

from typing import Final

from mlflow.version import VERSION
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from airflow_mlops.serving.openapi import document


async def _invocations(_request: Request) -> Response:
    """Answer nothing: ``Front`` has answered every POST before. The route is there for the other methods."""
    raise HTTPException(404, "predictions are not answered here")


async def _version(_request: Request) -> Response:
    return PlainTextResponse(VERSION)


async def _openapi(request: Request) -> Response:
    state = request.app.state
    if not hasattr(state, "openapi"):
        state.openapi = document(route for route in request.app.routes if isinstance(route, Route))
    return JSONResponse(state.openapi)


ABOUT: Final = [
    Route("/version", _version),
    Route("/openapi.json", _openapi),
]
ROUTES: Final = [Route("/invocations", _invocations, methods=["POST"]), *ABOUT]
