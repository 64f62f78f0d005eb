"""What the versions behind HAProxy have answered in each split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from airflow_mlops.rollout.core import Counts, EpochCounts
from airflow_mlops.rollout.core.bursts import Bursts, bursts_of
from airflow_mlops.rollout.targets.haproxy.split import Reading, Split, epoch_counts, undisturbed
from airflow_mlops.rollout.targets.haproxy.view import View
from airflow_mlops.rollout.targets.model_server import ModelServer, cells_of, counts_alone, counts_of


@dataclass(frozen=True)
class Counting:
    """Reads and counts; changes nothing. ``servers`` are the model servers by slot."""

    servers: Mapping[str, ModelServer]

    def readings(self, split: Split, view: View) -> tuple[Reading | None, Reading | None]:
        """Return the last readings of the canary's and the champion's slot: at the split's end, or now."""
        if split.ended:
            return split.canary_end, split.champion_end
        return self.reading(split.canary_slot, view), self.reading(split.champion_slot, view)

    def reading(self, slot: str | None, view: View) -> Reading | None:
        """Return what HAProxy and the server have counted in a slot; None when the slot does not answer."""
        if slot is None or slot not in view.states:
            return None
        reading = view.reading(slot)
        return replace(reading, latency=self.servers[slot].latency())

    def counts(self, splits: Iterable[Split], view: View) -> Iterator[EpochCounts]:
        """Yield the counts of every split that nothing disturbed."""
        for split in splits:
            readings = self.readings(split, view)
            if undisturbed(split, *readings):
                canary = self._of_slot(split.canary_slot, split.canary, split.version, view)
                champion = self._of_slot(split.champion_slot, split.champion_, split.champion, view)
                if canary is not None and champion is not None:
                    counted = (_counts(canary), _counts(champion))
                    found = epoch_counts(split, readings, counted)
                    yield replace(found, bursts=_bursts(canary, champion, found))

    def alone(self, champion: int | None, view: View) -> Counts | None:
        """Return what a champion answered while no canary had traffic; None when its slot does not answer."""
        slot = view.slot_of(champion)
        if slot is None or champion is None:
            return None
        return counts_alone(self.servers[slot].counts(0), champion)

    def _of_slot(
        self, slot: str | None, begin: Reading | None, version: int | None, view: View
    ) -> Mapping[str, int] | None:
        if slot is None or begin is None:
            return {}
        if slot not in view.states:
            return None
        for item in self.servers[slot].counts(begin.epoch - 1):
            if item["epoch"] == begin.epoch:
                found: Mapping[str, int] = item["counts"].get(str(version), {})
                return found
        return None


def _counts(found: Mapping[str, int]) -> Counts:
    # What is slow is measured by one rule for both slots; deciles need both versions in one.
    return replace(counts_of(found), timed=0, slow=0, deciles=())


def _bursts(canary: Mapping[str, int], champion: Mapping[str, int], counted: EpochCounts) -> Bursts | None:
    """Return the failures by groups of callers; None from servers that do not count them by group.

    The minutes of the two slots begin within one change of the split. Nobody knows whose the failures were
    that only HAProxy saw: they are one group, as they may have come at once.
    """
    cells = list(cells_of(canary, champion))
    failed = sum(found.get("failures", 0) for found in (canary, champion))
    if failed and not cells:
        return None
    known = [sum(side) for side in zip(*cells, strict=True)] or [0, 0]
    rest = (max(0, counted.canary.failures - known[0]), max(0, counted.champion.failures - known[1]))
    return replace(bursts_of([*cells, rest]), unseen=sum(rest))
