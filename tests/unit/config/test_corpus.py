"""A corpus of files: each faulty one names where its fault stands and what is said about it."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest
import yaml

from airflow_mlops.config.faults import Fault
from airflow_mlops.config.lint import lint_files
from airflow_mlops.config.lint.libraries import Libraries
from airflow_mlops.config.schema import build_schema
from tests.support.plain_english import unplain

CORPUS = Path(__file__).parents[2] / "corpus"
FAULTY = sorted((CORPUS / "faulty").glob("*.yaml"))
VALID = sorted((CORPUS / "valid").glob("*.yaml"))
UNSEEN = sorted((CORPUS / "unseen").glob("*.yaml"))
UNUSUAL = sorted((CORPUS / "unusual").glob("*.yaml"))
"""Written from the reference page before the linter was run on them: faults, and what only looks like one."""


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "faulty"
    shutil.copytree(CORPUS / "faulty", folder)
    (folder / "corpus_broken.py").write_text("def build(:\n")
    return folder


@pytest.fixture(scope="session")
def unseen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "unseen"
    shutil.copytree(CORPUS / "unseen", folder)
    columns = ["customer_id", "seen_at", "plan", "age", "churned"]
    rows = pd.DataFrame({name: [0] for name in columns}).assign(seen_at=pd.Timestamp("2025-01-01"))
    rows.to_parquet(folder / "slice_rows.parquet", index=False)
    return folder


def lint(file: Path, libraries: Libraries) -> tuple[Fault, ...]:
    """Return what lint finds in a file; every message of the corpora is a sentence in plain English."""
    found = lint_files([(file, file.parent)], libraries=libraries)
    for fault in found:
        assert unplain(fault.message) == [], str(fault)
    return found


def errors(file: Path, libraries: Libraries) -> list[str]:
    found = lint(file, libraries)
    return [
        f"{fault.line} {fault.path}: {fault.message}" if fault.path else f"{fault.line} {fault.message}"
        for fault in found
        if fault.level == "error"
    ]


@pytest.mark.parametrize("file", FAULTY, ids=lambda file: file.stem)
def test_a_faulty_file_is_reported_with_its_line_and_reason(
    file: Path, faulty: Path, libraries: Libraries
) -> None:
    expected = re.findall(r"^# expect: (.+)$", file.read_text(), re.MULTILINE)
    lines = errors(faulty / file.name, libraries)
    assert len(lines) == len(expected), lines
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(start)


@pytest.mark.parametrize("file", UNSEEN, ids=lambda file: file.stem)
def test_an_unseen_fault_is_found_at_its_line_and_nothing_else_is(
    file: Path, unseen: Path, libraries: Libraries
) -> None:
    expected = re.findall(r"^# expect: (\d+) (.+)$", file.read_text(), re.MULTILINE)
    found = lint(unseen / file.name, libraries)
    left = [fault for fault in found if fault.level != "note"]
    for line, word in expected:
        fitting = [fault for fault in left if fault.line == int(line) and word in str(fault)]
        assert fitting, (line, word, list(map(str, left)))
        left.remove(fitting[0])
    assert left == []


@pytest.mark.parametrize("file", UNUSUAL, ids=lambda file: file.stem)
def test_an_unusual_but_valid_file_raises_no_alarm(file: Path, libraries: Libraries) -> None:
    found = lint(file, libraries)
    alarms = [fault for fault in found if fault.level != "note"]
    assert list(map(str, alarms)) == []
    jsonschema.Draft202012Validator(build_schema()).validate(plain(file))


def test_the_corpus_is_as_large_as_it_claims() -> None:
    assert len(FAULTY) >= 60
    assert len(VALID) >= 10
    assert len(UNSEEN) >= 370
    assert len(UNUSUAL) >= 45


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.stem)
def test_a_valid_file_has_no_fault_and_fits_the_schema(file: Path, libraries: Libraries) -> None:
    assert errors(file, libraries) == []
    jsonschema.Draft202012Validator(build_schema()).validate(plain(file))


@pytest.mark.parametrize(
    "name",
    [
        "unknown_key",
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
    return json.loads(json.dumps(yaml.safe_load(file.read_bytes().decode("utf-8-sig")), default=str))
