"""The pages of a validation: written to storage, and logged with the model that was trained on the rows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from airflow_mlops.core.errors import BackendError
from airflow_mlops.core.records import ValidationReport
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.storage.atomic import replacing

if TYPE_CHECKING:
    from airflow_mlops.data.validation import Outcome
    from airflow_mlops.training.tracking import TaskRun

_LOG = logging.getLogger(__name__)
_LATEST: Final = "latest"
_DATA_DOCS: Final = "-data-docs"


def write_pages(call: StageCall, report: ValidationReport, outcomes: Sequence[Outcome]) -> str:
    """Write the page of the results, and that of Data Docs if it is wanted; returns the first one's address.

    They are named by the digest of the rows, and again as ``latest``. Raises BackendError when storage
    refuses.
    """
    from airflow_mlops.data.validation.page import results_page

    section, name, when = call.pipeline.validate_, call.pipeline.name, call.clock()
    assert section is not None  # the stage has looked
    samples = section.quotes_cells
    pages = {"": results_page(report, outcomes, pipeline=name, when=when, samples=samples)}
    if section.data_docs:
        from airflow_mlops.data.validation.data_docs import data_docs_page

        pages[_DATA_DOCS] = data_docs_page(report, outcomes, pipeline=name, when=when)
    for ending, text in pages.items():
        for stem in (report.digest, _LATEST):
            _write(call, f"{_folder(call)}/{stem}{ending}.html", text)
    return f"{_folder(call)}/{report.digest}.html"


def log_pages(call: StageCall, page: str, run_: TaskRun) -> None:
    """Log the pages at the address ``page`` to an MLflow run, with a warning where they are gone.

    A page of Data Docs that is not wanted any more is of an earlier configuration, and is not logged.
    """
    section = call.pipeline.validate_
    docs = {_beside(page): "data_docs.html"} if section is not None and section.data_docs else {}
    for address, name in {page: "validation.html", **docs}.items():
        place = call.storage.locate(address)
        try:
            if place.fs.exists(place.path):
                run_.text(place.fs.cat_file(place.path).decode(), name)
            elif address == page:
                _LOG.warning("not logged to MLflow: %s does not exist any more", place.uri)
        except OSError as error:
            raise BackendError(f"cannot read {place.uri}: {error}") from error


def _folder(call: StageCall) -> str:
    return f"{call.artifacts.rstrip('/')}/{call.pipeline.name}/validation"


def _beside(page: str) -> str:
    return f"{page.removesuffix('.html')}{_DATA_DOCS}.html"


def _write(call: StageCall, address: str, text: str) -> None:
    place = call.storage.locate(address)
    try:
        with replacing(place.fs, place.path) as file:
            file.write(text.encode())
    except OSError as error:
        raise BackendError(
            f"cannot write {place.uri}: {error}; check the folder's rights and space"
        ) from error
