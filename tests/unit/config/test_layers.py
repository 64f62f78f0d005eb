"""Built-in defaults < defaults.yaml < file < profile; every profile is checked."""

from pathlib import Path

import pytest

from airflow_mlops.config.loader import FileFaults, load_pipeline, pipeline_files, read_pipeline
from airflow_mlops.core.errors import ConfigError

FILE = """\
name: iris
data: {source: {type: csv, filepath: iris.csv}, target: species}
train: {estimator: sklearn.tree.DecisionTreeClassifier}
evaluate: {metrics: [accuracy], require: {accuracy: '>= 0.9'}}
approve: {by: [ann]}
deploy: {canary: {hold: 1h}}
"""
PROFILES = """\
profiles:
  dev: {data.source.filepath: sample.csv, deploy.canary.hold: 10s, approve: off}
  bare: {deploy: off, approve: off}
"""


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_the_order_is_default_then_defaults_file_then_file_then_profile(tmp_path: Path) -> None:
    write(tmp_path / "defaults.yaml", "owner: growth\nretries: 3\ndeploy: {canary: {hold: 2h, poll: 3s}}\n")
    file = write(tmp_path / "iris.yaml", FILE + "retries: 2\n" + PROFILES)
    plain, dev = load_pipeline(file), load_pipeline(file, "dev")
    assert plain.deploy is not None
    assert dev.deploy is not None
    assert (plain.owner, plain.retries) == ("growth", 2)
    assert (
        plain.effective()["deploy"]["canary"] | {"hold": "1h", "poll": "3s", "alpha": 0.05}
        == (plain.effective()["deploy"]["canary"])
    )
    assert plain.data.source.filepath == "iris.csv"
    assert (dev.data.source.filepath, dev.approve) == ("sample.csv", None)
    assert dev.deploy.canary.hold.total_seconds() == 10
    assert load_pipeline(file, "bare").deploy is None
    assert dev.evaluate == plain.evaluate


def test_the_nearest_defaults_win_and_the_search_ends_at_the_root(tmp_path: Path) -> None:
    file = write(tmp_path / "pipelines" / "team" / "deep" / "iris.yaml", FILE)
    write(tmp_path / "defaults.yaml", "owner: outside\n")
    assert load_pipeline(file).owner == "airflow"
    write(tmp_path / "pipelines" / "defaults.yaml", "owner: everybody\nretries: 5\n")
    assert load_pipeline(file).owner == "everybody"
    write(tmp_path / "pipelines" / "team" / "defaults.yaml", "owner: team\n")
    pipeline = load_pipeline(file)
    assert (pipeline.owner, pipeline.retries) == ("team", 3)
    assert load_pipeline(file, root=file.parent).owner == "airflow"


def test_a_fault_of_the_defaults_is_told_at_its_own_place(tmp_path: Path) -> None:
    defaults = write(tmp_path / "defaults.yaml", "owner: growth\nretries: many\nname: all\n")
    file = write(tmp_path / "iris.yaml", FILE + "tags: 5\n")
    with pytest.raises(FileFaults) as caught:
        load_pipeline(file)
    assert [str(fault) for fault in caught.value.faults] == [
        f"{defaults}:2:10: retries: must be an integer, got the text 'many'",
        f"{defaults}:3:1: name: a name must be in the pipeline file, not in the defaults",
        f"{file}:7:7: tags: must be a list, as [5], got 5",
    ]


def test_profiles_of_the_defaults_are_everybodys(tmp_path: Path) -> None:
    write(tmp_path / "defaults.yaml", "profiles: {dev: {owner: dev}, quiet: {approve: off}}\n")
    file = write(tmp_path / "iris.yaml", FILE + PROFILES)
    dev = load_pipeline(file, "dev")
    assert (dev.owner, dev.data.source.filepath) == ("dev", "sample.csv")
    assert load_pipeline(file, "quiet").approve is None


def test_an_unknown_profile_names_the_nearest(tmp_path: Path) -> None:
    file = write(tmp_path / "iris.yaml", FILE + PROFILES)
    with pytest.raises(
        ConfigError, match=r"profile 'dve' is not defined \(did you mean dev\?\); profiles are dev, bare"
    ):
        load_pipeline(file, "dve")


def test_a_fault_of_a_profile_that_is_not_chosen_is_a_fault_of_the_file(tmp_path: Path) -> None:
    file = write(tmp_path / "iris.yaml", FILE + PROFILES + "  late: {deploy.canary.steps: [9, 5]}\n")
    with pytest.raises(FileFaults) as caught:
        load_pipeline(file, "dev")
    assert [str(fault).removeprefix(f"{tmp_path}/") for fault in caught.value.faults] == [
        "iris.yaml:10:35: profiles.late.deploy.canary.steps.1: steps must increase, got [9, 5]"
    ]


def test_a_fault_of_the_file_is_told_once_however_many_profiles_there_are(tmp_path: Path) -> None:
    file = write(tmp_path / "iris.yaml", FILE.replace(", target: species", "") + PROFILES)
    with pytest.raises(FileFaults) as caught:
        load_pipeline(file)
    assert [str(fault).removeprefix(f"{tmp_path}/") for fault in caught.value.faults] == [
        "iris.yaml:2:1: data.target: required key is missing"
    ]


def test_a_section_that_only_a_profile_has_is_told_there(tmp_path: Path) -> None:
    file = write(tmp_path / "iris.yaml", FILE + "profiles: {dev: {monitor.catchup: true}}\n")
    with pytest.raises(FileFaults) as caught:
        load_pipeline(file)
    assert [str(fault).removeprefix(f"{tmp_path}/") for fault in caught.value.faults] == [
        "iris.yaml:7:18: profiles.dev.monitor.schedule: required key is missing"
    ]


def test_a_fault_that_needs_two_keys_is_told_at_one_of_them(tmp_path: Path) -> None:
    text = "profiles:\n  p:\n    owner: me\n    retry.max_delay: 10m\n    retry.delay: 20m\n"
    with pytest.raises(FileFaults) as caught:
        load_pipeline(write(tmp_path / "iris.yaml", FILE + text))
    assert [str(fault).removeprefix(f"{tmp_path}/") for fault in caught.value.faults] == [
        "iris.yaml:11:5: profiles.p.retry.delay: delay 20m must not be longer than max_delay 10m"
    ]


def test_a_mapping_joins_key_by_key_and_a_list_is_replaced(tmp_path: Path) -> None:
    text = "profiles: {p: {evaluate: {metrics: [f1, accuracy], require: {f1: '> 0.5'}}}}\n"
    pipeline = load_pipeline(write(tmp_path / "iris.yaml", FILE + text), "p")
    assert pipeline.evaluate.metrics == ("f1", "accuracy")
    assert pipeline.evaluate.require == {"accuracy": ">= 0.9", "f1": "> 0.5"}


def test_profiles_do_not_leak_into_each_other(tmp_path: Path) -> None:
    text = "profiles: {a: {train.params.max_depth: 3}, b: {train.params.min_samples_leaf: 9}}\n"
    loaded = read_pipeline(write(tmp_path / "iris.yaml", FILE + text))
    assert loaded.chosen("a").train.params == {"max_depth": 3}
    assert loaded.chosen("b").train.params == {"min_samples_leaf": 9}
    assert loaded.chosen(None).train.params == {}


def test_defaults_and_hidden_files_are_no_pipelines(tmp_path: Path) -> None:
    for name in ("a.yaml", "team/b.yml", "defaults.yaml", "team/defaults.yml", ".hidden/c.yaml", ".d.yaml"):
        write(tmp_path / name, FILE)
    assert [str(file.relative_to(tmp_path)) for file in pipeline_files(tmp_path)] == ["a.yaml", "team/b.yml"]


def test_a_source_of_another_type_replaces_the_whole_source(tmp_path: Path) -> None:
    profiles = "profiles: {db: {data.source: {type: sql, sql: 'SELECT 1', conn_id: lab}}, sep: %s}\n"
    plain = FILE.replace("filepath: iris.csv", "filepath: iris.csv, load_args: {sep: ;}")
    file = write(tmp_path / "iris.yaml", plain + profiles % "{data.source.load_args.decimal: ','}")
    source = load_pipeline(file, "db").data.source
    assert (source.sql, source.filepath, source.load_args) == ("SELECT 1", None, {})
    assert load_pipeline(file, "sep").data.source.load_args == {"sep": ";", "decimal": ","}


def test_a_test_set_of_another_type_replaces_the_whole_source(tmp_path: Path) -> None:
    own = "holdout: {source: {type: sql, sql: SELECT 1, conn_id: lab}}"
    profile = "profiles: {laptop: {evaluate.holdout.source: {type: csv, filepath: judged.csv}}}\n"
    file = write(tmp_path / "iris.yaml", FILE.replace("evaluate: {", f"evaluate: {{{own}, ") + profile)
    holdout = load_pipeline(file, "laptop").evaluate.holdout
    assert holdout is not None
    assert (holdout.source.filepath, holdout.source.sql, holdout.source.conn_id) == ("judged.csv", None, None)


def test_only_so_many_profiles_are_read(tmp_path: Path) -> None:
    lines = [f"  p{number}: {{retry.max_delay: 1s}}\n" for number in range(102)]
    with pytest.raises(FileFaults) as caught:
        load_pipeline(write(tmp_path / "iris.yaml", f"{FILE}profiles:\n{''.join(lines)}"))
    *early, last = [str(fault).removeprefix(f"{tmp_path}/") for fault in caught.value.faults]
    start = len(f"{FILE}profiles:\n".splitlines())
    place = f"iris.yaml:{start + 1}:8: profiles.p0.retry.max_delay"
    assert early[0] == f"{place}: delay 1m must not be longer than max_delay 1s"
    limit = "a file must not have more than 100 profiles"
    assert last == f"iris.yaml:{start + 101}:3: profiles.p100: {limit}: the rest is not read"
    assert len(early) == 100
