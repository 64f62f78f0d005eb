"""Each folder is opened with its own credentials, and no other one."""

from __future__ import annotations

from pathlib import Path

from fsspec.implementations.memory import MemoryFileSystem

from airflow_mlops.storage.locations import PLAIN_STORAGE, Storage


def test_a_folder_and_all_below_it_have_their_own_file_system() -> None:
    outer, inner = (MemoryFileSystem(skip_instance_cache=True) for _ in range(2))
    storage = Storage({"memory://bucket/a": lambda: outer, "memory://bucket/a/b": lambda: inner})

    def fs(uri: str) -> object:
        return storage.locate(uri).fs

    assert fs("memory://bucket/a") is fs("memory://bucket/a/x.parquet") is outer
    assert fs("memory://bucket/a/b/x.parquet") is inner
    assert fs("memory://bucket/ab/x.parquet") not in (outer, inner)


def test_a_relative_path_starts_from_its_base(tmp_path: Path) -> None:
    place = PLAIN_STORAGE.locate("data/../x.csv", tmp_path)
    assert place.uri == place.path == str(tmp_path / "x.csv")
