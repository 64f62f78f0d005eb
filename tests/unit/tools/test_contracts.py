"""Each import contract of pyproject.toml is broken by an import that it must not allow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PYPROJECT = ROOT / "pyproject.toml"


def lint_imports(folder: Path, config: Path) -> subprocess.CompletedProcess[str]:
    """Check the packages in a folder as `make check` does."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--config", str(config), "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a folder with a copy of the package."""
    shutil.copytree(
        ROOT / "src" / "airflow_mlops",
        tmp_path / "airflow_mlops",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return tmp_path


VIOLATIONS = [
    ("layers", "data/features.py", "import airflow_mlops.training.tracking"),
    ("layers", "config/loader.py", "from airflow_mlops.cli import table"),
    ("pure", "core/records.py", "import yaml"),
    ("pure", "rollout/core/machine.py", "import pandas"),
    ("pure", "monitoring/core/triage.py", "from airflow_mlops.monitoring import history"),
    ("edge", "stages/train.py", "from airflow.sdk import get_current_context"),
    ("edge", "views/made_up.py", "import airflow"),
    ("serving", "rollout/driver.py", "from airflow_mlops.serving import app"),
    ("variants", "rollout/targets/local.py", "from airflow_mlops.rollout.targets import haproxy"),
    ("variants", "data/sources/made_up.py", "from airflow_mlops.data.sources import sql"),
    (
        "variants",
        "monitoring/core/drift/made_up.py",
        "from airflow_mlops.monitoring.core.drift import numeric",
    ),
    ("circles", "core/errors.py", "from airflow_mlops.core import records, suggestions"),
]
CONTRACTS = {
    "layers": "Imports go from the Airflow edge to the pure core",
    "pure": "Pure decisions import the standard library, numpy, scipy and other pure decisions",
    "edge": "Only the Airflow edge imports Airflow",
    "serving": "The model server is started, not imported",
    "variants": "Targets, sources and drift tests do not import each other",
    "circles": "No circles of imports",
}


def test_the_package_keeps_every_contract(source: Path) -> None:
    done = lint_imports(source, PYPROJECT)
    assert done.returncode == 0, done.stdout
    assert all(f"{name} KEPT" in done.stdout for name in CONTRACTS.values())


@pytest.mark.parametrize(("contract", "module", "line"), VIOLATIONS)
def test_a_forbidden_import_breaks_its_contract(contract: str, module: str, line: str, source: Path) -> None:
    file = source / "airflow_mlops" / module
    if not file.parent.exists():
        file.parent.mkdir()
        (file.parent / "__init__.py").touch()
    with file.open("a") as text:
        text.write(f"\n{line}\n")
    done = lint_imports(source, PYPROJECT)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{CONTRACTS[contract]} BROKEN" in done.stdout
    name = "airflow_mlops." + module.removesuffix(".py").replace("/", ".")
    assert name in done.stdout or contract == "circles"


@pytest.mark.parametrize("kind", ["allow_list", "independent_variants"])
def test_a_contract_that_names_nothing_is_an_error(kind: str, tmp_path: Path) -> None:
    (tmp_path / "made_up").mkdir()
    (tmp_path / "made_up" / "__init__.py").touch()
    options = {
        "allow_list": 'modules = ["made_up.*.core"]',
        "independent_variants": 'packages = ["made_up"]\nshared = ["made_up.base"]',
    }
    config = tmp_path / "contracts.toml"
    config.write_text(f"""\
[tool.importlinter]
root_package = "made_up"
contract_types = [
  "allow_list: tools.contracts.AllowListContract",
  "independent_variants: tools.contracts.IndependentVariantsContract",
]
[[tool.importlinter.contracts]]
name = "Nothing"
type = "{kind}"
{options[kind]}
""")
    done = lint_imports(tmp_path, config)
    assert done.returncode == 1
    assert "Nothing" in done.stdout
    assert "made_up.*.core" in done.stdout or "made_up.base" in done.stdout
