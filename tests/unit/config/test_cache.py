"""What was checked once is found by its content, and nothing is trusted that could be somebody else's."""

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_mlops.config import cache
from airflow_mlops.config.cache import ParseCache, distrust
from airflow_mlops.config.loader import FileFaults, load_pipeline
from airflow_mlops.config.models import Pipeline

CORPUS = Path(__file__).parents[2] / "corpus"
VALID = [file for part in ("valid", "unusual") for file in sorted((CORPUS / part).glob("*.yaml"))]
TEXT = """\
name: churn
data: {source: {type: csv, filepath: rows.csv}, target: y}
train: {estimator: sklearn.tree.DecisionTreeClassifier, params: {max_depth: 3}}
evaluate: {metrics: [accuracy]}
"""


@pytest.fixture
def kept(tmp_path: Path) -> ParseCache:
    return ParseCache(tmp_path / "below" / "cache")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "pipelines"
    folder.mkdir()
    (folder / "churn.yaml").write_text(TEXT)
    return folder / "churn.yaml"


def entries(kept: ParseCache) -> list[Path]:
    return sorted(kept.folder.iterdir())


def rewrite(entry: Path, change: Callable[[bytes], bytes]) -> None:
    """Change an entry as its owner could, its digest made to fit."""
    body = change(entry.read_bytes().partition(b"\n")[2])
    entry.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def test_an_unchanged_file_comes_from_the_cache(kept: ParseCache, file: Path) -> None:
    first = load_pipeline(file, cache=kept)
    assert load_pipeline(file, cache=kept) == first == load_pipeline(file)
    (entry,) = entries(kept)
    rewrite(entry, lambda body: body.replace(b'"max_depth":3', b'"max_depth":4'))
    assert load_pipeline(file, cache=kept).train.params == {"max_depth": 4}  # so this is what was read
    assert load_pipeline(file).train.params == {"max_depth": 3}


def test_whatever_makes_a_configuration_is_in_its_key(
    kept: ParseCache, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_pipeline(file, cache=kept).owner == "airflow"
    (file.parent / "defaults.yaml").write_text("owner: everybody\nprofiles: {dev: {retries: 0}}\n")
    assert load_pipeline(file, cache=kept).owner == "everybody"
    (file.parent / "defaults.yaml").write_text("owner: somebody\nprofiles: {dev: {retries: 0}}\n")
    assert load_pipeline(file, cache=kept).owner == "somebody"
    assert load_pipeline(file, "dev", cache=kept).retries == 0
    assert load_pipeline(file, cache=kept).retries == 3
    file.write_text(TEXT.replace("max_depth: 3", "max_depth: 5"))
    assert load_pipeline(file, cache=kept).train.params == {"max_depth": 5}
    assert len(entries(kept)) == 5
    monkeypatch.setattr(cache, "VERSION", "99")
    load_pipeline(file, cache=kept)
    monkeypatch.setattr(cache, "_schema_digest", lambda: "another")
    load_pipeline(file, cache=kept)
    assert len(entries(kept)) == 7


@pytest.mark.parametrize("source", VALID, ids=lambda file: file.stem)
def test_every_valid_example_is_the_same_from_the_cache(
    source: Path, kept: ParseCache, tmp_path: Path
) -> None:
    folder = tmp_path / "pipelines"
    shutil.copytree(source.parent, folder)
    checked = load_pipeline(folder / source.name, cache=kept)
    found = load_pipeline(folder / source.name, cache=kept)
    assert found == checked
    assert repr(found) == repr(checked)
    assert found.model_dump_json(exclude_unset=True) == checked.model_dump_json(exclude_unset=True)


def test_a_value_that_json_would_change_is_read_anew(kept: ParseCache, file: Path) -> None:
    file.write_text(TEXT.replace("max_depth: 3", "since: 2026-01-31, bound: .inf"))
    first, again = (load_pipeline(file, cache=kept) for _ in range(2))
    assert repr(first.train.params) == repr(again.train.params)
    assert "datetime.date(2026, 1, 31)" in repr(again.train.params)
    assert entries(kept) == []


def test_a_faulty_file_is_told_every_time(kept: ParseCache, file: Path) -> None:
    file.write_text(TEXT + "scheduel: daily\n")
    for _ in range(2):
        with pytest.raises(FileFaults, match=r"churn.yaml:5:1: scheduel: is not a known key"):
            load_pipeline(file, cache=kept)
    assert entries(kept) == []


def as_a_link(entry: Path) -> None:
    entry.rename(entry.with_suffix(".other"))
    entry.symlink_to(entry.with_suffix(".other"))


def as_a_pipe(entry: Path) -> None:
    entry.unlink()
    os.mkfifo(entry, 0o600)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "cut short": lambda entry: entry.write_bytes(entry.read_bytes()[:-9]),
    "empty": lambda entry: entry.write_bytes(b""),
    "one letter changed": lambda entry: entry.write_bytes(entry.read_bytes().replace(b"churn", b"xhurn")),
    "a key that no section has": lambda entry: rewrite(entry, lambda body: body[:-1] + b',"scheduel":1}'),
    "a pickle": lambda entry: rewrite(entry, lambda body: b"cos\nsystem\n(S'touch harm'\ntR."),
    "open to the group": lambda entry: entry.chmod(0o660),
    "a link": as_a_link,
    "a pipe": as_a_pipe,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_entry_is_not_believed(
    damage: Callable[[Path], object], kept: ParseCache, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    checked = load_pipeline(file, cache=kept)
    (entry,) = entries(kept)
    sound = entry.read_bytes()
    damage(entry)
    assert load_pipeline(file, cache=kept) == checked
    assert entry.read_bytes() == sound  # and is made anew
    assert not (file.parent / "harm").exists()


def test_a_folder_that_others_can_enter_is_not_used(
    file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "cache"
    with ParseCache(folder) as kept:
        load_pipeline(file, cache=kept)
    assert folder.stat().st_mode & 0o777 == 0o700
    (entry,) = folder.iterdir()
    rewrite(entry, lambda body: body.replace(b'"max_depth":3', b'"max_depth":4'))
    folder.chmod(0o750)
    with ParseCache(folder) as kept:
        assert load_pipeline(file, cache=kept).train.params == {"max_depth": 3}
    (told,) = caplog.messages
    assert "has mode 0750" in told
    assert "remove it" in told
    folder.chmod(0o700)
    (tmp_path / "link").symlink_to(folder)
    with ParseCache(tmp_path / "link") as kept:
        assert load_pipeline(file, cache=kept).train.params == {"max_depth": 3}


def test_a_folder_of_another_user_is_not_trusted(tmp_path: Path) -> None:
    mine = tmp_path.stat()
    fields = list(mine)
    assert "belongs to user" in distrust(os.stat_result([*fields[:4], mine.st_uid + 1, *fields[5:]]))
    assert distrust(os.stat_result([0o040700, *fields[1:]])) == ""


def test_without_a_usable_folder_files_are_read_as_ever(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with ParseCache(file / "below") as kept:
        assert load_pipeline(file, cache=kept).name == "churn"
    assert "no parse cache" in caplog.text
    folder = file.parent / "gone"
    with ParseCache(folder) as kept:
        folder.rmdir()
        assert load_pipeline(file, cache=kept).name == "churn"
    assert load_pipeline(file, cache=kept).name == "churn"  # let go of


def test_the_cache_is_bounded(kept: ParseCache, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_ENTRIES", 3)
    now = time.time()
    names = {letter: f"{letter * 64}.json" for letter in "abcde"}
    names["left behind"] = f"{'f' * 64}.{'0' * 32}.new"
    for age, name in enumerate(names.values()):
        (kept.folder / name).write_bytes(b"")
        os.utime(kept.folder / name, (now, now - age))
    (kept.folder / "README").write_text("not ours")
    os.utime(kept.folder / names["a"], (now, now - 31 * 86_400))
    load_pipeline(file, cache=kept)
    left = {entry.name for entry in entries(kept)}
    assert {"README", names["b"], names["c"], names["d"]} < left
    assert len(left) == 5


LOAD_ALL = """
import sys
from pathlib import Path
from airflow_mlops.config.cache import ParseCache
from airflow_mlops.config.loader import load_pipeline
folder, *files = map(Path, sys.argv[1:])
with ParseCache(folder) as kept:
    for file in files:
        assert load_pipeline(file, cache=kept).description == file.stem
"""


def test_processes_share_it_without_harm(tmp_path: Path) -> None:
    folder = tmp_path / "pipelines"
    folder.mkdir()
    files = [folder / f"p{number}.yaml" for number in range(20)]
    for file in files:
        file.write_text(f"{TEXT}description: {file.stem}\n")
    command = [sys.executable, "-c", LOAD_ALL, str(tmp_path / "cache"), *map(str, files)]
    workers = [subprocess.Popen(command) for _ in range(4)]
    assert [worker.wait() for worker in workers] == [0] * 4
    with ParseCache(tmp_path / "cache") as kept:
        assert {entry.suffix for entry in entries(kept)} == {".json"}
        assert len(entries(kept)) == len(files)
        for entry in entries(kept):
            body = entry.read_bytes().partition(b"\n")[2]
            assert Pipeline.model_validate(json.loads(body)).name == "churn"
