"""A corpus of files: each faulty one names where its fault stands and what is said about it."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from airflow_mlops.config.lint import lint_files
from airflow_mlops.config.schema import build_schema

CORPUS = Path(__file__).parents[2] / "corpus"
FAULTY = sorted((CORPUS / "faulty").glob("*.yaml"))
VALID = sorted((CORPUS / "valid").glob("*.yaml"))


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "faulty"
    shutil.copytree(CORPUS / "faulty", folder)
    (folder / "corpus_broken.py").write_text("def build(:\n")
    return folder


def told(file: Path) -> list[str]:
    found = lint_files([(file, file.parent)])
    return [
        f"{fault.line} {fault.path}: {fault.message}" if fault.path else f"{fault.line} {fault.message}"
        for fault in found
        if fault.level == "error"
    ]


@pytest.mark.parametrize("file", FAULTY, ids=lambda file: file.stem)
def test_a_faulty_file_is_told_where_and_what(file: Path, faulty: Path) -> None:
    expected = re.findall(r"^# expect: (.+)$", file.read_text(), re.MULTILINE)
    lines = told(faulty / file.name)
    assert len(lines) == len(expected), lines
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(start)


def test_the_corpus_is_as_large_as_it_claims() -> None:
    assert len(FAULTY) >= 60
    assert len(VALID) >= 10


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.stem)
def test_a_valid_file_has_no_fault_and_fits_the_schema(file: Path) -> None:
    assert told(file) == []
    jsonschema.Draft202012Validator(build_schema()).validate(plain(file))


@pytest.mark.parametrize(
    "name",
    [
        "unknown_key",
        "missing_target",
        "section_is_text",
        "unknown_metric",
        "limit_is_a_number",
        "retries_negative",
        "duration_without_unit",
        "unknown_source_type",
        "no_metrics",
        "section_switched_on",
        "profiles_are_a_list",
    ],
)
def test_the_schema_refuses_the_shapes_that_the_models_refuse(name: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(build_schema()).validate(plain(CORPUS / "faulty" / f"{name}.yaml"))


def plain(file: Path) -> Any:
    """Return a file's values as JSON, as an editor sees them."""
    return json.loads(json.dumps(yaml.safe_load(file.read_text()), default=str))
