"""CatBoost for real, in a folder of its own: with what it draws pictures with it has 390 MB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.boosters import ROUNDS, assert_served_as_trained, project

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def catboost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "site"
    wanted = ["--no-deps", "--require-hashes", "-r", str(CHECKOUT / "requirements" / "catboost.txt")]
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(target), *wanted]
    subprocess.run(install, check=True, timeout=280)
    monkeypatch.syspath_prepend(str(target))


def test_a_model_of_catboost_is_logged_and_served_as_it_was_trained(tmp_path: Path, catboost: None) -> None:
    own = project(
        tmp_path, "catboost.CatBoostClassifier", iterations=ROUNDS, verbose=0, allow_writing_files=False
    )
    assert_served_as_trained(own)
