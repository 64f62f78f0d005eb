"""Logged models name these functions and classes: they stay where they are, and load with few packages."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from tests.support.project import ENVIRONMENT

NAMES = {
    "columns": ("Categories", "Words", "as_numbers", "as_text", "date_parts", "part_names"),
    "labels": ("NumberedClasses",),
    "raw_rows": ("to_features",),
}


@pytest.mark.parametrize("module", NAMES)
def test_a_name_that_models_hold_is_still_there(module: str) -> None:
    found = import_module(f"airflow_mlops.model_steps.{module}")
    assert all(getattr(found, name).__module__ == found.__name__ for name in NAMES[module])


def test_loading_a_model_imports_no_airflow_and_sets_nothing() -> None:
    program = (
        "import os, sys; before = dict(os.environ)\n"
        + "".join(f"import airflow_mlops.model_steps.{module}\n" for module in NAMES)
        + "ours = sorted(n for n in sys.modules if n.startswith('airflow_mlops.') and n.count('.') == 1)\n"
        "print(ours, [n for n in ('airflow', 'mlflow', 'pydantic') if n in sys.modules])\n"
        "changed = {key for key in os.environ if os.environ[key] != before.get(key)}\n"
        "print(sorted(key for key in changed if not key.startswith('KMP_')))"  # scikit-learn's own
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    ours, changed = done.stdout.splitlines()
    assert ours == "['airflow_mlops.core', 'airflow_mlops.model_steps'] []"
    assert changed == "[]"
