"""Files that are generated from the code are up to date, and `make docs` repairs those that are not."""

from __future__ import annotations

import shutil
from pathlib import Path

from tools.docs import GENERATED, ROOT, outdated


def test_every_generated_file_is_up_to_date() -> None:
    assert [str(path.relative_to(ROOT)) for path in outdated()] == [], "run `make docs`"


def test_an_edited_or_missing_file_is_found_with_its_right_text(tmp_path: Path) -> None:
    for name in GENERATED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    edited, missing = (tmp_path / name for name in sorted(GENERATED)[:2])
    right = edited.read_text()
    edited.write_text(right + "by hand\n")
    missing.unlink()
    changed = outdated(tmp_path)
    assert set(changed) == {edited, missing}
    assert changed[edited] == right
