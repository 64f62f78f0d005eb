"""What each check of `doctor` makes of what it sees."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from email.utils import formatdate
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.server import app
from packaging.requirements import Requirement
from werkzeug.serving import make_server

from airflow_mlops.cli.doctor.approvers import check_approvers
from airflow_mlops.cli.doctor.finding import Finding, Status, as_json, as_text, failed, ok, without_secrets
from airflow_mlops.cli.doctor.installation import check_database
from airflow_mlops.cli.doctor.loaders import Loader, check_loaded, check_loaders, loaders
from airflow_mlops.cli.doctor.lookup import Place
from airflow_mlops.cli.doctor.needs import MLFLOW, OTHER, ROLLOUTS, SERVER, Need, needs
from airflow_mlops.cli.doctor.probes import Probe, run_probes
from airflow_mlops.cli.doctor.servers import (
    check_mlflow_answer,
    look_at_mlflow,
    look_at_target,
)
from airflow_mlops.cli.doctor.storage import (
    check_artifacts,
    check_parse_cache,
    check_remote_artifacts,
    check_rollout_database,
    check_rollouts,
    check_space,
    judge_space,
    network_file_system,
)
from airflow_mlops.cli.doctor.versions import check_extras, check_packages, check_python, versions
from airflow_mlops.config.loader import load_pipeline
from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.connection import Connection
from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.rollout.core import RolloutPlan
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.rollout.targets.model_server_probe import check_clock
from tests.support import free_port
from tests.support.haproxy import running_haproxy
from tests.support.postgres import running_postgres
from tests.support.server import ADMIN_TOKEN, NAME, TOKEN, Registry, running_server

VALID = Path(__file__).parents[2] / "corpus" / "valid"
LOADER = "from airflow_mlops import load_pipelines\nload_pipelines(globals(){})  # DAGs\n"
GIB = 1024**3
PLAN = RolloutPlan(name="churn", model_version=1, model_uri="models:/churn/1")


def statuses(findings: list[Finding]) -> dict[str, str]:
    return {finding.check: str(finding.status) for finding in findings}


def test_this_environment_has_what_the_package_asks_for() -> None:
    found = statuses(versions())
    assert {"airflow-mlops", "python", "apache-airflow", "mlflow", "pandas", "scikit-learn"} <= set(found)
    assert set(found.values()) <= {"ok", "not needed"}


def test_a_package_that_is_old_or_missing_comes_with_the_command_that_mends_it() -> None:
    there = {"mlflow": "2.9.0", "pandas": "3.1"}
    wanted = [Requirement(text) for text in ("mlflow>=3.17", "pandas>=3.0", "optuna>=4.5", "x; extra == 'x'")]
    found = {finding.check: finding for finding in check_packages(wanted, there.get)}
    assert found["pandas"].status == "ok"
    assert found["mlflow"] == failed("mlflow", "2.9.0, but it needs >=3.17", "pip install 'mlflow>=3.17'")
    assert found["optuna"].message == "not installed (needs >=4.5)"
    assert "x" not in found
    assert check_python("3.10.2", ">=3.11,<3.14").status == "failed"
    assert check_python("3.14.0rc1", ">=3.11,<3.14").status == "failed"
    assert check_python("3.13.5", ">=3.11,<3.14").status == "ok"


def test_an_airflow_newer_than_the_tested_versions_is_a_warning_and_not_a_failure() -> None:
    wanted = [Requirement("apache-airflow>=3.3,<3.5"), Requirement("pandas>=3,<4")]
    newer = {"apache-airflow": "3.5.1", "pandas": "4.0"}
    airflow, pandas = check_packages(wanted, newer.get)
    assert (airflow.status, pandas.status) == ("warning", "failed")
    assert (
        "3.5.1 is newer than the versions that airflow-mlops was tested with (<3.5,>=3.3)" in airflow.message
    )
    assert airflow.fix == "pip install --upgrade airflow-mlops, or pip install 'apache-airflow<3.5,>=3.3'"
    for version, status in (("3.2.9", "failed"), ("3.4.0", "ok"), ("3.5.0rc1", "warning")):
        assert check_one(wanted[0], version).status == status


def test_the_bounds_of_airflow_are_those_of_this_package() -> None:
    described = [Requirement(text) for text in distribution("airflow-mlops").requires or ()]
    (airflow,) = [item for item in described if item.name == "apache-airflow"]
    upper = [item.version for item in airflow.specifier if item.operator == "<"]
    assert len(upper) == 1
    assert check_one(airflow, f"{upper[0]}.1").status == "warning"


def check_one(requirement: Requirement, version: str) -> Finding:
    (found,) = check_packages([requirement], {requirement.name: version}.get)
    return found


def test_an_extra_is_complete_in_part_or_not_needed() -> None:
    wanted = [Requirement(text) for text in ("a>=2; extra == 'x'", "b; extra == 'x'", "c>=1")]
    for there, status in (
        ({"a": "2", "b": "1"}, "ok"),
        ({"a": "1", "b": "1"}, "warning"),
        ({}, "not needed"),
    ):
        (found,) = check_extras(["x"], wanted, there.get)  # type: ignore[arg-type]
        assert (found.check, found.status) == ("extra x", status)
    assert found.fix == "pip install 'airflow-mlops[x]'"


@given(st.text("abcdefghij0123456789/:@+-_", min_size=3, max_size=20))
def test_no_secret_is_printed(secret: str) -> None:
    told = [
        failed("a", f"cannot reach postgresql://me:{secret}@host/db", f"curl https://{secret}@host"),
        failed("b", f"driver said {secret}", f"password={secret}"),
    ]
    shown = as_text(without_secrets(told, ["", secret])) + as_json(without_secrets(told, [secret]))
    for around in ("me:{}@", "//{}@", "said {}", "password={}"):
        assert around.format(secret) not in shown


def test_a_connection_in_a_uri_is_no_secret() -> None:
    (kept,) = without_secrets([ok("artifacts", "s3://lake@bucket/mlops, http://u:p@x, token=abc")], [])
    assert kept.message == "s3://lake@bucket/mlops, http://***@x, token=***"


def test_lines_are_aligned_and_counted() -> None:
    text = as_text([ok("a", "fine"), failed("longer", "two\nlines", "do this")])
    assert text.splitlines() == [
        "ok          a       fine",
        "failed      longer  two lines",
        "                    → do this",
        "",
        "1 ok, 0 warning, 1 failed, 0 not needed",
    ]
    assert json.loads(as_json([failed("a", "b", "c")]))["status"] == "failed"


def test_a_probe_that_hangs_is_given_up_and_the_others_are_told_in_order() -> None:
    for_ever = threading.Event()
    try:
        found = run_probes(
            [
                Probe("hangs", lambda: [ok("hangs", str(for_ever.wait()))], "wait"),
                Probe("breaks", lambda: [ok("breaks", str(1 / 0))], "mend"),
                Probe("fine", lambda: [ok("fine", "here")], ""),
            ],
            limit_s=0.3,
        )
    finally:
        for_ever.set()
    assert [finding.message for finding in found] == [
        "no answer within 0.3 s",
        "ZeroDivisionError: division by zero",
        "here",
    ]
    assert [finding.status for finding in found] == ["failed", "failed", "ok"]


def test_loaders_are_read_and_judged(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "a.py").write_text(LOADER.format(""))
    (tmp_path / "b.py").write_text(LOADER.format(', "elsewhere"'))
    (tmp_path / "c.py").write_text(LOADER.format(", folder=somewhere()"))
    (tmp_path / "d.py").write_text("import x\nx.load_pipelines(globals(")
    (tmp_path / "test_e.py").write_text("def test(): load_pipelines({})")
    found = loaders(tmp_path)
    assert [(item.file.name, item.folder) for item in found] == [
        ("a.py", tmp_path / "pipelines"),
        ("b.py", tmp_path / "elsewhere"),
        ("c.py", None),
    ]
    told = list(check_loaders([tmp_path], found, lambda file: file.name != "a.py"))
    assert [finding.status for finding in told] == ["failed", "failed", "ok"]
    assert "Airflow skips this file" in told[0].message
    assert told[1].fix == f"mkdir -p {tmp_path / 'elsewhere'}"
    (none,) = check_loaders([tmp_path], [], lambda file: True)
    assert (none.status, none.fix) == ("failed", f"airflow-mlops init {tmp_path}")


def test_a_pipeline_file_that_nobody_loads_is_told(tmp_path: Path) -> None:
    loader = Loader(tmp_path / "a.py", tmp_path / "pipelines")
    inside, outside = tmp_path / "pipelines" / "x" / "a.yaml", tmp_path / "b.yaml"
    (told,) = check_loaded([inside, outside], [loader])
    assert str(outside) in told.message
    assert str(inside) not in told.message
    assert list(check_loaded([outside], [loader, Loader(tmp_path / "b.py", None)])) == []


def test_connections_are_found_wherever_a_pipeline_names_them() -> None:
    pipelines = [load_pipeline(VALID / "everything.yaml"), load_pipeline(VALID / "minimal.yaml")]
    uri, rollouts = "s3://lake@bucket/mlops", "conn_id://own.rollouts"
    found = {need.conn_id: need for need in needs(pipelines, uri, rollouts)}
    assert found["mlops_mlflow_default"].purpose == MLFLOW
    assert found["lake"] == Need("lake", OTHER, ("[mlops] artifacts",))
    assert found["own.rollouts"] == Need("own.rollouts", ROLLOUTS, ("[mlops] rollouts",))
    assert SERVER in {need.purpose for need in found.values()}


def test_airflows_database_is_looked_at_and_not_made(tmp_path: Path) -> None:
    missing = check_database(f"sqlite:///{tmp_path}/none.db", "abd")
    assert (missing.status, missing.fix) == ("failed", "airflow db migrate")
    assert "not initialised" in missing.message
    assert not (tmp_path / "none.db").exists()
    with closing(sqlite3.connect(tmp_path / "old.db")) as database:
        database.execute("CREATE TABLE other (x)")
    assert "not initialised" in check_database(f"sqlite:///{tmp_path}/old.db", "abd").message
    with closing(sqlite3.connect(tmp_path / "old.db")) as database, database:
        database.execute("CREATE TABLE alembic_version (version_num)")
        database.execute("INSERT INTO alembic_version VALUES ('abc')")
    assert "another Airflow version" in check_database(f"sqlite:///{tmp_path}/old.db", "abd").message
    assert check_database(f"sqlite:///{tmp_path}/old.db", "abc").status == "ok"


def test_storage_is_written_to_and_left_as_it_was(tmp_path: Path) -> None:
    for one_machine, status in ((True, "ok"), (False, "warning")):
        (found,) = check_artifacts(tmp_path, one_machine=one_machine, executor="CeleryExecutor")
        assert found.status == status
        (found,) = check_rollouts(tmp_path / "r.db", one_machine=one_machine, executor="CeleryExecutor")
        assert found.status == status
    (found,) = check_remote_artifacts("memory://doctor/mlops")
    assert found.status == "ok"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    (found,) = check_artifacts(tmp_path / "file", one_machine=True, executor="LocalExecutor")
    assert (found.status, "Not a directory" in found.message) == ("failed", True)
    (found,) = check_artifacts(tmp_path / "file" / "below", one_machine=True, executor="LocalExecutor")
    assert found.status == "failed"


def test_a_parse_cache_that_is_not_used_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "parse-cache"
    assert check_parse_cache("").status == "not needed"
    assert "the first parse creates it" in check_parse_cache(str(folder)).message
    assert not folder.exists()
    folder.mkdir(mode=0o700)
    (folder / "a.json").write_text("")
    assert check_parse_cache(str(folder)).message == f"{folder}; 1 file"
    folder.chmod(0o770)
    found = check_parse_cache(str(folder))
    assert (found.status, "has mode 0770" in found.message, "remove it" in found.fix) == (
        "warning",
        True,
        True,
    )
    (tmp_path / "file").write_text("")
    assert "is not a folder" in check_parse_cache(str(tmp_path / "file")).message
    assert check_parse_cache(str(tmp_path / "file" / "below")).status == "warning"


def test_disks_are_named_once_and_judged() -> None:
    here = Path(__file__)
    assert len(list(check_space([here, here.parent]))) == 1
    levels = [judge_space(here, free).status for free in (3 * GIB, GIB, GIB // 10)]
    assert levels == [Status.OK, Status.WARNING, Status.FAILED]


def test_a_network_file_system_is_known_by_its_mount(tmp_path: Path) -> None:
    mounts = f"/dev/sda / ext4 rw 0 0\nserver:/x {tmp_path.resolve()} nfs4 rw 0 0\n"
    assert network_file_system(tmp_path / "not" / "there", mounts) == "nfs4"
    assert network_file_system(Path("/etc"), mounts) == ""


def test_clocks_are_compared_to_the_second() -> None:
    now = 1_800_000_000.0
    for ahead, status in ((0, "ok"), (-4, "ok"), (60, "warning"), (-60, "warning")):
        (found,) = check_clock({"date": formatdate(now + ahead, usegmt=True)}, now, now + 0.1)
        assert found.status == status
    assert "59 s behind" in found.message  # a Date header has whole seconds
    assert check_clock({}, now, now) == []


def place(url: str, purpose: str = MLFLOW, pipeline: str = NAME, **more: Any) -> Place:
    return Place(Need("conn", purpose, (pipeline,)), url, **more)


def server_place(
    url: str, target: str = "local", pipeline: str = NAME, token: str = ADMIN_TOKEN, **extra: Any
) -> Place:
    connection = Connection(
        conn_id="conn", conn_type="mlops_serving", host=url, password=token, extra={target: extra}
    )
    need = Need("conn", SERVER, (pipeline,), target)
    return Place(need, url, token=token, options={"connection": connection})


@pytest.fixture(scope="module")
def mlflow_server(serving_registry: Registry) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("_MLFLOW_SERVER_FILE_STORE", serving_registry.uri)
        patch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", str(serving_registry.artifacts))
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)
        server.server_close()


def test_mlflow_is_asked_by_a_real_request(mlflow_server: str) -> None:
    answer, clock = look_at_mlflow(place(mlflow_server))
    assert (answer.status, clock.status) == ("ok", "ok")
    assert "MLflow 3." in answer.message
    (elsewhere,) = look_at_mlflow(place("http://127.0.0.1:9"))
    assert elsewhere.status == "failed"
    assert "mlflow server --host 127.0.0.1 --port 9" in elsewhere.fix


def test_what_answers_and_is_no_mlflow_is_told(mlflow_server: str) -> None:
    told = [
        check_mlflow_answer("m", "http://x", httpx.Response(401), ""),
        check_mlflow_answer("m", "http://x", httpx.Response(404), ""),
        check_mlflow_answer("m", "http://x", httpx.Response(200, html="<p>hello"), ""),
        check_mlflow_answer("m", "http://x", httpx.Response(200, json={}), "2.9.0"),
    ]
    assert [finding.status for finding in told] == ["failed", "failed", "failed", "warning"]
    assert "refuses the log-in" in told[0].message
    assert "older than" in told[3].message


def test_mlflow_as_a_database_is_read_and_not_made(serving_registry: Registry, tmp_path: Path) -> None:
    (found,) = look_at_mlflow(place(serving_registry.uri))
    assert found.status == "ok"
    (found,) = look_at_mlflow(place(f"sqlite:///{tmp_path}/mlflow.db"))
    assert (found.status, "made by the first run" in found.message) == ("ok", True)
    (found,) = look_at_mlflow(place(f"sqlite:///{tmp_path}/no/folder/mlflow.db"))
    assert found.status == "failed"
    assert list(tmp_path.iterdir()) == []


def test_a_model_server_is_asked_for_health_token_and_model(
    serving_registry: Registry, tmp_path: Path
) -> None:
    with running_server(serving_registry, tmp_path) as client:
        url = client.admin_url
        fresh, _ = look_at_target(server_place(url))
        client.load(1, serving_registry.model_uri("champion"))
        client.traffic(1)
        served, clock = look_at_target(server_place(url))
        wrong, *_ = look_at_target(server_place(url, token="other-token"))
        predicts, *_ = look_at_target(server_place(url, token=TOKEN))
        callers, *_ = look_at_target(server_place(str(client.base_url)))
        another, *_ = look_at_target(server_place(url, pipeline="churn"))
    gone = look_at_target(server_place(url))
    assert (fresh.status, "no version is loaded" in fresh.message) == ("warning", True)
    assert (served.status, clock.status) == ("ok", "ok")
    assert served.message == f"{url} takes the token and serves flights, champion is version 1"
    assert (wrong.status, "refuses the token" in wrong.message) == ("failed", True)
    assert (predicts.status, "this token is for something else" in predicts.message) == ("failed", True)
    assert "AIRFLOW_MLOPS_ADMIN_TOKEN as password" in predicts.fix
    assert (callers.status, "is for callers" in callers.message) == ("failed", True)
    assert "administrators' address (its --admin-port) as host" in callers.fix
    assert (another.status, "churn wants it too" in another.message) == ("failed", True)
    assert [finding.status for finding in gone] == ["failed"]
    assert "airflow-mlops serve --name flights" in gone[0].fix


def test_haproxy_and_both_slots_are_asked(serving_registry: Registry, tmp_path: Path) -> None:
    with (
        running_server(serving_registry, tmp_path / "a") as a,
        running_server(serving_registry, tmp_path / "b") as b,
    ):
        slots = {"a": a.admin_url, "b": b.admin_url}
        a.load(1, serving_registry.model_uri("champion"))
        a.traffic(1)
        with running_haproxy(free_port(), [str(a.base_url), str(b.base_url)]) as haproxy:
            behind = server_place(haproxy.url, "haproxy", socket=haproxy.socket, slots=slots)
            found = {finding.check: finding for finding in look_at_target(behind)}
            others = {"a": slots["a"], "c": slots["b"]}
            renamed = server_place(haproxy.url, "haproxy", socket=haproxy.socket, slots=others)
            with pytest.raises(ConfigError, match=r"lacks the server\(s\) c, c_spare: the slots of the conn"):
                look_at_target(renamed)
    assert {finding.status for finding in found.values()} == {"ok"}
    assert found["haproxy conn"].message == f"{haproxy.socket} answers and has the slots a, b"
    assert found["model server conn a"].message.endswith("serves flights, champion is version 1")
    assert found["model server conn b"].message.endswith("serves flights, a free slot")
    with pytest.raises(
        BackendError, match=r"no HAProxy answers at .*; start it, and check its `stats socket`"
    ):
        look_at_target(behind)


def test_the_database_of_the_rollouts_is_asked_and_nothing_is_made_there() -> None:
    with running_postgres() as postgres:
        url = postgres.make("rollouts")
        postgres.make_user("poor")
        poor = url.replace("mlops@", "poor@")
        (refused,) = check_rollout_database(poor)
        (fresh,) = check_rollout_database(url, "not asked for")
        with psycopg.connect(url) as database:
            assert database.execute("SELECT to_regclass('mlops_rollouts')").fetchone() == (None,)
        RolloutStore(url)
        (made,) = check_rollout_database(url)
        (unwritable,) = check_rollout_database(poor)
        with psycopg.connect(url) as database:
            database.execute(unwritable.fix.split('"')[1])
        RolloutStore(poor).create_or_get(PLAN, 1.0)
        (granted,) = check_rollout_database(poor)
    shown = url.replace("mlops@", "mlops:***@")
    assert (fresh.status, fresh.message) == ("ok", f"{shown} answers; the first rollout creates its tables")
    assert (made.status, made.message) == ("ok", f"{url} answers")
    assert (refused.status, unwritable.status, granted.status) == ("failed", "failed", "ok")
    assert "GRANT CREATE ON SCHEMA public TO poor" in refused.fix
    assert (
        "GRANT SELECT, INSERT, UPDATE ON mlops_rollout_history, mlops_rollout_store, mlops_rollouts TO poor"
        in unwritable.fix
    )


def approved_by(*people: str) -> list[Pipeline]:
    """Return a pipeline that these people may approve."""
    return [
        Pipeline(
            name="churn",
            data={"source": {"type": "csv", "filepath": "a.csv"}, "target": "y"},
            train={"estimator": "sklearn.tree.DecisionTreeClassifier"},
            evaluate={"metrics": ["f1"]},
            approve={"by": people},
            deploy={},
        )
    ]


def test_people_who_may_approve_are_compared_with_the_users(tmp_path: Path) -> None:
    listed = {"names": ["ada"], "hint": "add the user"}

    def statuses(people: tuple[str, ...], users: dict[str, Any], database: str = "") -> list[str]:
        return [str(item.status) for item in check_approvers(approved_by(*people), users, database)]

    assert statuses(("ada",), listed) == ["ok"]
    assert statuses(("ada", "bne"), listed) == ["warning"]
    assert statuses(("ada", "bne"), {**listed, "sure": True}) == ["failed"]
    assert statuses(("ada",), {"names": None, "manager": "KeycloakAuthManager"}) == ["warning"]
    assert statuses(("ada",), {"names": None, "anonymous": "Anonymous"}) == ["warning"]
    assert list(check_approvers([], listed, "")) == []
    fab, url = {"names": None, "numbers": True}, f"sqlite:///{tmp_path}/airflow.db"
    assert statuses(("3",), fab, url) == ["warning"]
    with closing(sqlite3.connect(tmp_path / "airflow.db")) as database, database:
        database.execute("CREATE TABLE ab_user (id INTEGER, username TEXT)")
        database.execute("INSERT INTO ab_user VALUES (3, 'ada')")
    assert statuses(("3",), fab, url) == ["ok"]
    named, unknown = check_approvers(approved_by("ada", "bne"), fab, url)
    assert (named.status, named.fix) == ("failed", 'write "3" in approve.by')
    assert (unknown.status, unknown.fix) == ("failed", "airflow users list")


@pytest.mark.parametrize(
    ("settings", "known"),
    [
        ({}, {"names": ["admin"], "sure": False}),
        ({"SIMPLE_AUTH_MANAGER_USERS": "ada:op,ben:admin"}, {"names": ["ada", "ben"], "sure": True}),
        ({"SIMPLE_AUTH_MANAGER_ALL_ADMINS": "true"}, {"names": None, "anonymous": "Anonymous"}),
        ({"AUTH_MANAGER": "x.fab_auth_manager.FabAuthManager"}, {"names": None, "numbers": True}),
        ({"AUTH_MANAGER": "x.KeycloakAuthManager"}, {"names": None, "manager": "KeycloakAuthManager"}),
    ],
)
def test_what_the_configuration_says_about_users(
    settings: dict[str, str], known: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_mlops.hooks.users import known_users

    for name, value in settings.items():
        monkeypatch.setenv(f"AIRFLOW__CORE__{name}", value)
    assert known.items() <= known_users().items()
