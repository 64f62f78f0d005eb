"""Numbers and booleans as keys keep their kind from the file to the estimator, also through JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from airflow_mlops.__main__ import main
from airflow_mlops.config.cache import ParseCache
from airflow_mlops.config.lint import lint_files
from airflow_mlops.config.lint.libraries import Libraries
from airflow_mlops.config.loader import load_pipeline
from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.records import TuneResult
from airflow_mlops.factory.eject import eject
from tests.unit.core.test_json_keys import kinds

FILE = """\
name: weighted
data: {source: {type: csv, filepath: rows.csv, load_args: {dtype: {0: str, 2: float}}}, target: y}
train:
  estimator: sklearn.ensemble.RandomForestClassifier
  params: {class_weight: {0: 1, 1: 20}}
  tune: {space: {class_weight: [{0: 1, 1: 20}, {0: 2, 1: 1.5}, balanced]}}
evaluate: {metrics: [accuracy]}
"""


def written(folder: Path, text: str = FILE) -> Path:
    file = folder / "weighted.yaml"
    file.write_text(text)
    return file


def test_the_configuration_has_the_keys_that_yaml_shows(tmp_path: Path) -> None:
    mixed = "{0: 1, 1: 20, 0.5: 2, -3: 4, 1e3: 5, true: 6, '7': 7, 2024-01-01: 8}".replace("1: 20", "9: 20")
    train = load_pipeline(written(tmp_path, FILE.replace("{0: 1, 1: 20}}", f"{mixed}}}", 1))).train
    found = train.params["class_weight"]
    assert kinds(found) == kinds({0: 1, 9: 20, 0.5: 2, -3: 4, 1000.0: 5, True: 6, "7": 7, "2024-01-01": 8})


@pytest.mark.parametrize("layer", ["defaults", "profile"])
def test_the_keys_survive_the_layers(tmp_path: Path, layer: str) -> None:
    if layer == "defaults":
        (tmp_path / "defaults.yaml").write_text("train: {params: {class_weight: {0: 9, 5: 3}}}\n")
        found = load_pipeline(written(tmp_path)).train.params["class_weight"]
        assert kinds(found) == kinds({0: 1, 5: 3, 1: 20})
    else:
        file = written(tmp_path, FILE + "profiles: {a: {train.params.class_weight: {1: 5}}}\n")
        found = load_pipeline(file, "a").train.params["class_weight"]
        assert kinds(found) == kinds({0: 1, 1: 5})


def test_the_keys_survive_everything_that_is_written(tmp_path: Path) -> None:
    pipeline = load_pipeline(written(tmp_path))
    assert pipeline.data.source.load_args == {"dtype": {0: "str", 2: "float"}}
    again = Pipeline.model_validate(json.loads(json.dumps(pipeline.effective())))
    assert again == pipeline
    assert kinds(again.effective()) == kinds(pipeline.effective())
    with ParseCache(tmp_path / "cache") as cache:
        for _ in range(2):
            assert load_pipeline(tmp_path / "weighted.yaml", cache=cache).train == pipeline.train
    source = eject(pipeline, origin="weighted.yaml")
    assert "{0: 1, 1: 20}" in source
    assert "$pairs" not in source


def test_the_printed_configuration_is_the_file_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["render", str(written(tmp_path))]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["train"]["params"] == {"class_weight": {0: 1, 1: 20}}
    assert shown["train"]["tune"]["space"]["class_weight"][1] == {0: 2, 1: 1.5}


def test_a_record_keeps_the_keys_of_parameters() -> None:
    best = {"class_weight": {0: 1, 1: 20}, "text": {"0": 1}}
    record = TuneResult(
        worker=0, metric="accuracy", best_score=1.0, best_params=best, trials=1, failed=0, run_id="r"
    )
    again = TuneResult.from_json(json.loads(json.dumps(record.to_json())))
    assert kinds(again.best_params) == kinds(best)


def test_lint_asks_the_library_about_the_same_keys(tmp_path: Path, libraries: Libraries) -> None:
    """With text as keys scikit-learn would refuse the weights: its classes are numbers."""
    file = written(tmp_path, FILE.partition("  tune")[0] + "evaluate: {metrics: [accuracy]}\n")
    assert [str(fault) for fault in lint_files([(file, tmp_path)], libraries=libraries)] == []
    echoed = libraries.ask(
        "refused", "sklearn", module="sklearn.ensemble", name="RandomForestClassifier",
        values={"class_weight": [{0: 1}], "max_depth": [{0: -1}]},
    )  # fmt: skip
    assert [item[0] for item in echoed] == ["max_depth"]
