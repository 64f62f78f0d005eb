"""What a pipeline costs Airflow's DAG processor: CPU of parse and serialization, bytes, peak memory.

    python benchmarks/parse.py           10 and 100 pipelines
    python benchmarks/parse.py --full    1,000 pipelines as well

A pipeline is three DAGs with 16 tasks: train (ingest, validate, features, tune on two mapped workers, train,
evaluate, register), deploy and monitor. Compared are

  by hand      one generated .py for each pipeline that calls the same operators, as a team would write it,
               with a sentence of documentation for each DAG; `by hand, new` is the first look at such a
               file, before Python has kept its bytecode
  ours         one loader file and a YAML for each pipeline, none changed since the parse before: their
               checked configurations are in the parse cache
  ours, cold   the first look at them: each file is read, checked and put into the cache
  ours, 1 bad  `ours` with one faulty file more, which becomes a failing DAG
  dag-factory  1.1.0, in an environment of its own (.bench/), a YAML for each pipeline; three DAGs with as
               many tasks, all of them EmptyOperator: simpler than ours, so its figures flatter it

Each figure is the median of fresh processes, 5 at 100 pipelines and 3 at 1,000; the rows take turns, so that
a change of the machine's mood meets them all. Ratios are medians of the ratios within a turn.
Imports are done before the clock starts,
since all pay about the same. Parse is what executing the DAG file takes; serialization is Airflow's
DagSerialization.to_dict and json. The table of cold starts counts from the start of the process, imports and
all, until the last DAG is serialized: what Airflow's DAG processor pays when nothing was imported before.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from string import Template
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PEER = ROOT / ".bench" / "dag-factory"
DAG_FACTORY = "dag-factory==1.1.0"
ROWS = ("by hand, new", "by hand", "ours, cold", "ours", "ours, 1 bad", "dag-factory")
TURNS = {10: 1, 100: 5, 1000: 3}
FAULTY = "name: faulty\nscheduel: daily\ndata: {source: {type: csv}}\ntrain: {}\n"
FAIR = 100  # among fewer pipelines the first one's share of lazy imports decides
TIME_TARGET, COLD_TARGET, SIZE_TARGET = 1.25, 1.5, 1.15

TEMPLATES = Path(__file__).with_name("parse")
CHAINS = {
    "train": ("ingest", "validate", "features", "tune_0", "tune_1", "train", "evaluate", "refit", "register"),
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


def parse_ours(folder: Path, part: str = "pipelines") -> Iterator[Any]:
    from airflow_mlops import load_pipelines

    namespace: dict[str, Any] = {"__file__": str(folder / "dags.py")}
    load_pipelines(namespace, part)
    assert ("faulty__faulty" in namespace) == (part == "one_bad")
    return (value for key, value in namespace.items() if key.startswith("churn_"))


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
            parse = partial(parse_ours, part="one_bad")
        importlib.import_module("airflow_mlops.factory.load")
    with DAG("warm_up", schedule="@weekly") as first:
        DagSerialization.to_dict(first)
    imported = time.process_time()
    gc.disable()  # a full collection costs as much as a hundred DAGs, and falls into a phase by chance
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
        "AIRFLOW__MLOPS__PARSE_CACHE": str(folder / "parse-cache"),
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
    """Take away what an earlier parse has kept: Python's bytecode, our checked configurations."""
    if row == "by hand, new":
        for file in (folder / "hand").rglob("*.pyc"):
            file.unlink()
    if row == "ours, cold":
        shutil.rmtree(folder / "parse-cache", ignore_errors=True)


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


Turns = list[dict[str, float]]


def take_turns(rows: list[str], folder: Path, home: Path, turns: int) -> dict[str, Turns]:
    """Measure every row once in each turn; a row that does not run is told and left out."""
    found: dict[str, Turns] = {row: [] for row in rows}
    for _ in range(turns):
        for row in list(found):
            forget(row, folder)
            try:
                found[row].append(run(row, folder, home))
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                print(f"{row:<13} does not run: {error}")
                del found[row]
    return found


def table(count: int, home: Path, rows: list[str]) -> None:
    folder = home / str(count)
    write(folder, count)
    found = take_turns(rows, folder, home, TURNS[count])
    print(f"\n{count:,} pipelines, {3 * count:,} DAGs")
    print("               parse serialize     sum  ratio   bytes   ratio   peak")
    print("              ms/DAG    ms/DAG  ms/DAG          /DAG             MB")
    for row, turns in found.items():
        print(described(row, turns, found["by hand"]))
    cold = "  ".join(f"{row}: {middle(turns, 'cold'):.1f}" for row, turns in found.items())
    print(f"cold start, s  {cold}")
    if count >= FAIR:
        verdicts(found)
    shutil.rmtree(folder)


def middle(turns: Turns, *figures: str) -> float:
    """Return the median over the turns of the sum of some figures."""
    return statistics.median(sum(turn[figure] for figure in figures) for turn in turns)


def ratio(upper: Turns, lower: Turns, *figures: str) -> float:
    """Return the median over the turns of the ratio between two rows of one turn."""
    return statistics.median(
        sum(above[figure] for figure in figures) / sum(below[figure] for figure in figures)
        for above, below in zip(upper, lower, strict=True)
    )


def described(row: str, turns: Turns, base: Turns) -> str:
    return (
        f"{row:<13} {middle(turns, 'parse'):>6.2f} {middle(turns, 'serialize'):>9.2f}"
        f" {middle(turns, 'parse', 'serialize'):>7.2f} {ratio(turns, base, 'parse', 'serialize'):>7.2f}x"
        f" {middle(turns, 'bytes'):>6.0f} {ratio(turns, base, 'bytes'):>7.2f}x {middle(turns, 'peak'):>5.0f}"
    )


def verdicts(found: dict[str, Turns]) -> None:
    """Say what a bad file costs the others, and what the cache saves."""
    ours = found["ours"]
    worse = ratio(found["ours, 1 bad"], ours, "parse", "serialize")
    print(f"one bad file among them: {worse:.2f}x the cost of the good ones alone")
    parse, whole = (
        1 - ratio(ours, found["ours, cold"], *figures) for figures in (("parse",), ("parse", "serialize"))
    )
    print(f"the parse cache saves {parse:.0%} of the parse, {whole:.0%} of parse and serialization")


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
    print(
        f"\nratio: by hand = 1; ours aims at {TIME_TARGET} for the sum, cold at {COLD_TARGET}, and at"
        f" {SIZE_TARGET} for the bytes"
    )


if __name__ == "__main__":
    main()
