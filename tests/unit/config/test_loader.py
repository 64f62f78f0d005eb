"""A pipeline file: every fault in one go, each where it stands."""

from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_mlops.config.loader import FileFaults, load_pipeline
from airflow_mlops.config.models import Pipeline, format_duration, parse_duration
from airflow_mlops.core.errors import ConfigError

MINIMAL = """\
name: iris
data:
  source: {type: csv, filepath: iris.csv}
  target: species
train: {estimator: sklearn.tree.DecisionTreeClassifier}
evaluate: {metrics: [accuracy]}
"""


def write(folder: Path, text: str | bytes) -> Path:
    file = folder / "iris.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(FileFaults) as caught:
        load_pipeline(write(folder, text))
    return [str(fault).removeprefix(f"{folder}/") for fault in caught.value.faults]


def test_a_minimal_file_gets_sensible_defaults(tmp_path: Path) -> None:
    pipeline = load_pipeline(write(tmp_path, MINIMAL))
    assert pipeline.name == "iris"
    assert pipeline.data.holdout == 0.2
    assert pipeline.deploy is None


def test_the_effective_configuration_reads_back_as_itself(tmp_path: Path) -> None:
    text = MINIMAL + "deploy: {canary: {hold: 30m}}\nmonitor: {schedule: '@daily', drift: {for: 3}}\n"
    pipeline = load_pipeline(write(tmp_path, text))
    assert Pipeline.model_validate(pipeline.effective()) == pipeline
    assert pipeline.effective()["monitor"]["drift"]["for"] == 3


@pytest.mark.parametrize("way", ["share: 0.3", "last: 30d", "from: 2026-01-31"])
def test_a_share_beside_another_hold_out_is_refused_and_not_in_the_effective_configuration(
    tmp_path: Path, way: str
) -> None:
    text = MINIMAL.replace("evaluate: {", f"evaluate: {{holdout: {{{way}}}, ")
    pipeline = load_pipeline(write(tmp_path, text))
    assert "holdout" not in pipeline.effective()["data"]
    assert Pipeline.model_validate(pipeline.effective()) == pipeline
    (found,) = faults(tmp_path, text.replace("species", "species\n  holdout: 0.2"))
    assert f"data.holdout: must be left out beside `evaluate.holdout.{way.split(':')[0]}`" in found


@pytest.mark.parametrize("own", ["gap: 7d", "source: {type: csv, filepath: judged.csv}"])
def test_a_share_stays_beside_a_gap_and_beside_a_test_set(tmp_path: Path, own: str) -> None:
    text = MINIMAL.replace("evaluate: {", f"evaluate: {{holdout: {{{own}}}, ")
    pipeline = load_pipeline(write(tmp_path, text.replace("species", "species\n  holdout: 0.3")))
    assert pipeline.effective()["data"]["holdout"] == 0.3


@given(st.timedeltas(min_value=timedelta(milliseconds=1), max_value=timedelta(days=4000)))
def test_a_duration_reads_back_as_itself(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT30M", 1800), ("P1DT12H", 129_600), ("P2W", 1_209_600), ("pt0.5s", 0.5), ("1.5h", 5400)],
)
def test_durations_are_short_or_iso_8601(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["P", "PT", "30", "-5m", "1h30m", "P1M", "0s", "9" * 400 + "d", "soon"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"a duration (must be|needs a unit)"):
        parse_duration(text)


def test_all_faults_are_told_at_once_each_with_its_place(tmp_path: Path) -> None:
    text = MINIMAL.replace("name: iris", "name: iris\nscheduel: '@daily'").replace("metrics", "metric")
    text += "deploy: {canary: {hold: 30, steps: [50, 25]}}\n"
    assert faults(tmp_path, text) == [
        "iris.yaml:2:1: scheduel: is not a known key (did you mean schedule?)",
        "iris.yaml:7:12: evaluate.metric: is not a known key (did you mean metrics?)",
        "iris.yaml:8:25: deploy.canary.hold: a duration needs a unit, such as 30s or 30m, got 30",
        "iris.yaml:8:41: deploy.canary.steps.1: steps must increase, got [50, 25]",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("evaluate: {metrics: [accuracy], require: {accuracy: '=> 3'}}", "such as '>= 0.8', got '=> 3'"),
        ("evaluate: {metrics: []}", "at least 1 item"),
        ("evaluate: {metrics: [accuracy], metrics: [f1]}", "duplicate key (first at line 6)"),
        ("evaluate: [accuracy", "is not valid YAML"),
        ("evaluate: accuracy", "must be a mapping of keys, got 'accuracy'"),
        ("evaluate: !!python/object/apply:os.system ['true']", "tag !!python/object/apply:os.system is not"),
        ("evaluate: &x {metrics: [accuracy]}\napprove: *x", "approve.metrics: is not a key of this section"),
    ],
)
def test_a_faulty_line_is_named(tmp_path: Path, line: str, expected: str) -> None:
    text = MINIMAL.replace("evaluate: {metrics: [accuracy]}", line)
    found = faults(tmp_path, text)
    assert expected in " ".join(found)
    assert all(one.startswith("iris.yaml:") for one in found)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xff\xfe\x00name", "not UTF-8"),
        (b"x" * 1_000_001, "larger than"),
        (b"", "a pipeline file must be a mapping"),
        (b"- a\n- b\n", "a pipeline file must be a mapping"),
    ],
)
def test_what_is_no_pipeline_file_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        load_pipeline(write(tmp_path, content))


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.yaml: file does not exist$"):
        load_pipeline(tmp_path / "nothing.yaml")


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_loads_or_is_refused_clearly(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.mktemp("fuzz") / "iris.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    refused = pytest.raises(ConfigError, match=r".") if not text.startswith("name:") else nullcontext()
    with refused:
        load_pipeline(file)
