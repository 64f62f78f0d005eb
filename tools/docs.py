"""Writes every file that is generated from the code: ``python -m tools.docs``, or ``make docs``.

With ``--check`` it writes nothing, names each file that is not up to date, and ends with 1 if there is one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from airflow_mlops.cli.reference import reference as cli_page
from airflow_mlops.config.schema import as_text, build_schema, model_schema
from airflow_mlops.config.schema import reference as pipeline_page
from tools.awkward_inputs import awkward_page
from tools.mlflow_differences import differences_page
from tools.task_page import task_page

ROOT: Final = Path(__file__).parents[1]
GENERATED: Final[Mapping[str, Callable[[], str]]] = {
    "docs/reference/cli.md": cli_page,
    "docs/reference/pipeline.md": lambda: pipeline_page(model_schema()),
    "docs/reference/tasks.md": task_page,
    "docs/reference/awkward_inputs.md": awkward_page,
    "docs/reference/mlflow_differences.md": differences_page,
    "src/airflow_mlops/config/airflow_mlops.schema.json": lambda: as_text(build_schema()),
}


def outdated(root: Path = ROOT) -> dict[Path, str]:
    """Return the files that differ from what the code says, each with its new text."""
    wanted = {root / name: text() for name, text in GENERATED.items()}
    return {path: text for path, text in wanted.items() if not path.exists() or path.read_text() != text}


def main(arguments: list[str]) -> int:
    """Write the files, or check them; return the exit code."""
    check = "--check" in arguments
    changed = outdated()
    for path, text in changed.items():
        print(f"{'not up to date' if check else 'wrote'}: {path.relative_to(ROOT)}")
        if not check:
            path.write_text(text)
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
