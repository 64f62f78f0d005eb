"""The command ``lint``: checks pipeline files and prints their faults."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from airflow_mlops import __version__
from airflow_mlops.cli.dispatch import WrongCall, check_exists
from airflow_mlops.cli.pipeline_paths import PipelinePath, pipeline_paths
from airflow_mlops.cli.terminal import counted
from airflow_mlops.config.faults import Fault
from airflow_mlops.config.lint import lint_files
from airflow_mlops.config.loader import defaults_files

_GITHUB: Final = {"error": "error", "warning": "warning", "note": "notice"}


def lint(arguments: argparse.Namespace) -> int:
    """Check pipeline files and folders; returns 1 for a fault, 0 for none or only warnings and notes."""
    files: list[PipelinePath] = []
    defaults: list[tuple[Path, Path]] = []
    for name in arguments.files:
        path = Path(name)
        check_exists(path, "file or folder")
        files += pipeline_paths(path)
        defaults += [(file, path) for file in (defaults_files(path) if path.is_dir() else ())]
    if not files:
        raise WrongCall(f"there is no pipeline file in {', '.join(arguments.files)}")
    faults = lint_files([*files, *defaults], profile=arguments.profile)
    wrong = sum(fault.level == "error" for fault in faults)
    if text := _FORMATS[arguments.format](faults):
        print(text)
    print(f"{counted(len(files), 'file')} checked, {counted(wrong, 'fault')}", file=sys.stderr)
    return 1 if wrong else 0


def as_text(faults: Sequence[Fault]) -> str:
    """Return one line per fault, as compilers write them."""
    return "\n".join(map(str, faults))


def as_json(faults: Sequence[Fault]) -> str:
    """Return a JSON list with one object per fault."""
    return json.dumps([asdict(fault) for fault in faults], indent=2, ensure_ascii=False)


def as_github(faults: Sequence[Fault]) -> str:
    """Return the workflow commands that GitHub shows beside the lines of a change."""
    return "\n".join(
        f"::{_GITHUB[fault.level]} file={_escaped(fault.file, more=True)},line={fault.line},"
        f"col={fault.column},title={_escaped(f'airflow-mlops {fault.rule}', more=True)}"
        f"::{_escaped(': '.join(filter(None, (fault.path, fault.message))))}"
        for fault in faults
    )


def as_sarif(faults: Sequence[Fault]) -> str:
    """Return a SARIF 2.1.0 log, which code scanners read."""
    rules = [{"id": rule} for rule in sorted({fault.rule for fault in faults})]
    driver = {"name": "airflow-mlops", "version": __version__, "rules": rules}
    results = [_result(fault) for fault in faults]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _result(fault: Fault) -> dict[str, Any]:
    region = {"startLine": fault.line, "startColumn": fault.column}
    path = Path(fault.file)
    artifact = {"uri": path.as_uri() if path.is_absolute() else quote(path.as_posix())}
    return {
        "ruleId": fault.rule,
        "level": fault.level,
        "message": {"text": ": ".join(filter(None, (fault.path, fault.message)))},
        "locations": [{"physicalLocation": {"artifactLocation": artifact, "region": region}}],
    }


def _escaped(text: str, *, more: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if more else text


_FORMATS: Final = {"text": as_text, "json": as_json, "github": as_github, "sarif": as_sarif}
