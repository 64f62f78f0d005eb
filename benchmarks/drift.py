"""CPU seconds and peak memory of comparing a window of 25 columns with its reference, whole process.

    python benchmarks/drift.py             1 million rows
    python benchmarks/drift.py --rows 5    5 million rows

Each run streams a Parquet file of 20 numeric and 5 text columns (3 to 5,000 levels), five of them moved
by a quarter of a standard deviation, in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BATCH = 250_000


def batch(seed: int, rows: int, shift: float) -> dict[str, object]:
    import numpy as np

    rng = np.random.default_rng(seed)
    columns: dict[str, object] = {
        f"n{i}": rng.normal(shift if i < 5 else 0, 1, rows).round(4 if i % 2 else 12) for i in range(20)
    }
    for i, levels in enumerate((3, 8, 50, 500, 5_000)):
        columns[f"c{i}"] = np.char.add("level ", rng.integers(0, levels, rows).astype(str))
    return columns


def write_window(path: Path, millions: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    for seed in range(millions * 1_000_000 // BATCH):
        table = pa.table(batch(seed, BATCH, 0.25))
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def write_reference(path: Path) -> None:
    import numpy as np
    import pandas as pd

    from airflow_mlops.monitoring.profile import build_profile

    frame = pd.DataFrame(batch(10_000, 200_000, 0.0))
    profile = build_profile(frame, pd.Series(np.zeros(len(frame)), name="y"), None)
    path.write_text(json.dumps(profile))


def peak_megabytes() -> float:
    """Peak resident memory of this process; getrusage would count the parent's before exec as well."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return float(next(line for line in status.read_text().splitlines() if "VmHWM" in line).split()[1]) / 1024


def compare(window: Path, reference: Path) -> None:
    """The measured part: what the drift stage does, from the start of the interpreter."""
    from airflow_mlops.monitoring.core.drift.profiles import Profile
    from airflow_mlops.monitoring.core.drift.verdict import judge
    from airflow_mlops.monitoring.profile import window_profile

    before = Profile.from_json(json.loads(reference.read_text())).columns
    after = window_profile(str(window), before)
    rows = next(iter(after.values())).count
    found = judge(before, after, score=None, rows=rows, threshold=0.1)
    size = reference.stat().st_size / 1024
    peak = peak_megabytes()
    print(
        f"{rows:>9,} rows x {len(before)} columns: {time.process_time():.1f} CPU s, peak {peak:.0f} MB, "
        f"{found.verdict} in {', '.join(sorted(found.drifted))}; profile {size:.0f} KB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1, help="millions of rows")
    parser.add_argument(
        "--compare", nargs=2, type=Path, metavar=("WINDOW", "REFERENCE"), help=argparse.SUPPRESS
    )
    options = parser.parse_args()
    if options.compare:
        compare(*options.compare)
        return
    with tempfile.TemporaryDirectory() as folder:
        window, reference = Path(folder) / "window.parquet", Path(folder) / "profile.json"
        write_window(window, options.rows)
        write_reference(reference)
        subprocess.run([sys.executable, __file__, "--compare", str(window), str(reference)], check=True)


if __name__ == "__main__":
    main()
