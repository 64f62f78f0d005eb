from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from pathlib import Path

from airflow_mlops.serving.database import Batch, Database, LoggedRequest
from airflow_mlops.serving.pruning import LogLimits
from airflow_mlops.serving.shared_memory import SharedState
from airflow_mlops.serving.state_view import restore
from airflow_mlops.serving.traffic import Moment


def test_another_process_reads_the_document_and_what_a_worker_was_busy_with(tmp_path: Path) -> None:
    memory = SharedState.create(tmp_path, slots=2)
    memory.document.write({"traffic": "all"})
    program = (
        "import sys; from pathlib import Path; from airflow_mlops.serving.shared_memory import SharedState\n"
        f"memory = SharedState.attach({memory.fd}, Path({str(tmp_path)!r}), 2)\n"
        "assert memory.document.latest() == {'traffic': 'all'} and memory.claim(5)\n"
        "mark = memory.slots[1].busy_mark(3); mark[1], mark[0] = 4, 9\n"
        "memory.document.write({'traffic': 'none'})\n"
    )
    assert memory.fd is not None
    subprocess.run([sys.executable, "-c", program], pass_fds=[memory.fd], check=True, env=_path())
    assert memory.document.latest() == {"traffic": "none"}
    assert memory.slots[1].busy() == {9: 4}
    assert not memory.claim(5)
    memory.forget_keys()
    assert memory.claim(5)
    memory.slots[1].clear()
    assert memory.slots[1].busy() == {}


def _path() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def test_a_document_that_its_writer_left_half_done_is_not_read(tmp_path: Path) -> None:
    memory = SharedState.private(tmp_path)
    memory.document.write({"whole": True})
    before = memory.document.number
    memory.document._words[0] = before + 1
    assert memory.document.read() is None
    assert memory.document.latest() is None
    memory.document.write({"whole": "again"})
    assert memory.document.latest() == {"whole": "again"}
    assert memory.document.number > before


def test_keys_that_were_counted_are_known_after_a_restart(tmp_path: Path) -> None:
    database = Database(tmp_path / "s.sqlite", LogLimits())
    database.write_batch(Batch(keys=[(1, 2, 77)]))
    memory = SharedState.private(tmp_path)
    restore(memory, database, Moment(0.0, 0.0))
    assert not memory.claim(77)
    assert memory.claim(78)
    database.close()


def test_counts_add_up_and_a_wall_clock_that_jumps_confuses_no_log(tmp_path: Path) -> None:
    database = Database(tmp_path / "s.sqlite", LogLimits(rows=3, days=math.inf))
    for number, at in enumerate((1e9, 0.0, 2e9, 5.0)):
        log = [LoggedRequest(f"r{number}", at, 8, 2, 2, 200, 1, "[1]", None, 0.1)]
        database.write_batch(Batch(log=log, counts=Counter({(8, 2, "requests"): 1})))
    assert database.read_counts(7) == {(8, 2): {"requests": 4}}
    assert database.read_counts(8) == {}
    # The log keeps the latest three, by arrival.
    assert database.write_label("r0", 0, 1.0).status == "unknown"
    for number in (1, 2, 3, 3):
        assert database.write_label(f"r{number}", 0, 1.0).counted
    assert database.read_counts(7)[8, 2]["wrong"] == 3
    database.close()
