"""Memory that all worker processes of a server share: the document in force, and a slot for each worker.

The document (JSON) is read without a lock: its number is odd while somebody writes, and a checksum rejects
what a writer left half done. Writers hold ``SharedState.lock``. A slot is written by its worker alone and
read by the others; what a worker was doing stays readable after it has died.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

_WORD: Final = 8
_HEAD: Final = 512  # bytes
_SLOT: Final = 16_384
_DOCUMENT: Final = 262_144
_PLACES: Final = 16
_SEQ, _LENGTH, _SUM, _FLUSH = range(4)
_KEYS: Final = 1 << 22
_PROBES: Final = 64


class Seqlock:
    """A piece of JSON with a number that changes with its content, in memory words of its own."""

    def __init__(self, memory: mmap.mmap, start: int, size: int) -> None:
        self._memory = memory
        self._words = memoryview(memory)[start : start + _HEAD].cast("Q")
        self._start = start + _HEAD
        self._size = size - _HEAD

    @property
    def number(self) -> int:
        """The number of the content; 0 when nothing was ever written."""
        return int(self._words[_SEQ])

    def write(self, content: Any) -> None:
        """Replace the content; one writer at a time."""
        data = json.dumps(content).encode()
        if len(data) > self._size:
            raise ValueError(f"the state has {len(data)} bytes and must have at most {self._size}")
        odd = self.number | 1
        self._words[_SEQ] = odd
        self._memory[self._start : self._start + len(data)] = data
        self._words[_LENGTH] = len(data)
        self._words[_SUM] = zlib.crc32(data)
        self._words[_SEQ] = odd + 1

    def read(self) -> tuple[int, Any] | None:
        """Return number and content, None while it is being written or before it ever was."""
        number = self.number
        if number == 0 or number & 1:
            return None
        data = bytes(self._memory[self._start : self._start + min(self._words[_LENGTH], self._size)])
        if zlib.crc32(data) != self._words[_SUM] or self.number != number:
            return None
        return number, json.loads(data)

    def latest(self) -> Any:
        """Return the content, waiting out a writer; None when there is none or its writer died."""
        for _ in range(1000):
            read = self.read()
            if read is not None:
                return read[1]
            if self.number == 0:
                break
            time.sleep(0)
        return None


class WorkerSlot:
    """What one worker reports: that it lives, serves, has written, which versions it is busy with."""

    def __init__(self, memory: mmap.mmap, start: int) -> None:
        words = memoryview(memory)[start : start + _HEAD].cast("Q")
        self._words = words[:8]
        self._busy = words[8 : 8 + 2 * _PLACES]
        self.versions = Seqlock(memory, start + _HEAD, _SLOT - _HEAD)

    pid = property(lambda self: int(self._words[0]), lambda self, value: self._set(0, value))
    serving = property(lambda self: bool(self._words[1]), lambda self, value: self._set(1, int(value)))
    flushed = property(lambda self: int(self._words[2]), lambda self, value: self._set(2, value))
    connections = property(lambda self: int(self._words[3]), lambda self, value: self._set(3, value))
    unstored = property(lambda self: bool(self._words[4]), lambda self, value: self._set(4, int(value)))

    def _set(self, index: int, value: int) -> None:
        self._words[index] = value

    def busy(self) -> dict[int, int]:
        """Return the versions whose code this worker runs, with the number of requests that wait for it."""
        pairs = zip(self._busy[::2], self._busy[1::2], strict=True)
        return {int(version): int(requests) for version, requests in pairs if version}

    def busy_mark(self, place: int) -> Any:
        """Return two words for a version and its requests; beyond the last place nobody reads them."""
        return self._busy[2 * place : 2 * place + 2] if place < _PLACES else [0, 0]

    def clear(self) -> None:
        """Make the slot free for another worker."""
        for words in (self._words, self._busy):
            for index in range(len(words)):
                words[index] = 0


class SharedState:
    """The shared memory of one server.

    ``fd`` is its open file, None for a server of a single process; ``folder`` holds the files to lock.
    """

    def __init__(self, memory: mmap.mmap, fd: int | None, slots: int, folder: Path) -> None:
        self.fd = fd
        self._memory = memory
        self._keys = memoryview(memory)[-_KEYS * _WORD :].cast("Q")
        self._folder = folder
        self._flush = memoryview(memory)[: 4 * _WORD].cast("Q")[_FLUSH:]
        self.document = Seqlock(memory, 0, _DOCUMENT)
        self.slots = [WorkerSlot(memory, _DOCUMENT + index * _SLOT) for index in range(slots)]

    @classmethod
    def private(cls, folder: Path) -> SharedState:
        """Return the memory of a server that is one process; ``folder`` is for its lock."""
        folder.mkdir(parents=True, exist_ok=True)
        _touch_locks(folder)
        return cls(mmap.mmap(-1, _size(1)), None, 1, folder)

    @classmethod
    def create(cls, folder: Path, slots: int) -> SharedState:
        """Return new memory for ``slots`` workers, to be attached to by its ``fd``."""
        with tempfile.TemporaryFile(dir=folder) as file:
            fd = os.dup(file.fileno())
        os.ftruncate(fd, _size(slots))
        _touch_locks(folder)
        return cls.attach(fd, folder, slots)

    @classmethod
    def attach(cls, fd: int, folder: Path, slots: int) -> SharedState:
        """Return the memory behind an inherited file descriptor."""
        return cls(mmap.mmap(fd, _size(slots)), fd, slots, folder)

    @property
    def folder(self) -> Path:
        """The folder of the server's state."""
        return self._folder

    @property
    def flush_number(self) -> int:
        """The number of the latest request that all workers write down what they counted."""
        return int(self._flush[0])

    def lock(self, *, wait: bool = True) -> AbstractContextManager[None]:
        """Hold the right to change the document; BlockingIOError when somebody has it and ``wait`` is off.

        The system gives it back when its holder dies.
        """
        return _locked(self._folder / "change.lock", wait=wait)

    def request_flush(self) -> int:
        """Ask all workers to write; returns the number that their slots show afterwards."""
        with _locked(self._folder / "claim.lock"):
            self._flush[0] = self.flush_number + 1
            return self.flush_number

    def claim(self, key: int) -> bool:
        """Return whether a key (63 bits) is new to all workers, and remember it; never in a full table."""
        value = key + 1
        if self._free_place(value) is None:
            return False
        with _locked(self._folder / "claim.lock"):
            place = self._free_place(value)
            if place is None:
                return False
            self._keys[place] = value
            return True

    def forget_keys(self) -> None:
        """Empty the table of keys."""
        start = len(self._memory) - _KEYS * _WORD
        try:
            self._memory.madvise(mmap.MADV_REMOVE, start, _KEYS * _WORD)  # Gives the pages back as well.
        except (OSError, AttributeError):
            self._memory[start:] = bytes(_KEYS * _WORD)

    def _free_place(self, value: int) -> int | None:
        """Return the free place for a value, None when it is there or when there is none near."""
        for place in range(value, value + _PROBES):
            present = self._keys[place % _KEYS]
            if present in (0, value):
                return None if present else place % _KEYS
        return None


def _touch_locks(folder: Path) -> None:
    """Create the files to lock now: a disk that is full later could not."""
    for name in ("change.lock", "claim.lock"):
        with _locked(folder / name):
            pass


@contextmanager
def _locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    # Not filelock's: it polls for a lock that another process holds, and costs 200 times as much per request.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _size(slots: int) -> int:
    return _DOCUMENT + slots * _SLOT + _KEYS * _WORD
