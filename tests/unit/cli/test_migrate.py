"""A recipe of MLflow becomes a pipeline that loads and trains; nothing in it is dropped silently."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_mlops.__main__ import main
from airflow_mlops.cli.migrate.convert import as_yaml, glue_module, migrate_recipes
from airflow_mlops.cli.migrate.recipe import Recipe, Recipes, StepFunctions, read_recipes, read_steps
from airflow_mlops.cli.migrate.report import Outcome, leaves
from airflow_mlops.cli.migrate.search_space import _DISTRIBUTIONS
from airflow_mlops.config.loader import load_pipeline, read_pipeline
from airflow_mlops.config.models import Pipeline
from airflow_mlops.lifecycle.runner import StageRequest, run_stage
from tests.support.mlflow_store import new_store
from tests.support.project import ENVIRONMENT

CORPUS = Path(__file__).parents[2] / "corpus" / "recipes"
SERVED = """
import json, sys, mlflow, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
rows = pd.DataFrame(json.loads(sys.argv[2]))
print(json.dumps(model.predict(rows).tolist()))
"""


def migrated(name: str, folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Copy a recipe, migrate it beside itself; returns the exit code and the file's values."""
    shutil.copytree(CORPUS / name, folder, dirs_exist_ok=True)
    out = folder / "made.yaml"
    code = main(["migrate", str(folder), "-o", str(out), *words])
    return code, yaml.safe_load(out.read_text())


def test_a_regression_recipe_says_the_same_as_a_pipeline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, made = migrated("houses", tmp_path)
    assert code == 0
    assert made["name"] == "house_prices"
    assert made["data"] == {
        "target": "price",
        "holdout": 0.3,
        "source": {"type": "callable", "callable": "house_prices_steps:rows"},
    }
    assert made["train"]["params"] == {"random_state": 3}
    assert {key: made["train"]["tune"][key] for key in ("n_trials", "workers", "sampler")} == {
        "n_trials": 3,
        "workers": 1,
        "sampler": "random",
    }
    assert set(made["train"]["tune"]["space"]) == {"alpha", "l1_ratio", "selection", "tol"}
    assert made["evaluate"] == {"metrics": ["rmse", "mae"], "require": {"rmse": "<= 20", "mae": "<= 15"}}
    told = capsys.readouterr().err
    for path in ("early_stop_fn", "custom_metrics", "post_split_method", "tracking_uri"):
        assert path in told.partition("no match")[2]


def test_its_other_profile_becomes_a_profile(tmp_path: Path) -> None:
    migrated("houses", tmp_path)
    remote = load_pipeline(tmp_path / "made.yaml", "remote")
    assert remote.train.tune is not None
    assert (remote.data.holdout, remote.train.tune.n_trials) == (0.2, 40)
    assert remote.data.source.callable == "house_prices_steps:rows_remote"
    assert "s3://lake/houses.parquet" in (tmp_path / "house_prices_steps.py").read_text()


def test_a_query_of_spark_becomes_one_of_a_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "local.yaml").write_text("{}\n")
    (tmp_path / "recipe.yaml").write_text(
        "recipe: regression/v1\ntarget_col: price\nsteps:\n"
        "  ingest: {using: spark_sql, sql: SELECT * FROM houses}\n"
        "  train: {estimator_method: e}\n"
    )
    assert main(["migrate", str(tmp_path), "-o", str(tmp_path / "made.yaml")]) == 0
    source = load_pipeline(tmp_path / "made.yaml").data.source
    assert (source.type, source.sql, source.conn_id) == ("sql", "SELECT * FROM houses", "warehouse")
    assert "by the Airflow connection 'warehouse': create it" in capsys.readouterr().err


def test_either_profile_may_be_the_main_one(tmp_path: Path) -> None:
    _, made = migrated("houses", tmp_path, "--profile", "remote")
    assert made["train"]["tune"]["n_trials"] == 40
    assert load_pipeline(tmp_path / "made.yaml", "local").data.holdout == 0.3


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    """A recipe with data, migrated."""
    rng = np.random.default_rng(1)
    for place in ("north", "south"):
        rows = pd.DataFrame({"width": rng.uniform(5, 20, 150), "depth": rng.uniform(5, 20, 150)})
        rows["price"] = rows["width"] * rows["depth"] + rng.normal(0, 3, 150)
        rows.loc[:4, "price"] = -1.0  # not sold
        (tmp_path / "data").mkdir(exist_ok=True)
        rows.to_csv(tmp_path / "data" / f"{place}.csv")
    migrated("houses", tmp_path)
    (tmp_path / "steps" / "__init__.py").write_text("")
    return tmp_path


def test_the_migrated_pipeline_trains_and_its_model_needs_no_steps(
    houses: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shared: dict[str, Any] = {
        "pipeline": load_pipeline(houses / "made.yaml").effective(),
        "artifacts": str(houses / "artifacts"),
        "tracking_uri": new_store(houses),
        "base": str(houses),
    }

    def run(stage: str, **inputs: Any) -> dict[str, Any]:
        return dict(
            run_stage(StageRequest(stage=stage, task_key=f"h/1/{stage}/-1", inputs=inputs, **shared)).record
        )

    dataset = run("ingest")
    assert dataset["rows"] == 290
    features = run("features", dataset=dataset)
    model = run("train", features=features, tune=[run("tune", features=features)])
    evaluation = run("evaluate", features=features, model=model)
    assert evaluation["passed"]
    row = json.dumps([{"width": 10.0, "depth": 10.0}])
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    command = [sys.executable, "-c", SERVED, model["model_uri"], row]
    answer = subprocess.run(
        command,
        cwd=elsewhere,
        env={**ENVIRONMENT, "MLFLOW_TRACKING_URI": shared["tracking_uri"]},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)[0] == pytest.approx(100, abs=20)


def test_a_classification_recipe_is_carried_as_far_as_it_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["migrate", str(CORPUS / "visitors" / "recipe.yaml")])
    printed = capsys.readouterr()
    assert code == 0
    (tmp_path / "made.yaml").write_text(printed.out)
    made = load_pipeline(tmp_path / "made.yaml")
    assert (made.name, made.data.source.filepath) == ("visitors", "visits.csv")
    assert made.evaluate.require == {"roc_auc": ">= 0.8", "log_loss": "<= 0.6"}
    unmatched = printed.err.partition("no match")[2]
    for path in (
        *("using", "split_method", "time_budget_secs", "flaml_params", "allow_non_validated_model"),
        *("steps.ingest_scoring", "steps.predict", "skip_data_profiling"),
    ):
        assert path in unmatched


def test_paths_are_seen_from_the_pipeline_file(tmp_path: Path) -> None:
    out = tmp_path / "pipelines" / "visitors" / "visitors.yaml"
    shutil.copytree(CORPUS / "visitors", tmp_path / "recipe")
    assert main(["migrate", str(tmp_path / "recipe"), "-o", str(out)]) == 0
    assert load_pipeline(out).data.source.filepath == "../../recipe/visits.csv"


def test_what_is_there_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "house_prices_steps.py").write_text("mine")
    assert main(["migrate", str(CORPUS / "houses"), "-o", str(tmp_path / "a.yaml")]) == 2
    assert "already exists" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["house_prices_steps.py"]


BAD = {
    "dbt": ("name: shop\nversion: 1.0.0\nconfig-version: 2\nprofile: shop\n", "not a recipe of MLflow"),
    "a pipeline file": ("name: churn\ntrain: {estimator: x.Y}\n", "not a recipe of MLflow"),
    "another kind": ("recipe: clustering/v1\ntarget_col: y\n", "`clustering/v1`, not regression/v1"),
    "no target": ("recipe: regression/v1\nsteps: {}\n", "no target_col"),
    "a list": ("- recipe: regression/v1\n", "it is not a mapping"),
    "not YAML": ("recipe: regression/v1\nsteps: {a: [\n", "not valid YAML"),
    "a variable that nobody gives": (
        "recipe: regression/v1\ntarget_col: {{ TARGET }}\n",
        "'TARGET' is undefined",
    ),
    "no template": (
        "recipe: regression/v1\nx: {{ a b }}\n",
        "recipe.yaml:2: the template cannot be rendered",
    ),
    "a template that reaches out": (
        "recipe: regression/v1\nx: {{ ''.__class__.__mro__[1].__subclasses__() }}\n",
        "cannot be rendered",
    ),
    "a tag": ("recipe: regression/v1\nx: !!python/object/apply:os.system [ls]\n", "tag"),
    "twice": ("recipe: regression/v1\nrecipe: regression/v1\n", "duplicate key"),
}


@pytest.mark.parametrize(("text", "word"), BAD.values(), ids=BAD)
def test_what_is_no_recipe_is_told_in_a_line(
    text: str, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recipe.yaml").write_text(text)
    assert main(["migrate", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert word in printed.err
    assert len(printed.err.strip().splitlines()) == 1


def test_what_cannot_be_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place in (tmp_path / "nowhere.yaml", tmp_path):
        assert main(["migrate", str(place)]) == 2
        assert "no such file" in capsys.readouterr().err
    (tmp_path / "recipe.yaml").write_bytes(b"recipe: \xff\xfe")
    assert main(["migrate", str(tmp_path)]) == 2
    assert "not UTF-8" in capsys.readouterr().err
    assert main(["migrate", str(CORPUS / "houses"), "--profile", "remoet"]) == 2
    assert "did you mean remote?" in capsys.readouterr().err


def test_a_profile_that_does_not_fit_is_reported_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(CORPUS / "houses", tmp_path / "r")
    (tmp_path / "r" / "profiles" / "empty.yaml").write_text("{}\n")
    assert main(["migrate", str(tmp_path / "r")]) == 0
    printed = capsys.readouterr()
    assert "profiles/empty" in printed.err
    assert "'INGEST' is undefined" in printed.err
    assert set(yaml.safe_load(printed.out)["profiles"]) == {"remote"}


def test_a_function_that_is_missing_is_told_with_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(CORPUS / "houses", tmp_path / "r")
    text = (
        (tmp_path / "r" / "recipe.yaml")
        .read_text()
        .replace("method: make_estimator", "method: make_estimate")
    )
    (tmp_path / "r" / "recipe.yaml").write_text(text)
    assert main(["migrate", str(tmp_path / "r")]) == 0
    assert "steps/train.py has no make_estimate (did you mean make_estimator?)" in capsys.readouterr().err


def test_a_known_key_without_a_value_is_reported_with_its_own_advice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "recipe: regression/v1\ntarget_col: y\nsteps:\n  train: {flaml_params: null, other: null}\n"
    (tmp_path / "recipe.yaml").write_text(text)
    assert main(["migrate", str(tmp_path)]) == 0
    report = " ".join(capsys.readouterr().err.split())
    assert "steps.train.flaml_params there is no AutoML: write train.tune.space" in report
    assert "steps.train.other this command does not know it" in report


def test_no_value_of_a_profile_is_printed_that_may_be_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(CORPUS / "visitors", tmp_path / "r")
    profile = "experiment: {name: visitors, tracking_uri: 'https://me:sesame99@host', token: sesame99}\n"
    (tmp_path / "r" / "profiles" / "local.yaml").write_text(profile)
    assert main(["migrate", str(tmp_path / "r")]) == 0
    printed = capsys.readouterr()
    assert "sesame99" not in printed.out + printed.err
    assert "experiment.token" in printed.err


PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5))
ANY = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
METRIC = st.sampled_from(["mean_squared_error", "mean_absolute_error", "roc_auc", "half_error", None, 3])


def step(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A mapping with any of the known keys, whose values may be nonsense, and unknown ones."""
    known = st.fixed_dictionaries({}, optional={key: st.one_of(value, ANY) for key, value in keys.items()})
    return st.builds(
        lambda first, more: {**more, **first}, known, st.dictionaries(st.text(max_size=4), ANY, max_size=2)
    )


RECIPES = st.builds(
    lambda kind, rest, steps: {**rest, "recipe": f"{kind}/v1", "target_col": "y", "steps": steps},
    st.sampled_from(["regression", "classification"]),
    step(
        primary_metric=METRIC,
        positive_class=PLAIN,
        custom_metrics=ANY,
        experiment=step(name=st.text(), tracking_uri=st.text()),
        model_registry=step(model_name=st.text(), uri=st.text()),
    ),
    step(
        ingest=step(
            using=st.sampled_from(["csv", "parquet", "custom", "delta", "spark_sql"]),
            location=st.one_of(st.text(), st.lists(st.text(), max_size=3)),
            loader_method=st.sampled_from(["load", "x; import os", "class"]),
            sql=st.one_of(st.text(), st.sampled_from(["SELECT * FROM taxi", "SELECT :a", "taxi.sql"])),
        ),
        split=step(
            split_ratios=st.lists(st.one_of(st.integers(), st.floats()), min_size=2, max_size=3),
            post_split_filter_method=st.sampled_from(["keep", "1x"]),
            using=st.sampled_from(["custom", "split_ratios"]),
        ),
        transform=step(transformer_method=st.sampled_from(["t", "a.b"])),
        train=step(
            using=st.sampled_from(["custom", "automl/flaml"]),
            estimator_method=st.sampled_from(["e", "e()"]),
            estimator_params=st.dictionaries(st.text("ab.", max_size=3), PLAIN, max_size=3),
            tuning=step(
                enabled=st.booleans(),
                max_trials=st.integers(),
                parameters=st.dictionaries(
                    st.text(max_size=4),
                    step(
                        distribution=st.sampled_from(sorted(_DISTRIBUTIONS)),
                        low=st.one_of(st.floats(), st.integers(-9, 9)),
                        high=st.one_of(st.floats(), st.integers(-9, 9)),
                        q=st.floats(),
                        mu=st.floats(),
                        sigma=st.floats(),
                        upper=st.integers(),
                        options=st.lists(PLAIN, max_size=3),
                        p_options=st.lists(st.tuples(st.floats(0, 1), PLAIN).map(list), max_size=3),
                        values=st.lists(PLAIN, max_size=3),
                    ),
                    max_size=3,
                ),
            ),
        ),
        evaluate=step(validation_criteria=st.lists(step(metric=METRIC, threshold=st.floats()), max_size=3)),
        register=step(allow_non_validated_model=st.booleans()),
        predict=ANY,
    ),
)


@settings(max_examples=100, suppress_health_check=list(HealthCheck), deadline=None)
@given(RECIPES, RECIPES)
def test_every_value_of_every_recipe_is_told_and_the_result_is_a_pipeline(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    recipe, other = (
        Recipe(Path("/models/taxi"), name, values, str(values["recipe"]).partition("/")[0], "recipe")
        for name, values in (("local", first), ("else where", second))
    )
    made = migrate_recipes(Recipes(recipe, (), {}), StepFunctions({}, package=False), Path("/models"))
    told = [entry.path for entry in made.lines]
    for leaf in leaves(first):
        assert sum(leaf[:length] in told for length in range(len(leaf) + 1)) == 1, leaf

    both = migrate_recipes(Recipes(recipe, (other,), {}), StepFunctions({}, package=False), Path("/models"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "made.yaml")
        file.write_text(as_yaml(both, "taxi"), encoding="utf-8")
        loaded = read_pipeline(file)
    assert loaded.faults == ()
    alone = migrate_recipes(Recipes(other, (), {}), StepFunctions({}, package=False), Path("/models"))
    if not any("cannot take this away" in entry.text for entry in both.lines):
        expected, found = Pipeline.model_validate(alone.config), loaded.chosen("else where")
        assert (found.train.params, found.train.tune) == (expected.train.params, expected.train.tune)
        assert (found.evaluate, found.data.holdout) == (expected.evaluate, expected.data.holdout)
    compile(glue_module(both), "taxi_steps.py", "exec")
    news = {entry.path[1:] for entry in both.lines if entry.path and entry.path[0] == "profiles/else where"}
    for leaf in leaves(second):
        if leaf not in set(leaves(first)):
            assert any(leaf[:length] in news for length in range(len(leaf) + 1)), leaf


def test_an_unknown_key_anywhere_is_reported(tmp_path: Path) -> None:
    recipes = read_recipes(CORPUS / "houses", None)

    def mappings(node: Any) -> list[dict[str, Any]]:
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        return ([node] if isinstance(node, dict) else []) + [
            found for item in inner for found in mappings(item)
        ]

    values = json.loads(json.dumps(recipes.chosen.values))
    for number, mapping in enumerate(mappings(values)):
        mapping[f"odd_{number}"] = number
    odd = Recipe(recipes.chosen.root, "local", values, "regression", "recipe")
    made = migrate_recipes(Recipes(odd, (), {}), read_steps(odd.root), tmp_path)
    carried_whole = {"estimator_params", "parameters", "custom_metrics"}
    found = {entry.path for entry in made.lines if entry.outcome is Outcome.LEFT}
    for leaf in leaves(values):
        if str(leaf[-1]).startswith("odd_") and not carried_whole & set(map(str, leaf)):
            assert leaf in found


@pytest.mark.parametrize(
    ("local", "remote"),
    [
        ("{using: csv, location: a.csv}", "{using: custom, location: b.csv}"),
        ("{using: custom, location: b.csv}", "{using: csv, location: a.csv}"),
    ],
)
@pytest.mark.parametrize(
    ("first", "second"), [("{a.b: 1}", "{a.b: 2, c: 3}"), ("{}", "{c.: 3}"), ("{c: 1}", "{c: {d: 2}}")]
)
def test_profiles_make_of_the_main_one_what_they_are_alone(
    local: str, remote: str, first: str, second: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "recipe.yaml").write_text(
        "recipe: regression/v1\ntarget_col: y\nsteps:\n  ingest: {{ROWS}}\n"
        "  split: {split_ratios: {{SHARES}}}\n"
        "  train: {estimator_method: e, estimator_params: {{PARAMS}}}\n"
    )
    for name, rows, shares, params in (
        ("local", local, "[8, 1, 1]", first),
        ("remote", remote, "[2, 1, 1]", second),
    ):
        text = f"ROWS: {rows}\nSHARES: {shares}\nPARAMS: {params}\n"
        (tmp_path / "profiles" / f"{name}.yaml").write_text(text)
    assert main(["migrate", str(tmp_path), "-o", str(tmp_path / "made.yaml")]) == 0
    assert (
        main(["migrate", str(tmp_path), "--profile", "remote", "-o", str(tmp_path / "o" / "made.yaml")]) == 0
    )
    there = load_pipeline(tmp_path / "made.yaml", "remote")
    alone = load_pipeline(tmp_path / "o" / "made.yaml")
    assert there.data.holdout == alone.data.holdout == 0.5
    assert there.data.source.type == alone.data.source.type
    assert there.train.params == alone.train.params == yaml.safe_load(second)
