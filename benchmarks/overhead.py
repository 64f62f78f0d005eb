"""What a training costs as our train DAG, as hand-written tasks and as a script: CPU seconds of each stage.

    python benchmarks/overhead.py            100,000 rows
    python benchmarks/overhead.py --full     5,000,000 rows
    python benchmarks/overhead.py --rows 1000000 --rounds 1

All read one CSV file of ten columns (a key, seven numbers, a text, the answer; in the order of the key, as
most exports are), hold out a fifth of the rows, fit a logistic regression after scaling the numbers and
one-hot encoding the text, log the model to MLflow on SQLite with a signature and an example, and register it
when its ROC AUC on the hold-out is at least 0.6. The first two write down the package versions of the model:
MLflow would load it in another process to find them out, which would flatter us by some seconds.

  script      one process; rows pass in memory. Its imports are a column of their own
  tasks       five @tasks in a DAG, as a careful person writes them: rows pass between them as Parquet files
  lean        our train DAG of four lines of YAML with `train.refit: off` and `evaluate.leaks: off`
  train DAG   our train DAG of the same four lines as they are

What ours do in both rows and the others do not: the types of a CSV file are those of all of its rows, in
memory that does not grow with it; datasets are named by a digest of their content; the hold-out is a hash of
each key, so that it stays the same over versions; copies on both sides of it are counted; gaps in later rows
are provided for; the model is loaded back with the server's code and answers golden rows; a profile for
monitoring; scores on learned rows; a dummy model beside the model; a comparison with the champion where there
is one (none in a first run); a training card with intervals and importances. No key leaves these out. The
last row adds the leak probe, and the second fit, on all rows, with all that a logged model gets.

Each task runs in a process of its own, which Airflow's supervisor forks as the LocalExecutor has it do, from
a process that has imported Airflow and nothing of ours. Counted is the CPU time, user and system, of that
process and of those that it starts, by getrusage. What answers Airflow's API, the scheduler and the DAG
processor are left out; the parsing of the DAG file by each task is in.
The arms take turns within a round; ratios are medians of those within the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from string import Template
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = Path(__file__).with_name("overhead")
BLOCK = 500_000
FULL = 5_000_000
ARMS = {"script": "script", "by_hand": "tasks", "ours_lean": "lean", "ours": "train DAG"}
STAGES = ("imports", "ingest", "features", "train", "evaluate", "refit", "register")
LEAN = {"train": ", refit: off", "evaluate": ", leaks: off"}
TARGET, FULL_TARGET = 1.15, 1.5
LOADER = '''"""DAGs of the file beside this one."""

from airflow_mlops import load_pipelines

load_pipelines(globals(), ".", strict=True)
'''
MLFLOW = "import mlflow; mlflow.MlflowClient('sqlite:///{}/mlflow.db').search_experiments()"


def block(number: int, rows: int) -> Any:
    """Rows of ten columns in the order of their key, as a data frame."""
    import numpy as np
    import pandas as pd

    draw = np.random.default_rng(number)
    numbers = draw.normal(size=(rows, 7)).round(4)
    plan = draw.choice(["basic", "plus", "pro", "team"], rows)
    pull = numbers[:, 0] - numbers[:, 1] / 2 + (plan == "pro") + draw.logistic(size=rows)
    columns = {f"x{place}": numbers[:, place] for place in range(7)}
    customer = np.arange(number * BLOCK, number * BLOCK + rows)
    return pd.DataFrame({"customer": customer, **columns, "plan": plan, "bought": (pull > 0).astype(int)})


def write_csv(path: Path, rows: int) -> None:
    with path.open("w") as file:
        for start in range(0, rows, BLOCK):
            part = block(start // BLOCK, min(BLOCK, rows - start))
            part.to_csv(file, index=False, header=start == 0)


def prepare(folder: Path) -> None:
    """Make the databases of Airflow and MLflow, of which each run gets copies."""
    folder.mkdir()
    for code in ("from airflow.utils.db import initdb; initdb()", MLFLOW.format(folder)):
        command = [sys.executable, "-W", "ignore", "-c", code]
        subprocess.run(command, check=True, capture_output=True, env=environment(folder))


def environment(folder: Path) -> dict[str, str]:
    bundle = {
        "name": "dags-folder",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(folder / "dags")},
    }
    mlflow = {"conn_type": "mlops_mlflow", "host": f"sqlite:///{folder}/mlflow.db"}
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")},
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "AIRFLOW__MLOPS__ARTIFACTS": str(folder / "artifacts"),
        "AIRFLOW_CONN_MLOPS_MLFLOW_DEFAULT": json.dumps(mlflow),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(folder / "dags")]),
    }


def write_arm(arm: str, folder: Path, rows: Path) -> None:
    """Write what an arm runs into ``folder/dags``."""
    dags, files = folder / "dags", folder / "files"
    dags.mkdir()
    files.mkdir()
    values = {"files": str(files), "tracking": f"sqlite:///{folder}/mlflow.db", "rows": str(rows)}
    values |= {"name": arm, "train": "", "evaluate": "", **(LEAN if arm == "ours_lean" else {})}
    names = {"model.py": "model.py", f"{arm}.py": f"{arm}.py"}
    if arm.startswith("ours"):
        names = {"ours.yaml": f"{arm}.yaml"}
        (dags / "ours.py").write_text(LOADER)
    for source, target in names.items():
        text = Template((TEMPLATES / f"{source}.template").read_text()).substitute(values)
        (dags / target).write_text(text)


def spent() -> float:
    """CPU seconds of child processes that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def start(name: str) -> None:
    """Parse the DAG file into Airflow's database, as the DAG processor does, and start a run of the DAG."""
    from airflow import settings
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
    from airflow.models.dagrun import get_or_create_dagrun
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.utils import timezone
    from airflow.utils.types import DagRunTriggeredByType

    session: Any = settings.Session()
    manager = DagBundlesManager()
    manager.sync_bundles_to_db(session=session)
    session.commit()
    [bundle] = manager.get_all_dag_bundles()
    bag = BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
    if bag.import_errors:
        raise SystemExit(str(bag.import_errors))
    sync_bag_to_db(bag, bundle.name, bundle.version)
    now = timezone.utcnow()
    known: Any = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(bag.dags[name]))
    get_or_create_dagrun(
        dag=known, start_date=now, logical_date=now, data_interval=None, run_after=now, run_id="benchmark",
        session=session, conf=None, triggered_by=DagRunTriggeredByType.TEST, triggering_user_name="benchmark",
    )  # fmt: skip
    session.commit()


def check_imports() -> None:
    """Stop when tasks would inherit what is slow to load; every Airflow process has loaded our plugin."""
    heavy = {"mlflow", "pandas", "pyarrow", "scipy", "sklearn", "airflow_mlops.stages"} & set(sys.modules)
    if heavy:
        raise SystemExit(f"tasks would inherit {', '.join(sorted(heavy))}")


def run_dag(name: str) -> dict[str, float]:
    """End the run, each task in a process of its own as an executor starts it; CPU seconds of each."""
    from airflow import settings
    from airflow.executors.workloads import BundleInfo
    from airflow.models import DagRun
    from airflow.models.dagbag import DBDagBag
    from airflow.sdk.api.datamodels._generated import TaskInstance
    from airflow.sdk.execution_time.supervisor import InProcessTestSupervisor, supervise_task

    session: Any = settings.Session()
    run = session.query(DagRun).filter_by(dag_id=name).one()
    run.dag = dag = DBDagBag().get_dag_for_run(run, session=session)
    client = InProcessTestSupervisor._api_client(dag)
    found: dict[str, float] = {}
    while run.state == "running":
        session.expire_all()
        ready, _ = run.update_state(session=session)
        for item in ready:
            item.try_number += 1
            item.set_state("queued", session=session)
            session.commit()
            what = TaskInstance(
                id=item.id, task_id=item.task_id, dag_id=item.dag_id, run_id=item.run_id,
                try_number=item.try_number, map_index=item.map_index, dag_version_id=item.dag_version_id,
            )  # fmt: skip
            check_imports()
            before = spent()
            supervise_task(
                ti=what, bundle_info=BundleInfo(name="dags-folder"), dag_rel_path=Path(dag.relative_fileloc),
                token="", client=client, log_path=f"{item.task_id}.log",
            )  # fmt: skip
            found[item.task_id] = spent() - before
        session.commit()
    if run.state != "success":
        raise SystemExit(f"{name} ended as {run.state}; see {Path.cwd()}")
    return found


def called(folder: Path, *command: str) -> str:
    """Run Python with a command in a folder; returns what it prints."""
    whole = [sys.executable, "-W", "ignore", *command]
    ran = subprocess.run(
        whole, capture_output=True, text=True, cwd=folder, env=environment(folder), check=False
    )
    if ran.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}")
    return ran.stdout


def measured(arm: str, base: Path, rows: Path) -> dict[str, float]:
    """Run an arm once in a new folder; CPU seconds of its stages, and MB of rows that it left on disk."""
    folder = base / arm
    shutil.copytree(base / "new", folder)
    with closing(sqlite3.connect(folder / "mlflow.db")) as store, store:
        store.execute("UPDATE experiments SET artifact_location = ?", (f"{folder}/mlruns",))
    write_arm(arm, folder, rows)
    if arm == "script":
        said = called(folder, str(folder / "dags" / "script.py"))
    else:
        called(folder, __file__, "--start", f"{arm}__train")
        said = called(folder, __file__, "--run", f"{arm}__train")
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    found["disk"] = sum(file.stat().st_size for file in folder.rglob("*.parquet")) / 10**6
    shutil.rmtree(folder)
    return found


Rounds = dict[str, list[dict[str, float]]]


def total(figures: dict[str, float]) -> float:
    return sum(figures.get(stage, 0) for stage in STAGES)


def ratio(found: Rounds, arm: str, to: str) -> float:
    """Return the median over the rounds of what an arm costs in another one's unit."""
    pairs = zip(found[arm], found[to], strict=True)
    return statistics.median(total(upper) / total(lower) for upper, lower in pairs)


def table(found: Rounds) -> None:
    print(f"{'CPU s':<10}", *(f"{stage:>9}" for stage in STAGES), "     sum  /tasks /script  MB of rows")
    for arm, rounds in found.items():
        cells = [
            f"{statistics.median(one[stage] for one in rounds):>9.2f}" if stage in rounds[0] else f"{'':>9}"
            for stage in STAGES
        ]
        of = [ratio(found, arm, to) for to in ("by_hand", "script")]
        whole, disk = (
            statistics.median(values)
            for values in ([total(one) for one in rounds], [one["disk"] for one in rounds])
        )
        print(f"{ARMS[arm]:<10}", *cells, f"{whole:>8.2f} {of[0]:>7.2f} {of[1]:>7.2f} {disk:>11.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--full", action="store_const", dest="rows", const=FULL, help="5,000,000 rows")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--start", metavar="DAG", help=argparse.SUPPRESS)
    parser.add_argument("--run", metavar="DAG", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.start:
        return start(options.start)
    if options.run:
        return print("\n" + json.dumps(run_dag(options.run)))
    compare(options.rows, options.rounds)


def compare(count: int, rounds: int) -> None:
    found: Rounds = {arm: [] for arm in ARMS}
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary)
        rows = base / "rows.csv"
        write_csv(rows, count)
        size = rows.stat().st_size / 10**6
        print(f"{count:,} rows of 10 columns, {size:,.0f} MB of CSV; median of {rounds} rounds")
        prepare(base / "new")
        for _ in range(rounds):
            for arm in ARMS:
                found[arm].append(measured(arm, base, rows))
    table(found)
    print(f"lean aims at {TARGET} of tasks, and at {FULL_TARGET} with {FULL:,} rows")


if __name__ == "__main__":
    main()
