"""Requirements name every distribution that loading or asking the model imports."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import cloudpickle
import pandas as pd
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

import airflow_mlops
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.model_steps.columns import as_text
from airflow_mlops.training.assembly import assemble
from airflow_mlops.training.distributions import distribution_of
from airflow_mlops.training.safe_format import quiet_search, requirements_of_types, trusted_types
from airflow_mlops.training.shipping import packed
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
    with packed(model, own, base) as inside:  # type: ignore[arg-type]
        return list(inside.requirements)


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


PACKAGES = {
    "far_forest": (
        "from sklearn.linear_model import LogisticRegression\n\n\nclass Far(LogisticRegression):\n    pass\n"
    ),
    "near_dates": "def twice(values):\n    return values * 2\n",
    "corp/scores": "def shifted(values):\n    return values + 1\n",
    "corp/others": "WORDS = 1\n",
}
"""Modules of distributions of their own; two of them share the namespace package ``corp``."""
PIPELINE = """
from sklearn.pipeline import make_pipeline

from corp.scores import shifted
from far_forest import Far
from helpers_elsewhere import squared


def build(rows):
    import near_dates

    return rows.assign(twice=near_dates.twice(rows["x"]), more=shifted(rows["x"]), square=squared(rows["x"]))


def model():
    return make_pipeline(Far())
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with code, packages that an installer put beside site-packages, and a loose module."""
    site, loose, folder = (tmp_path / name for name in ("site", "loose", "shop"))
    for module, text in PACKAGES.items():
        name = module.replace("/", "-").replace("_", "-")
        file = site / f"{module}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        info = site / f"{name.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "RECORD").write_text(f"{module}.py,,\n{info.name}/METADATA,,\n")
    for place, name, text in (
        (loose, "helpers_elsewhere", "def squared(values):\n    return values**2\n"),
        (folder, "shop_code", PIPELINE),
    ):
        place.mkdir()
        (place / f"{name}.py").write_text(text)
    for place in (site, loose):
        monkeypatch.syspath_prepend(str(place))
    yield folder
    for name in ("far_forest", "near_dates", "corp", "corp.scores", "helpers_elsewhere", "shop_code"):
        sys.modules.pop(name, None)


def shop_model(shop: Path) -> tuple[object, list[object], pd.DataFrame]:
    raw = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "n": [1, 2, 3, 4]})
    build, make = load_object("shop_code:build", shop), load_object("shop_code:model", shop)
    return assemble(raw, build, make().fit(build(raw), [0, 0, 1, 1])), [build, make], raw


def test_packages_are_named_whichever_way_they_came_in(shop: Path) -> None:
    model, own, _ = shop_model(shop)
    assert found(model, own, shop) == [*ALWAYS, "corp-scores==1.2", "far-forest==1.2", "near-dates==1.2"]
    assert distribution_of("corp.others") == "corp-others"


def test_what_nobody_can_install_is_inside_the_model(shop: Path) -> None:
    model, own, _ = shop_model(shop)
    with packed(model, own, shop) as inside:  # type: ignore[arg-type]
        names = {module.__name__ for module in inside.modules}
    assert names == {"airflow_mlops.model_steps.raw_rows", "helpers_elsewhere", "shop_code"}


LOAD = """
import sys
sys.path[:] = [entry for entry in sys.path if "site-packages" not in entry] + [sys.argv[1]]
import pickle
import pandas as pd
with open(sys.argv[2], "rb") as file:
    model = pickle.load(file)
print(model.predict(pd.DataFrame({"x": [0, 3], "n": [1, 4]})).tolist())
sys.exit(any(name.partition(".")[0] in ("airflow_mlops", "mlflow") for name in sys.modules))
"""


def test_a_model_answers_where_nothing_but_its_requirements_is_installed(shop: Path, tmp_path: Path) -> None:
    """Links to the files of the named distributions, and of those that these require, stand for it."""
    model, own, _ = shop_model(shop)
    with packed(model, own, shop) as inside:  # type: ignore[arg-type]
        (tmp_path / "model.pkl").write_bytes(cloudpickle.dumps(model))
    environment = tmp_path / "environment"
    environment.mkdir()
    for name in closure(line.partition("==")[0] for line in inside.requirements):
        link_files(name, environment)
    command = [sys.executable, "-I", "-S", "-c", LOAD, str(environment), str(tmp_path / "model.pkl")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "[0, 1]\n"), done.stderr[-2000:]


LOAD_SKOPS = """
import sys
sys.path[:] = [entry for entry in sys.path if "site-packages" not in entry] + [sys.argv[1]]
import json
import pandas as pd
import skops.io
model = skops.io.load(sys.argv[2], trusted=json.loads(sys.argv[3]))
print(model.predict(pd.DataFrame({"x": [0, 3], "plan": ["a", "b"]})).tolist())
sys.exit(any(name.partition(".")[0] in ("airflow", "mlflow") for name in sys.modules))
"""


def test_a_model_of_skops_answers_where_this_package_is_installed_without_what_it_needs(
    tmp_path: Path,
) -> None:
    raw = pd.DataFrame({"x": [0.0, 1.0, None, 3.0], "plan": ["a", "a", "b", "b"]})
    steps = make_pipeline(FunctionTransformer(as_text), OneHotEncoder(), LogisticRegression())
    model = assemble(raw, None, steps.fit(raw, [0, 0, 1, 1]))
    trusted = trusted_types(model)
    with quiet_search():
        import skops.io

        (tmp_path / "model.skops").write_bytes(skops.io.dumps(model))
    environment = tmp_path / "environment"
    environment.mkdir()
    requirements = [line.partition("==")[0] for line in requirements_of_types(trusted)]
    assert requirements == ["airflow-mlops", "numpy", "pandas", "scikit-learn", "skops"]
    for name in closure(requirements[1:]):
        link_files(name, environment)
    (environment / "airflow_mlops").symlink_to(Path(airflow_mlops.__file__).parent)  # as with --no-deps
    command = [sys.executable, "-I", "-S", "-c", LOAD_SKOPS, str(environment), str(tmp_path / "model.skops")]
    command += [json.dumps(trusted)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "[0, 1]\n"), done.stderr[-2000:]


def closure(names: Iterable[str]) -> set[str]:
    """Return the distributions and all that they require here, without extras."""
    todo, known = list(names), set()
    while todo:
        name = todo.pop()
        if canonicalize_name(name) in known:
            continue
        known.add(canonicalize_name(name))
        needed = [Requirement(line) for line in importlib.metadata.requires(name) or ()]
        todo += [item.name for item in needed if item.marker is None or item.marker.evaluate({"extra": ""})]
    return known


def link_files(name: str, environment: Path) -> None:
    """Link what a distribution has at the top of its folder; of a namespace package its own files."""
    for file in importlib.metadata.files(name) or ():
        if file.parts[0] in ("..", "__pycache__"):
            continue
        whole = Path(str(file.locate())).parents[len(file.parts) - 2] if len(file.parts) > 1 else None
        shared = whole is not None and whole.name == "corp"
        target = environment / (file if shared else file.parts[0])
        target.parent.mkdir(exist_ok=True)
        if not target.is_symlink():
            target.symlink_to(whole if whole is not None and not shared else Path(str(file.locate())))


def test_a_model_that_cannot_be_packed_is_refused_in_one_line(tmp_path: Path) -> None:
    model = make_pipeline(LogisticRegression())
    model.lock = threading.Lock()
    with pytest.raises(ConfigError, match=r"cannot be packed to be loaded elsewhere: TypeError: .*lock"):
        found(model, [], tmp_path)
