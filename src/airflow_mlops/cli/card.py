"""The command ``card``: the training card of a registered version, as a file or in the browser."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import webbrowser
from pathlib import Path

from airflow_mlops.cli.dispatch import WrongCall
from airflow_mlops.core.errors import BackendError
from airflow_mlops.local_run.paths import RunPaths
from airflow_mlops.views.cards import CardView, read_card, split_reference


def card(arguments: argparse.Namespace) -> int:
    """Write the card of ``NAME@VERSION`` to a file, or open it.

    Returns 0. Raises WrongCall without a name or an MLflow store, ConfigError without the version or its
    card, BackendError when MLflow does not answer or the file cannot be written.
    """
    name, which = split_reference(arguments.version)
    if not name:
        raise WrongCall(f"{arguments.version}: write the name of the pipeline first, such as churn@3")
    place = RunPaths.of(name, Path.cwd(), os.environ)
    if place.missing_store is not None:
        raise WrongCall(
            f"{place.missing_store}: no such MLflow store; call the command where the training ran, or set "
            "MLFLOW_TRACKING_URI"
        )
    from airflow_mlops.training.registry import Registry

    view = read_card(Registry(place.tracking_uri, name), which)
    if arguments.output == "-":
        print(view.html)
        return 0
    path = _target(view, arguments.output, opened=arguments.open)
    try:
        path.write_text(view.html, encoding="utf-8")
    except OSError as error:
        raise BackendError(f"cannot write {path}: {error}") from error
    print(path)
    if arguments.open and not webbrowser.open(path.absolute().as_uri()):
        print(f"no browser could be opened: open {path} yourself", file=sys.stderr)
    return 0


def _target(view: CardView, output: str | None, *, opened: bool) -> Path:
    """Return the file to write: the one that is named, else in this folder, or a new one to be opened."""
    if output:
        return Path(output)
    folder = Path(tempfile.mkdtemp(prefix="airflow-mlops-card-")) if opened else Path()
    return folder / f"{view.name}-{view.version}.card.html"
