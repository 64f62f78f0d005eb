"""Each deployment target with real model servers and a caller in front of it, for tests."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

from airflow_mlops.rollout.targets.base import Target
from airflow_mlops.rollout.targets.haproxy.target import HaproxyTarget
from airflow_mlops.rollout.targets.local import LocalTarget
from tests.support import free_port
from tests.support.haproxy import Haproxy, running_haproxy
from tests.support.server import ADMIN_TOKEN, ROW, TOKEN, Client, Registry, running_server

_BODY: Final = json.dumps({"dataframe_records": [ROW]})


class Place(ABC):
    """A caller at ``url`` and the model servers ``slots`` that answer."""

    def __init__(self, url: str, slots: Sequence[Client]) -> None:
        self.slots = slots
        self.caller = Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)

    @abstractmethod
    def target(self, **options: float) -> Target:
        """Return a target that moves the traffic here."""

    def states(self) -> list[dict[str, Any]]:
        """Return what each model server says of itself."""
        return [slot.get("/admin/state").json() for slot in self.slots]

    def versions(self, requests: int) -> list[int]:
        """Send requests on one connection; return the versions that answered, in order."""
        found, headers = [], dict(self.caller.headers)
        # Not with httpx, which costs more: some tests send thousands.
        with closing(HTTPConnection(self.caller.base_url.netloc.decode(), timeout=30)) as connection:
            for _ in range(requests):
                connection.request("POST", "/invocations", _BODY, headers)
                answer = connection.getresponse()
                assert (answer.status, bool(answer.read())) == (200, True)
                found.append(int(answer.headers["x-model-version"]))
        return found

    def answered_by(self, requests: int) -> dict[str, int]:
        """Send requests; return how many each version answered."""
        return dict(Counter(map(str, self.versions(requests))))

    def until_both_answered(self) -> dict[str, int]:
        """Send requests until two versions have answered some; return how many each answered."""
        found = Counter[str]()
        while len(found) < 2 or min(found.values()) < 2:
            found.update(self.answered_by(1))
        return dict(found)


class LocalPlace(Place):
    """One embedded model server."""

    def target(self, **options: float) -> LocalTarget:
        """Return a target that moves the traffic here."""
        return LocalTarget(self.slots[0].admin_url, ADMIN_TOKEN, **options)


class HaproxyPlace(Place):
    """HAProxy and two slots with a model server each."""

    def __init__(self, haproxy: Haproxy, slots: Sequence[Client]) -> None:
        super().__init__(haproxy.url, slots)
        self.haproxy = haproxy
        self.a, self.b = slots

    def target(self, **options: float) -> HaproxyTarget:
        """Return a target that moves the traffic here."""
        slots = {"a": self.a.admin_url, "b": self.b.admin_url}
        return HaproxyTarget(
            self.haproxy.url, ADMIN_TOKEN, socket=self.haproxy.socket, slots=slots, **options
        )


@contextmanager
def local_place(registry: Registry, folder: Path) -> Iterator[LocalPlace]:
    """Run a model server with its state in ``folder``."""
    with running_server(registry, folder / "only") as server:
        place = LocalPlace(str(server.base_url), [server])
        with place.caller:
            yield place


@contextmanager
def haproxy_place(registry: Registry, folder: Path) -> Iterator[HaproxyPlace]:
    """Run two model servers with their states in ``folder``, and HAProxy in front of them."""
    with ExitStack() as stack:
        slots = [stack.enter_context(running_server(registry, folder / name)) for name in "ab"]
        urls = [str(slot.base_url) for slot in slots]
        place = HaproxyPlace(stack.enter_context(running_haproxy(free_port(), urls)), slots)
        stack.enter_context(place.caller)
        yield place


PLACES: Final[Mapping[str, Callable[[Registry, Path], AbstractContextManager[Place]]]] = {
    "local": local_place,
    "haproxy": haproxy_place,
}
