"""A file is the old one or the new one, whatever happens while it is written."""

from __future__ import annotations

import os
from pathlib import Path

import fsspec
import pytest

from airflow_mlops.storage.atomic import replacing, write_bytes, write_json


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    write_bytes(file, "größer".encode())
    assert file.read_bytes() == "größer".encode()
    write_json(file, {"a": [1]})
    assert file.read_text() == '{\n "a": [\n  1\n ]\n}'
    assert list(tmp_path.iterdir()) == [file]


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "state"
    file.mkdir()  # a rename over a folder is refused
    with pytest.raises(OSError, match="directory"):
        write_bytes(file, b"new")
    assert list(tmp_path.iterdir()) == [file]
    with pytest.raises(FileNotFoundError):
        write_bytes(tmp_path / "missing" / "state", b"new")


def test_a_folder_is_named_by_its_descriptor_and_the_mode_is_kept(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        write_bytes("entry", b"1", mode=0o600, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    assert (tmp_path / "entry").read_bytes() == b"1"
    assert (tmp_path / "entry").stat().st_mode & 0o777 == 0o600


def test_a_relative_path_is_one_of_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_bytes("entry", b"1")
    assert (tmp_path / "entry").read_bytes() == b"1"


@pytest.mark.parametrize("scheme", ["file", "memory"])
def test_a_file_of_any_file_system_appears_when_it_is_complete(scheme: str, tmp_path: Path) -> None:
    fs, path = fsspec.filesystem(scheme), f"{tmp_path}/deep/rows"
    with replacing(fs, path) as file:
        file.write(b"old")
    with pytest.raises(TypeError, match="bytes-like"), replacing(fs, path) as file:
        file.writelines([b"part of", "it"])  # type: ignore[list-item]
    assert fs.cat_file(path) == b"old"
    with replacing(fs, path) as file:
        file.write(b"new")
    assert fs.cat_file(path) == b"new"
    assert [Path(name).name for name in fs.ls(f"{tmp_path}/deep", detail=False)] == ["rows"]
