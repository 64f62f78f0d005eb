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


def test_a_key_for_anchors_is_read_by_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "defaults.yaml").write_text("x-pool: &pool gpu\npool: *pool\nx-more: {a: 1}\n")
    head = "x-params: &shared {n_estimators: 7}\n"
    text = head + FILE.replace("{<<: *params, n_estimators: 500}", "{<<: [*shared, *params]}")
    pipeline = load_pipeline(write(tmp_path, text), profile="big")
    assert (pipeline.pool, pipeline.train.params) == ("gpu", {"n_estimators": 7, "max_depth": 3})
    assert not any(key.startswith("x-") for key in pipeline.effective())


@pytest.mark.parametrize("text", ["data: {x-a: 1}", "X-a: 1", "x_a: 1"])
def test_only_top_level_keys_that_begin_so_are_for_anchors(tmp_path: Path, text: str) -> None:
    head = FILE.replace("data: {", "data: {x-a: 1, ") if text.startswith("data") else FILE + text + "\n"
    with pytest.raises(FileFaults, match="is not a known key"):
        load_pipeline(write(tmp_path, head))


def test_anchors_that_grow_are_refused_before_they_are_built(tmp_path: Path) -> None:
    lines = ["x-0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(FileFaults, match="must not have more than 20,000 values"):
        load_pipeline(write(tmp_path, "\n".join(lines) + "\n" + FILE))
    loop = "x-0: &a {b: *a}\n" + FILE
    with pytest.raises(FileFaults, match="must not be nested deeper"):
        load_pipeline(write(tmp_path, loop))
