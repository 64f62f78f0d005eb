"""Anchors, aliases and merge keys mean what YAML says, and cannot blow a file up."""

from pathlib import Path

import pytest

from airflow_mlops.config.loader import FileFaults, load_pipeline

FILE = """\
name: iris
data: {source: {type: csv, filepath: iris.csv}, target: species}
train:
  estimator: sklearn.ensemble.RandomForestClassifier
  params: &params {n_estimators: 20, max_depth: 3}
evaluate: {metrics: &metrics [accuracy]}
profiles:
  big: {train.params: {<<: *params, n_estimators: 500}, evaluate.metrics: *metrics}
"""


def write(folder: Path, content: str) -> Path:
    file = folder / "iris.yaml"
    file.write_text(content)
    return file


def test_an_alias_repeats_and_a_merge_gives_way_to_own_keys(tmp_path: Path) -> None:
    pipeline = load_pipeline(write(tmp_path, FILE), profile="big")
    assert pipeline.train.params == {"max_depth": 3, "n_estimators": 500}
    assert pipeline.evaluate.metrics == ("accuracy",)


def test_the_first_of_several_merged_mappings_wins(tmp_path: Path) -> None:
    both = "params: {<<: [{max_depth: 1, gamma: 2}, {max_depth: 5, C: 7}]}"
    text = FILE.partition("profiles")[0].replace("params: &params {n_estimators: 20, max_depth: 3}", both)
    assert load_pipeline(write(tmp_path, text)).train.params == {"max_depth": 1, "gamma": 2, "C": 7}


def test_a_fault_in_what_an_alias_repeats_is_told_where_it_is_used(tmp_path: Path) -> None:
    text = FILE.replace("evaluate.metrics: *metrics", "evaluate.metric: *metrics")
    with pytest.raises(FileFaults, match=r"iris.yaml:8:.*did you mean"):
        load_pipeline(write(tmp_path, text), profile="big")
