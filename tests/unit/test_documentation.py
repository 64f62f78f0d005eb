"""What the documentation shows is true: pipelines load, files exist, keys and defaults are real."""

import ast
import json
import re
import runpy
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin
from urllib.parse import urlsplit

import pandas as pd
import pytest
import yaml
from airflow.utils.file import might_contain_dag
from pydantic import BaseModel

from airflow_mlops import load_pipeline, load_pipelines
from airflow_mlops.config.lint import lint_files
from airflow_mlops.config.models import Pipeline, format_duration
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.lifecycle.runner import StageRequest, run_stage
from tests.support.mlflow_store import new_store

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "plugins" / "README.md", *(ROOT / "docs").rglob("*.md")])
QUICKSTART = ROOT / "docs" / "examples" / "quickstart"
SMALL = {
    "name": "small",
    "data": {"source": {"type": "csv", "filepath": "rows.csv"}, "target": "y"},
    "train": {"estimator": "sklearn.tree.DecisionTreeClassifier"},
    "evaluate": {"metrics": ["accuracy"]},
}


def blocks(kind: str) -> list[Any]:
    """Return the fenced blocks of a kind, each with the page and line that it stands on."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in re.finditer(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            line = text[: match.start()].count("\n") + 1
            found.append(pytest.param(match[1], id=f"{page.relative_to(ROOT)}:{line}"))
    return found


def copies() -> list[Any]:
    """Return (file, text) of every block that says which file it shows."""
    pattern = r"^<!-- file: (\S+) -->\n```[^\n]*\n(.*?)^```$"
    return [
        pytest.param(match[1], match[2], id=match[1])
        for page in PAGES
        for match in re.finditer(pattern, page.read_text(), re.MULTILINE | re.DOTALL)
    ]


@pytest.mark.parametrize("text", blocks("yaml pipeline"))
def test_a_pipeline_that_is_shown_loads(text: str, tmp_path: Path) -> None:
    file = tmp_path / "shown.yaml"
    file.write_text(text)
    assert load_pipeline(file).name


@pytest.mark.parametrize("text", blocks("yaml section"))
def test_a_section_that_is_shown_fits_into_a_pipeline(text: str, tmp_path: Path) -> None:
    file = tmp_path / "shown.yaml"
    file.write_text(yaml.safe_dump({**SMALL, **yaml.safe_load(text)}, sort_keys=False))
    assert load_pipeline(file).name == "small"


GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_a_guide_starts_with_a_complete_example_before_any_table(guide: Path) -> None:
    before = re.split(r"^\|", guide.read_text(), maxsplit=1, flags=re.MULTILINE)[0]
    kinds = re.findall(r"^```(.*)$", before, re.MULTILINE)[::2]
    assert {"yaml pipeline", "python", ""} & set(kinds), f"the first blocks are {kinds}"


@pytest.mark.parametrize("text", blocks("python"))
def test_python_that_is_shown_compiles(text: str) -> None:
    assert compile(text, "shown.py", "exec").co_filename == "shown.py"


@pytest.mark.parametrize("text", [block for block in blocks("python") if "globals()" in str(block.values)])
def test_airflow_does_not_pass_over_a_dag_file_that_is_shown(text: str, tmp_path: Path) -> None:
    (tmp_path / "shown.py").write_text(text)
    assert might_contain_dag(str(tmp_path / "shown.py"), safe_mode=True)


@pytest.mark.parametrize(("name", "text"), copies())
def test_a_file_that_is_shown_is_that_file(name: str, text: str) -> None:
    assert (ROOT / name).read_text() == text


def links() -> list[Any]:
    """Return (page, target) of every link within the repository."""
    return [
        pytest.param(page, target, id=f"{page.relative_to(ROOT)}->{target}")
        for page in PAGES
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text())
        if "://" not in target
    ]


@pytest.mark.parametrize(("page", "target"), links())
def test_a_link_leads_somewhere(page: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    found = (page.parent / name).resolve() if name else page
    assert found.exists()
    if anchor:
        titles = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE)
        assert anchor in [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield every key of the file with its default as the guides write it; items of a list once."""
    listed: set[type[BaseModel]] = set()
    for name, field in model.model_fields.items():
        key, section = prefix + (field.alias or name), _section(field.annotation)
        kind = get_origin(field.annotation)
        if section and kind not in (dict, tuple):
            yield from keys(section, f"{key}.")
            continue
        if section and section not in listed:
            listed.add(section)
            yield from keys(section, f"{key}.*." if kind is dict else f"{key}[].")
        written = _written(None if field.is_required() else field.get_default(call_default_factory=True))
        yield key, "required" if field.is_required() else written


def _section(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _section(part))), None)


def _written(value: Any) -> str:
    if value is None:
        return "none"
    if hasattr(value, "total_seconds"):
        return f"`{format_duration(value)}`"
    if isinstance(value, str):
        return f"`{value}`" if value else '`""`'
    return f"`{json.dumps(value)}`"


def test_every_key_of_the_file_is_in_a_guide_with_its_default() -> None:
    rows = {
        match[1]: match[2]
        for guide in (ROOT / "docs" / "guides").glob("*.md")
        for match in re.finditer(r"^\| `([a-z0-9_.*\[\]]+)` \| ([^|]+?) \|", guide.read_text(), re.MULTILINE)
    }
    real = dict(keys(Pipeline))
    wrong = {key: f"is {real[key]}, the guide says {rows.get(key, 'nothing')}" for key in real}
    assert {key: text for key, text in wrong.items() if rows.get(key) != real[key]} == {}
    dotted = {key for key in rows if "." in key}
    assert dotted <= set(real), "a guide names a key that does not exist"


def problems() -> list[Any]:
    """Return the messages that the guides explain, in tables with the heading ``you see``."""
    return [
        pytest.param(message, id=f"{guide.stem}: {message[:50]}")
        for guide in GUIDES
        for table in re.findall(r"^\| you see \| do \|\n\|---\|---\|\n((?:\|.*\n)+)", guide.read_text(), re.M)
        for message in re.findall(r"^\| `+(.+?)`+[ ,|]", table, re.M)
    ]


@cache
def written_messages() -> frozenset[str]:
    """Return how each piece of text between the values of a message begins, if it is more than a word."""
    pieces = {
        node.value.strip(" :;,.()'")
        for file in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return frozenset(piece[:24].strip() for piece in pieces if " " in piece and len(piece) >= 8)


@pytest.mark.parametrize("message", problems())
def test_a_message_that_a_guide_explains_is_one_of_the_package(message: str) -> None:
    assert any(piece in message for piece in written_messages())


def test_the_feature_table_has_every_row_and_a_mark() -> None:
    rows = re.findall(
        r"^\| (\d+) \| [^|]+ \| (.) ?", (ROOT / "docs" / "features.md").read_text(), re.MULTILINE
    )
    assert [int(number) for number, _ in rows] == list(range(1, 55))
    assert {mark for _, mark in rows} <= {"✔", "◐", "–"}


def test_a_wrong_key_is_told_as_the_quickstart_says(tmp_path: Path) -> None:
    text = (QUICKSTART / "pipelines" / "churn.yaml").read_text().replace("metrics:", "metric:")
    (tmp_path / "churn.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_pipeline(tmp_path / "churn.yaml")
    told = re.search(
        r"`pipelines/churn\.yaml(:.*metrics\?\))`", (ROOT / "docs" / "quickstart.md").read_text()
    )
    assert told
    assert told[1] in str(caught.value)


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quickstart")
    shutil.copytree(QUICKSTART, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.csv"))
    runpy.run_path(str(folder / "make_data.py"))
    return folder


def test_the_examples_of_the_guides_fit_the_data_of_the_quickstart(quickstart: Path) -> None:
    """A reader can paste each of them into the quickstart's folder and run it."""
    folder = quickstart / "pasted" / "pipelines"
    folder.mkdir(parents=True)
    shutil.copy(quickstart / "subscriptions.csv", folder.parent)
    for guide in GUIDES:
        first = re.search(r"^```yaml pipeline\n(.*?)^```$", guide.read_text(), re.MULTILINE | re.DOTALL)
        if first and "subscriptions.csv" in first[1]:
            (folder / f"{guide.stem}.yaml").write_text(first[1].replace("name: churn", f"name: {guide.stem}"))
    module = re.search(r"^```python\n(.*?)^```$", (ROOT / "docs/guides/features.md").read_text(), re.M | re.S)
    assert module
    (folder / "churn_features.py").write_text(module[1])
    files = sorted(folder.glob("*.yaml"))
    assert {"ingest", "validate", "features", "train", "evaluate", "approve", "monitor"} <= {
        file.stem for file in files
    }
    assert [str(finding) for finding in lint_files([(file, folder) for file in files])] == []


def test_the_quickstart_becomes_dags(quickstart: Path) -> None:
    namespace: dict[str, Any] = {"__file__": str(quickstart / "mlops.py")}
    load_pipelines(namespace, strict=True)
    assert "churn__train" in namespace
    complete: dict[str, Any] = {"__file__": str(quickstart / "mlops.py")}
    (quickstart / "later").mkdir()
    shutil.copy(quickstart / "churn-complete.yaml", quickstart / "later" / "churn.yaml")
    load_pipelines(complete, "later", strict=True)
    assert {"churn__train", "churn__deploy", "churn__monitor"} <= set(complete)


def test_the_quickstart_trains_and_its_data_drifts_as_told(quickstart: Path) -> None:
    pipeline = load_pipeline(quickstart / "churn-complete.yaml")
    shared: dict[str, Any] = {
        "pipeline": {**pipeline.effective(), "deploy": None, "approve": None},
        "artifacts": str(quickstart / "artifacts"),
        "tracking_uri": new_store(quickstart),
        "base": str(quickstart / "pipelines"),
    }

    def run(stage: str, as_of: str, start: str | None = None, **inputs: Any) -> dict[str, Any]:
        key = f"churn/{as_of}/{stage}/-1"
        request = StageRequest(
            stage=stage, task_key=key, as_of=as_of, window_start=start, inputs=inputs, **shared
        )
        return dict(run_stage(request).record)

    dataset = run("ingest", "2025-05-01T00:00:00Z")
    assert run("validate", "2025-05-01T00:00:00Z", dataset=dataset)["passed"]
    features = run("features", "2025-05-01T00:00:00Z", dataset=dataset)
    model = run("train", "2025-05-01T00:00:00Z", features=features)
    evaluation = run("evaluate", "2025-05-01T00:00:00Z", features=features, model=model)
    assert evaluation["passed"]
    assert run("register", "2025-05-01T00:00:00Z", evaluation=evaluation)["alias"] == "champion"

    verdicts = []
    for month in range(5, 9):
        end = f"2025-{month + 1:02d}-01T00:00:00Z"
        window = run("observe", end, f"2025-{month:02d}-01T00:00:00Z")
        drift, performance = run("drift", end, window=window), run("performance", end, window=window)
        triage = run("triage", end, window=window, drift=drift, performance=performance)
        verdicts.append((drift["verdict"], performance["verdict"], triage["action"]))
    calm = ("stable", "ok", "none")
    assert verdicts == [calm, calm, ("drift", "decay", "alert"), ("drift", "decay", "retrain")]
    assert pd.Timestamp(triage["end"]) == pd.Timestamp("2025-09-01", tz="UTC")


def test_the_containers_listen_on_loopback_only() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert {"api-server", "scheduler", "triggerer", "postgres", "mlflow", "model-server"} <= set(services)
    assert {"haproxy", "slot-a", "slot-b"} <= set(services)
    assert len(ports) == 4
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_containers_know_each_other() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    settings = services["triggerer"]["environment"]
    connections = {
        name: json.loads(text) for name, text in settings.items() if name.startswith("AIRFLOW_CONN_")
    }
    conn_id = settings["AIRFLOW__MLOPS__ROLLOUTS"].removeprefix("conn_id://")
    database = connections[f"AIRFLOW_CONN_{conn_id.upper()}"]
    assert database["host"] in services
    made = (ROOT / "docker" / "create-databases.sql").read_text()
    assert f"CREATE DATABASE {database['schema']} OWNER {database['login']};" in made
    haproxy = connections["AIRFLOW_CONN_MLOPS_SERVING_HAPROXY"]["extra"]["haproxy"]
    slots = {urlsplit(url).netloc for url in haproxy["slots"].values()}
    behind = services["haproxy"]["environment"]
    fronts = {behind["MLOPS_SLOT_A"], behind["MLOPS_SLOT_B"]}
    assert {front.replace(":8500", ":8501") for front in fronts} == slots
    assert {slot.partition(":")[0] for slot in slots} == {"slot-a", "slot-b"}
    named = set(re.findall(r"\$\{(\w+)\}", (ROOT / "docker" / "haproxy.cfg").read_text()))
    assert set(behind) == named
