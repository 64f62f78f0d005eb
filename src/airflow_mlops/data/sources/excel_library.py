"""Which installed library reads an Excel file."""

from __future__ import annotations

import importlib.util
from typing import Final

OPENPYXL: Final = (".xlsx", ".xlsm")
CALAMINE: Final = (".xls", ".xlsb", ".ods")


def excel_engine(path: str) -> str | None:
    """Return pandas' name of the installed library that reads an Excel file, or None when there is none."""
    if path.lower().endswith(OPENPYXL) and importlib.util.find_spec("openpyxl"):
        return "openpyxl"
    return "calamine" if importlib.util.find_spec("python_calamine") else None


def missing_package(path: str) -> str:
    """Return what ``pip install`` takes to read an Excel file; an empty text when nothing is missing."""
    if excel_engine(path):
        return ""
    return "python-calamine" if path.lower().endswith(CALAMINE) else "'airflow-mlops[excel]'"
