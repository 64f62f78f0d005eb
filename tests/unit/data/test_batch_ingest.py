"""Rows that are read in batches are those that are read at once: values, types, digest, notes and errors."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.data.batches import assert_same

CELLS = {
    "whole": ["0", "1", "-7", "42"],
    "gaps": ["", "3", "4", "NA"],
    "float": ["0.5", "1e3", "inf", "", "7"],
    "flag": ["True", "False", "TRUE", ""],
    "text": ["a", "é", '"x,y"', "", '"two\nlines"'],
    "awkward": ["1", "2.5", "True", "", "x", "007", "18446744073709551615", "99999999999999999999",
                "9007199254740993", "9223372036854775808", "-9223372036854775809", " 5", "1,5", "nan"],
}  # fmt: skip
TIMES = ["2025-01-01", "2025-01-02T10:00:00Z", "2025-01-03 00:00:00+02:00", "2025-02-01", "", "soon"]


@st.composite
def csv_texts(draw: st.DrawFn) -> list[str]:
    """One or two files with a key, a time, a target and two columns of awkward cells, more rows than a batch."""
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=2, max_size=2))
    bad = draw(st.integers(0, 6))
    times = TIMES[: 4 if bad else 6]
    texts = []
    for _ in range(draw(st.integers(1, 2))):
        lines = ["id,at,y,one,two"]
        for _ in range(draw(st.integers(1, 24))):
            one, two = (draw(st.sampled_from(CELLS[kind])) for kind in kinds)
            one, two = (f'"{cell}"' if "," in cell and '"' not in cell else cell for cell in (one, two))
            lines.append(f"{draw(st.integers(0, 5))},{draw(st.sampled_from(times))},0,{one},{two}")
        texts.append("\n".join(lines) + draw(st.sampled_from(["\n", ""])))
    return texts


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts=csv_texts(), window=st.booleans(), batch=st.sampled_from([1, 40, 90]), keys=st.integers(0, 3))
def test_csv_files_in_batches_are_what_they_are_at_once(
    texts: list[str], window: bool, batch: int, keys: int
) -> None:
    with tempfile.TemporaryDirectory() as made:
        base = Path(made)
        (base / "rows").mkdir()
        for number, text in enumerate(texts):
            (base / "rows" / f"{number}.csv").write_text(text)
        time = {} if keys == 1 else {"time": {"max_quarantine": 0.4}}
        chosen = [["id", "at"], ["id"], ["at"], ["two", "id", "at"]][keys]
        data = {"source": {"type": "csv", "filepath": "rows"}, "target": "y", "keys": chosen, **time}
        bounds = {"as_of": "2025-01-20T00:00:00+00:00", "window_start": "2025-01-02T00:00:00+00:00"}
        assert_same(base, data, batch=batch, **(bounds if window else {}))
