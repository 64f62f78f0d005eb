"""Two recipes in the form of MLflow's own examples: what they train is what their definition says."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, root_mean_squared_error
from sklearn.pipeline import make_pipeline

from airflow_mlops.__main__ import main
from airflow_mlops.config.loader import load_pipeline
from airflow_mlops.lifecycle.runner import StageRequest, run_stage
from tests.support.mlflow_store import new_store
from tests.support.project import stored

CORPUS = Path(__file__).parents[2] / "corpus" / "recipes"


@pytest.fixture(autouse=True)
def own_steps() -> Iterator[None]:
    """Each recipe has a package named ``steps``."""
    yield
    for name in [name for name in sys.modules if name == "steps" or name.startswith("steps.")]:
        del sys.modules[name]


def lived(folder: Path) -> dict[str, Any]:
    """Migrate the recipe in a folder and run its stages; returns their records."""
    assert main(["migrate", str(folder), "-o", str(folder / "made.yaml")]) == 0
    pipeline = load_pipeline(folder / "made.yaml")
    shared: dict[str, Any] = {
        "pipeline": pipeline.effective(),
        "artifacts": str(folder / "artifacts"),
        "tracking_uri": new_store(folder),
        "base": str(folder),
    }
    records: dict[str, Any] = {}

    def run(stage: str, **inputs: Any) -> Any:
        request = StageRequest(stage=stage, task_key=f"m/1/{stage}/-1", inputs=inputs, **shared)
        records[stage] = dict(run_stage(request).record)
        return records[stage]

    features = run("features", dataset=run("ingest"))
    tune = [run("tune", features=features)] if pipeline.train.tune else []
    run("evaluate", features=features, model=run("train", features=features, tune=tune))
    return records


def rows_of(records: dict[str, Any], part: str, target: str) -> tuple[pd.DataFrame, pd.Series]:
    rows = stored(records["features"], part)
    return rows.drop(columns=target), rows[target]


def step(folder: Path, module: str, name: str) -> Any:
    sys.path.insert(0, str(folder))
    try:
        return getattr(importlib.import_module(f"steps.{module}"), name)
    finally:
        sys.path.remove(str(folder))


def test_fares_are_filtered_split_transformed_and_judged_as_the_recipe_says(tmp_path: Path) -> None:
    shutil.copytree(CORPUS / "fares", tmp_path, dirs_exist_ok=True)
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"distance": rng.uniform(1, 30, 800), "minutes": rng.uniform(5, 60, 800)})
    rows["zone"] = rng.choice(["a", "b", "c"], 800)
    rows["fare"] = 3 + 2 * rows["distance"] + 0.5 * rows["minutes"] + rng.normal(0, 2, 800)
    rows.loc[:19, "fare"] = -1.0
    rows.loc[20:29, "distance"] = 200.0
    (tmp_path / "data").mkdir()
    rows.to_parquet(tmp_path / "data" / "rides.parquet", index=False)

    records = lived(tmp_path)
    assert records["ingest"]["rows"] == 770
    held, truth = rows_of(records, "holdout", "fare")
    learned, target = rows_of(records, "train", "fare")
    assert len(held) == pytest.approx(770 / 4, abs=36)
    model = make_pipeline(
        step(tmp_path, "transform", "transformer")(), step(tmp_path, "train", "estimator")()
    )
    expected = root_mean_squared_error(truth, model.fit(learned, target).predict(held))
    assert expected < 10
    assert records["evaluate"]["metrics"]["rmse"] == pytest.approx(expected, rel=1e-9)
    assert records["evaluate"]["passed"]


def test_wines_are_loaded_by_the_recipe_and_searched_at_random(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(CORPUS / "wines", tmp_path, dirs_exist_ok=True)
    rng = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    for name, sweet, count in (("red", 1.0, 240), ("white", 2.0, 360)):
        rows = pd.DataFrame({"sweet": rng.normal(sweet, 0.5, count), "acid": rng.normal(0, 1, count)})
        rows.to_csv(tmp_path / "data" / f"{name}.csv", sep=";", index=False)
    (tmp_path / "data" / "notes.txt").write_text("not a table")

    records = lived(tmp_path)
    assert records["ingest"]["rows"] == 600
    pipeline = load_pipeline(tmp_path / "made.yaml")
    assert pipeline.train.tune is not None
    assert (pipeline.train.tune.sampler, pipeline.train.tune.n_trials) == ("random", 3)
    assert pipeline.train.tune.space["max_iter"] == (200, 300, 400)
    held, truth = rows_of(records, "holdout", "is_red")
    learned, target = rows_of(records, "train", "is_red")
    assert len(held) == pytest.approx(600 / 4, abs=32)  # a recipe that does not say holds out a quarter
    best = records["train"]["params"]
    assert best["C"] in pipeline.train.tune.space["C"]
    model = step(tmp_path, "train", "estimator")(best).fit(learned, target)
    expected = f1_score(truth, model.predict(held), pos_label="yes")
    assert records["evaluate"]["metrics"]["f1"] == pytest.approx(expected, rel=1e-9)
    told = capsys.readouterr().err
    for word in ("draw at random", "leave out rows of the larger class", "hold out a quarter", "load_file"):
        assert word in told
