"""Deep lint reads the user's code and never runs it; it says what it could not check."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_mlops.config.lint import lint_files

FILE = """\
name: own
data: {source: {type: csv, filepath: rows.csv}, target: y}
train: {estimator: "%s", params: %s}
evaluate: {metrics: [%s]}
"""
MODELS = """
raise RuntimeError("lint must not run this")

from sklearn.base import BaseEstimator, ClassifierMixin
from functools import partial
import compiled_base
try:
    from fast import Fast
except ImportError:
    from slow import Slow as Fast


class Mine(ClassifierMixin, BaseEstimator):
    def __init__(self, depth, *, width=3): ...
    def fit(self, x, y): ...
    def predict(self, x): ...


class Child(Mine):
    def predict_proba(self, x): ...


class Foreign(compiled_base.Base): ...


class Bare:
    def fit(self, x, y): ...
    def predict(self, x): ...


def factory(depth=1): ...
def free(**params): ...


Alias = Mine
Half = partial(Mine, depth=1)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own_models.py").write_text(MODELS)
    (tmp_path / "own_stars.py").write_text("from own_models import *\n")
    (tmp_path / "own_circle.py").write_text("from own_circle import Thing\n")
    (tmp_path / "own_lazy.py").write_text("def __getattr__(name): ...\n")
    package = tmp_path / "own_package"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import Mine as Renamed\nfrom . import inner\n")
    (package / "inner.py").write_text("from own_models import Mine\n")
    return tmp_path


def told(folder: Path, estimator: str, params: str = "{depth: 2}", metric: str = "accuracy") -> list[str]:
    file = folder / "own.yaml"
    file.write_text(FILE % (estimator, params, metric))
    found = lint_files([(file, folder)])
    return [f"{fault.level} {fault.line}:{fault.column} {fault.path}: {fault.message}" for fault in found]


@pytest.mark.parametrize(
    "path",
    [
        "own_models.Mine",
        "own_models:Mine",
        "own_models:Child",
        "own_models:Alias",
        "own_models:factory",
        "own_stars:Mine",
        "own_package:Renamed",
        "own_package.inner.Mine",
    ],
)
def test_code_beside_the_file_is_found_however_it_is_imported(folder: Path, path: str) -> None:
    assert told(folder, path) == []


@pytest.mark.parametrize(
    ("path", "params", "expected"),
    [
        ("own_models:Mine", "{}", "3:20 train.estimator: needs depth: add them to train.params"),
        ("own_models:Child", "{depth: 1, widht: 2}", "has no parameter 'widht' (did you mean width?)"),
        (
            "own_models:Bare",
            "{}",
            "own_models:Bare is not an estimator: derive it from sklearn.base.BaseEstimator",
        ),
        ("own_models:Mime", "{}", "no 'Mime' in own_models (did you mean Mine?)"),
        ("own_model:Mine", "{}", "no module 'own_model' (did you mean own_models?); looked in"),
        ("own models:Mine", "{}", "'own models' is not the name of a module"),
    ],
)
def test_what_is_wrong_is_an_error(folder: Path, path: str, params: str, expected: str) -> None:
    (line,) = told(folder, path, params)
    assert line.startswith("error ")
    assert expected in line


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("own_models:free", "parameters are not checked: it takes any keyword"),
        ("own_models:Foreign", "the base compiled_base.Base of Foreign cannot be read"),
        (
            "own_models:Half",
            "not checked: Half in own_models is neither a class nor a function in its source",
        ),
        ("own_circle:Thing", "not checked: its imports go in circles"),
        ("own_lazy:Thing", "not checked: own_lazy creates its names on demand"),
        ("math.sin", "not checked: math has no Python source to read"),
        ("{{ var.value.model }}", "not checked: it is a template"),
    ],
)
def test_what_cannot_be_checked_is_said_and_is_no_fault(folder: Path, path: str, expected: str) -> None:
    (line,) = told(folder, path)
    assert line.startswith("note ")
    assert expected in line


LABELS = """\
name: own
data: {source: {type: csv, filepath: rows.csv}, target: y, keys: [id, at]}
train: {estimator: sklearn.tree.DecisionTreeClassifier}
evaluate: {metrics: [accuracy]}
monitor:
  schedule: "@daily"
  performance:
    require: {accuracy: ">= 0.7"}
    label_delay: 14d
    labels: %s
"""


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("{type: csv, filepath: labels.csv}", "error : column 'at' is not in labels.csv"),
        (
            "{type: csv, filepath: 'labels-{{ ds }}.csv'}",
            "warning .filepath: holds the labels of one run, but",
        ),
        ("{type: csv, filepath: '{{ var.value.lake }}/labels.csv'}", None),
        (
            "{type: csv, filepath: all.csv, load_args: {seb: ';'}}",
            "error .load_args.seb: pandas.read_csv has",
        ),
        (
            "{type: csv, filepath: all.parquet}",
            "warning .filepath: file extension is parquet, but type is csv",
        ),
        ("{type: callable, callable: 'own_models:free', load_args: {deep: 1}}", None),
        (
            "{type: callable, callable: 'own_models:factory', load_args: {deep: 1}}",
            "error .load_args.deep: own_models:factory has no parameter 'deep' (did you mean depth?)",
        ),
        (
            "{type: callable, callable: 'own_models:labels'}",
            "error .callable: cannot be imported: no 'labels'",
        ),
    ],
)
def test_a_place_of_labels_is_checked_as_that_of_the_data(
    folder: Path, labels: str, expected: str | None
) -> None:
    (folder / "labels.csv").write_text("id,y\n")
    (folder / "own.yaml").write_text(LABELS % labels)
    found = lint_files([(folder / "own.yaml", folder)])
    where = "monitor.performance.labels"
    lines = [f"{fault.level} {fault.path.removeprefix(where)}: {fault.message}" for fault in found]
    assert len(lines) == (expected is not None), lines
    assert all(
        line.startswith(str(expected)) and fault.line == 10 for line, fault in zip(lines, found, strict=True)
    )


def test_probabilities_are_looked_for_in_the_users_class(folder: Path) -> None:
    assert told(folder, "own_models:Child", metric="roc_auc") == []
    (line,) = told(folder, "own_models:Mine", metric="roc_auc")
    assert "roc_auc needs predict_proba, which own_models:Mine does not have" in line


def test_modules_beside_the_dag_file_count_as_well(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "own_models.py").write_text(MODELS)
    file = tmp_path / "pipelines" / "own.yaml"
    file.write_text(FILE % ("own_models:Mine", "{depth: 1}", "accuracy"))
    assert lint_files([(file, file.parent)]) == ()


@pytest.fixture
def own_recursion_limit() -> Iterator[None]:
    """The limit that Python starts with; libraries that other tests load raise it."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.usefixtures("own_recursion_limit")
def test_code_that_is_nested_beyond_measure_hides_nothing_else(folder: Path) -> None:
    branches = "".join(f"    elif rows == {n}:\n        x = {n}\n" for n in range(1_500))
    deep = f"def build(rows):\n    if rows is None:\n        x = 0\n{branches}    return rows\n"
    (folder / "deep_code.py").write_text(deep)
    file = folder / "own.yaml"
    text = FILE % ("own_models:Mine", "{depth: 1, wdth: 2}", "accuracy")
    file.write_text(text + "features: deep_code:build\n")
    found = lint_files([(file, folder)])
    assert [(fault.line, fault.level) for fault in found] == [(1, "note"), (3, "error")]
    assert "nested too deeply" in found[0].message


def test_each_profile_is_looked_at_deeply(folder: Path) -> None:
    file = folder / "own.yaml"
    good = FILE % ("own_models:Mine", "{depth: 1}", "accuracy")
    file.write_text(good + "profiles: {dev: {train.estimator: own_models.Mime}, ok: {}}\n")
    (fault,) = lint_files([(file, folder)])
    assert str(fault).startswith(f"{file}:5:35: profiles.dev.train.estimator: cannot be imported")
    assert lint_files([(file, folder)], profile="ok") == ()


def test_a_fault_of_one_section_hides_no_deeper_fault_of_another(folder: Path) -> None:
    (folder / "tellers.py").write_text("def tell(context, channel): ...\n")
    text = FILE % ("own_models:Mine", "{depth: 2}", "accuracy")
    text = text.replace("name: own", "name: own\nretries: many\nowner: {}")
    text += "callbacks: {on_failure: [{notifier: 'tellers:tell', args: {chanel: ml}}]}\n"
    text += "validate: {expect: [{column: a, regex: '['}]}\nmonitor: {schedule: daily}\n"
    file = folder / "own.yaml"
    file.write_text(text + "description: '{{ nobody }}'\n")
    assert [(fault.line, fault.path) for fault in lint_files([(file, folder)]) if fault.level == "error"] == [
        (2, "retries"),
        (3, "owner"),
        (7, "callbacks.on_failure.0.notifier"),
        (7, "callbacks.on_failure.0.args.chanel"),
        (8, "validate.expect.0.regex"),
        (9, "monitor.schedule"),
        (10, "description"),
    ]
