"""Requirements name every distribution that loading or asking the model imports."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from airflow_mlops.training.requirements import requirements
from airflow_mlops.training.shipping import shipped_by_value
from airflow_mlops.user_code.loading import is_installed, load_object

ALWAYS = [
    f"{name}=={importlib.metadata.version(name)}"
    for name in ("cloudpickle", "numpy", "pandas", "scikit-learn")
]
CODE = {
    "wraps.py": (
        "from cachetools import LRUCache\nfrom sklearn.base import BaseEstimator\n\n\n"
        "class Wraps(BaseEstimator):\n    def fit(self, X, y):\n"
        "        self.seen_ = LRUCache(8)\n        return self\n"
        "    def predict(self, X):\n        return [0] * len(X)\n"
    ),
    "late.py": "def build(rows):\n    from cachetools import TTLCache\n\n    return rows\n",
    "global_use.py": "import cachetools\n\n\ndef build(rows):\n    cachetools.LRUCache(1)\n    return rows\n",
    "plain.py": "import json\n\n\ndef build(rows):\n    json.dumps(1)\n    return rows\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for name, text in CODE.items():
        (tmp_path / name).write_text(text)
    yield tmp_path
    for name in CODE:
        sys.modules.pop(name.removesuffix(".py"), None)


def found(model: object, own: list[object], base: Path) -> list[str]:
    with shipped_by_value(own, base) as shipped:  # type: ignore[arg-type]
        return requirements(model, shipped)


def test_an_estimator_of_scikit_learn_needs_what_every_model_needs(tmp_path: Path) -> None:
    assert found(LogisticRegression(), [LogisticRegression], tmp_path) == ALWAYS


@pytest.mark.parametrize("path", ["late:build", "global_use:build"])
def test_what_a_feature_function_imports_is_named(folder: Path, path: str) -> None:
    build = load_object(path, folder)
    model = make_pipeline(FunctionTransformer(build), LogisticRegression())
    assert found(model, [build], folder) == [
        *ALWAYS,
        f"cachetools=={importlib.metadata.version('cachetools')}",
    ]


def test_what_a_wrapped_object_comes_from_is_named(folder: Path) -> None:
    wraps = load_object("wraps:Wraps", folder)
    model = make_pipeline(FunctionTransformer(None), wraps().fit([[1]], [1]))
    assert found(model, [wraps], folder) == [
        *ALWAYS,
        f"cachetools=={importlib.metadata.version('cachetools')}",
    ]


def test_the_standard_library_is_not_named(folder: Path) -> None:
    build = load_object("plain:build", folder)
    assert found(FunctionTransformer(build), [build], folder) == ALWAYS


def test_a_package_beside_site_packages_is_installed_when_its_installer_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, project = tmp_path / "site", tmp_path / "project"
    for place, name in ((site, "tinylib"), (project, "ownlib")):
        (place / name).mkdir(parents=True)
        (place / name / "__init__.py").touch()
    info = site / "tinylib-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tinylib\nVersion: 1.2\n")
    (info / "RECORD").write_text("tinylib/__init__.py,,\ntinylib-1.2.dist-info/RECORD,,\n")
    editable = project / "ownlib.egg-info"
    editable.mkdir()
    (editable / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: ownlib\nVersion: 0.1\n")
    for place in (site, project):
        monkeypatch.syspath_prepend(str(place))
    assert is_installed(str(site / "tinylib" / "__init__.py"))
    assert not is_installed(str(project / "ownlib" / "__init__.py"))
    assert not is_installed(str(site / "tinylib2.py"))
    assert is_installed(str(json.__file__))
