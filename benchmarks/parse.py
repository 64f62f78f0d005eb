"""What a pipeline costs Airflow's DAG processor: CPU of parse and serialization, bytes, peak memory.

    python benchmarks/parse.py           10 and 100 pipelines
    python benchmarks/parse.py --full    1,000 pipelines as well

A pipeline is three DAGs with 16 tasks: train (ingest, validate, features, tune on two mapped workers, train,
evaluate, register), deploy and monitor. Compared are

  by hand      one generated .py for each pipeline that calls the same operators, as a team would write it,
               with a sentence of documentation for each DAG; `by hand, new` is the first look at such a
               file, before Python has kept its bytecode
  ours         one loader file and a YAML for each pipeline; nothing is kept from an earlier parse
  ours, 1 bad  the same with one faulty file more, which becomes a failing DAG
  ours, cache  what a cache of checked configurations could save at best: each file is read and digested, and
               its configuration comes as JSON from memory, at no cost for keeping, finding and trusting it
  dag-factory  1.1.0, in an environment of its own (.bench/), a YAML for each pipeline; three DAGs with as
               many tasks, all of them EmptyOperator: simpler than ours, so its figures flatter it

Each row is one fresh process, at 100 pipelines the median of three. Imports are done before the clock starts,
since all pay about the same. Parse is what executing the DAG file takes; serialization is Airflow's
DagSerialization.to_dict and json. The table of cold starts counts from the start of the process, imports and
all, until the last DAG is serialized: what Airflow's DAG processor pays when nothing was imported before.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Template
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PEER = ROOT / ".bench" / "dag-factory"
DAG_FACTORY = "dag-factory==1.1.0"
ROWS = ("by hand", "by hand, new", "ours", "ours, 1 bad", "ours, cache", "dag-factory")
FAULTY = "name: faulty\nscheduel: daily\ndata: {source: {type: csv}}\ntrain: {}\n"
CACHE_WORTH = 0.05
FAIR = 100  # among fewer pipelines the first one's share of lazy imports decides
TIME_TARGET, SIZE_TARGET = 1.25, 1.15

TEMPLATES = Path(__file__).with_name("parse")
CHAINS = {
    "train": ("ingest", "validate", "features", "tune_0", "tune_1", "train", "evaluate", "register"),
    "deploy": ("prepare", "approve", "rollout", "finalize", "restore"),
    "monitor": ("observe", "drift", "performance", "triage", "retrain"),
}


def peer_pipeline(name: str) -> str:
    """Return three chains of empty tasks as dag-factory's YAML."""
    lines: list[str] = []
    for kind, chain in CHAINS.items():
        lines += [
            f"{name}__{kind}:",
            "  default_args: {owner: growth, start_date: 2020-01-01, retries: 1}",
            '  schedule: "@weekly"',
            "  catchup: false",
            "  tasks:",
        ]
        for before, task in zip((None, *chain), chain, strict=False):
            after = f", dependencies: [{before}]" if before else ""
            operator = "airflow.providers.standard.operators.empty.EmptyOperator"
            lines.append(f"    - {{task_id: {task}, operator: {operator}{after}}}")
    return "\n".join(lines) + "\n"


def write(folder: Path, count: int) -> None:
    by_hand = Template((TEMPLATES / "by_hand.py.template").read_text())
    pipeline = Template((TEMPLATES / "pipeline.yaml.template").read_text())
    for part in ("hand", "pipelines", "one_bad", "peer"):
        (folder / part).mkdir(parents=True)
    (folder / "one_bad" / "faulty.yaml").write_text(FAULTY)
    for number in range(count):
        name = f"churn_{number:04d}"
        values = {"name": name, "number": str(number)}
        (folder / "hand" / f"{name}.py").write_text(by_hand.substitute(values))
        for part in ("pipelines", "one_bad"):
            (folder / part / f"{name}.yaml").write_text(pipeline.substitute(values))
        (folder / "peer" / f"{name}.yaml").write_text(peer_pipeline(name))


def parse_by_hand(folder: Path) -> Iterator[Any]:
    for file in sorted((folder / "hand").glob("*.py")):
        spec = importlib.util.spec_from_file_location(file.stem, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield from (module.train_dag, module.deploy_dag, module.monitor_dag)


def parse_ours(folder: Path) -> Iterator[Any]:
    from airflow_mlops import load_pipelines

    namespace: dict[str, Any] = {"__file__": str(folder / "dags.py")}
    load_pipelines(namespace)
    return (value for key, value in namespace.items() if key.startswith("churn_"))


def parse_with_a_bad_file(folder: Path) -> Iterator[Any]:
    from airflow_mlops import load_pipelines

    namespace: dict[str, Any] = {"__file__": str(folder / "dags.py")}
    load_pipelines(namespace, "one_bad")
    assert "faulty__faulty" in namespace
    return (value for key, value in namespace.items() if key.startswith("churn_"))


def fill_cache(folder: Path) -> None:
    """Let the loader take every configuration as JSON from memory, by the digest of the file's content."""
    from airflow_mlops import Pipeline
    from airflow_mlops.config.loader import load_pipeline
    from airflow_mlops.factory import load

    def digest(file: Path) -> str:
        return hashlib.sha256(file.read_bytes()).hexdigest()

    files = (folder / "pipelines").glob("*.yaml")
    kept = {digest(file): load_pipeline(file).model_dump_json(by_alias=True) for file in files}

    def cached(file: Path, *_: Any, **__: Any) -> Pipeline:
        return Pipeline.model_validate_json(kept[digest(file)])

    vars(load)["load_pipeline"] = cached


def parse_peer(folder: Path) -> Iterator[Any]:
    from dagfactory import load_yaml_dags

    namespace: dict[str, Any] = {}
    load_yaml_dags(globals_dict=namespace, dags_folder=str(folder / "peer"))
    return (value for key, value in namespace.items() if key.startswith("churn_"))


def measure(row: str, folder: Path) -> None:
    """The measured process: prints its figures as JSON."""
    from airflow.sdk import DAG
    from airflow.serialization.serialized_objects import DagSerialization

    parse: Callable[[Path], Iterator[Any]]
    if row == "dag-factory":
        parse = parse_peer
        importlib.import_module("dagfactory")
        importlib.import_module("airflow.providers.standard.operators.empty")
    else:
        parse = parse_by_hand if row.startswith("by hand") else parse_ours
        if row == "ours, 1 bad":
            parse = parse_with_a_bad_file
        importlib.import_module("airflow_mlops.factory.load")
    with DAG("warm_up", schedule="@weekly") as first:
        DagSerialization.to_dict(first)
    imported = time.process_time()
    if row == "ours, cache":
        fill_cache(folder)
    start = time.process_time()
    dags = list(parse(folder))
    parsed = time.process_time()
    sizes = [len(json.dumps(DagSerialization.to_dict(dag))) for dag in dags]
    done = time.process_time()
    figures = {
        "dags": len(dags),
        "parse": (parsed - start) / len(dags) * 1000,
        "serialize": (done - parsed) / len(dags) * 1000,
        "bytes": sum(sizes) / len(dags),
        "peak": peak_megabytes(),
        "imports": imported,
        "cold": imported + done - start,
    }
    print("\n" + json.dumps(figures))


def peak_megabytes() -> float:
    """Peak resident memory of this process; getrusage would count the parent's before exec as well."""
    status = Path("/proc/self/status").read_text().splitlines()
    return float(next(line for line in status if "VmHWM" in line).split()[1]) / 1024


def run(row: str, folder: Path, home: Path) -> dict[str, float]:
    """Measure one row in a fresh process; raises RuntimeError with the last line of what went wrong."""
    python = PEER / "bin" / "python" if row == "dag-factory" else Path(sys.executable)
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home / ("peer" if row == "dag-factory" else "own")),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPATH": "" if row == "dag-factory" else str(ROOT / "src"),
    }
    command = [str(python), "-W", "ignore", str(Path(__file__)), "--measure", row, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no message"])[-1])
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def forget(row: str, folder: Path) -> None:
    """Take away what an earlier parse has kept: Python's bytecode."""
    if row == "by hand, new":
        for file in (folder / "hand").rglob("*.pyc"):
            file.unlink()


def install_peer() -> str:
    """Make dag-factory's own environment; returns why that failed, or nothing."""
    from importlib.metadata import version

    python = PEER / "bin" / "python"
    if python.exists():
        return ""
    uv = [sys.executable, "-m", "uv"]
    wanted = [DAG_FACTORY, f"apache-airflow=={version('apache-airflow')}"]
    for command in (
        [*uv, "venv", "--quiet", "--python", sys.executable, str(PEER)],
        [*uv, "pip", "install", "--quiet", "--python", str(python), *wanted],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["no message"])[0]
    return ""


def median(row: str, folder: Path, home: Path, tries: int) -> dict[str, float]:
    found = []
    for _ in range(tries):
        forget(row, folder)
        found.append(run(row, folder, home))
    return {key: statistics.median(figures[key] for figures in found) for key in found[0]}


def table(count: int, home: Path, rows: list[str]) -> None:
    folder = home / str(count)
    write(folder, count)
    print(f"\n{count:,} pipelines, {3 * count:,} DAGs")
    print("               parse serialize     sum  ratio   bytes   ratio   peak")
    print("              ms/DAG    ms/DAG  ms/DAG          /DAG             MB")
    found: dict[str, dict[str, float]] = {}
    run("by hand", folder, home)  # Python keeps its bytecode
    for row in rows:
        try:
            found[row] = median(row, folder, home, 3 if count == 100 else 1)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            print(f"{row:<13} does not run: {error}")
            continue
        print(described(row, found[row], found["by hand"]))
    print("cold start, s  " + "  ".join(f"{row}: {figures['cold']:.1f}" for row, figures in found.items()))
    if count >= FAIR:
        verdicts({row: figures["parse"] + figures["serialize"] for row, figures in found.items()})
    shutil.rmtree(folder)


def described(row: str, found: dict[str, float], base: dict[str, float]) -> str:
    total = found["parse"] + found["serialize"]
    return (
        f"{row:<13} {found['parse']:>6.2f} {found['serialize']:>9.2f} {total:>7.2f}"
        f" {total / (base['parse'] + base['serialize']):>7.2f}x {found['bytes']:>6.0f}"
        f" {found['bytes'] / base['bytes']:>7.2f}x {found['peak']:>5.0f}"
    )


def verdicts(sums: dict[str, float]) -> None:
    """Say what a bad file costs the others, and whether a cache would be worth its risks."""
    if "ours, 1 bad" in sums:
        ratio = sums["ours, 1 bad"] / sums["ours"]
        print(f"one bad file among them: {ratio:.2f}x the cost of the good ones alone")
    if "ours, cache" in sums:
        saved = 1 - sums["ours, cache"] / sums["ours"]
        print(f"a perfect cache would save {saved:.1%} (worth having from {CACHE_WORTH:.0%})")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="1,000 pipelines as well (minutes)")
    parser.add_argument("--measure", nargs=2, metavar=("ROW", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure[0], Path(options.measure[1]))
        return
    rows = list(ROWS)
    if problem := install_peer():
        print(f"dag-factory cannot be installed: {problem}")
        rows.remove("dag-factory")
    with tempfile.TemporaryDirectory() as home:
        for count in (10, 100, 1000) if options.full else (10, 100):
            table(count, Path(home), rows)
    print(f"\nratio: by hand = 1; ours aims at {TIME_TARGET} for the sum and {SIZE_TARGET} for the bytes")


if __name__ == "__main__":
    main()
