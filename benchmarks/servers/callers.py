"""Callers who also send the labels of some answers."""

from __future__ import annotations

import asyncio
import json
import re

from servers.models import body
from servers.processes import TOKEN
from tests.support.callers import Callers, ask, closes, request_of

_ID = re.compile(rb"(?i)\r\nx-request-id: *([^\r\n]+)")


class LabellingCallers(Callers):
    """Each answer whose number is divisible by ``label_every`` gets a label on the same connection."""

    def __init__(self, port: int, connections: int, rps: float | None, label_every: int) -> None:
        super().__init__(port, request_of("/invocations", body(1), TOKEN), connections, rps)
        self._label_every = label_every
        self.labelled = 0

    def tally(self) -> tuple[int, int, int]:
        """Return the answers, labels and failures so far."""
        return self.answered, self.labelled, len(self.failed)

    async def after(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if self.answered % self._label_every == 0 and not closes(head):
            found = _ID.search(head)
            order = {"request_id": found[1].decode(), "label": 1}  # type: ignore[index]
            label = request_of("/labels", json.dumps(order).encode(), TOKEN)
            head, content = await ask(reader, writer, label)
            self.labelled += not self.is_failure(head, content)
        return not closes(head)
