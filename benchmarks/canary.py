"""The canary's judge against other rules: false rollbacks, power, requests until harm is seen.

    python benchmarks/canary.py                             about 3 minutes
    python benchmarks/canary.py --runs 400 --rollbacks 0  a few seconds, larger errors

Each run is a canary of 100,000 requests with a look after every fiftieth (or thousandth) part of them. The
other rules are what deployment tools do: a fixed threshold with one failed check, a two-sample z-test at
each look, a Mann-Whitney test of the samples at each look. Every column sees the same requests.

Then what the guarantee needs and what happens when it does not hold: see benchmarks/canary_conditions.py.
At the end real rollbacks, measured: see benchmarks/rollback.py.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import canary_conditions
import numpy as np
import rollback
from scipy import stats

from airflow_mlops.rollout.core.evidence import WORSE, log_spaced, mixture

ALPHA = 0.05
LIMIT = 2 / ALPHA  # One guard and the floor share alpha.
REQUESTS = 100_000
Array = np.ndarray


class Counts:
    """Cumulative events and requests of both versions, arrays of (runs, looks); weights by look.

    ``base`` is the champion's true rate, ``null`` the ratio that is no harm yet.
    """

    def __init__(
        self,
        events: tuple[Array, Array],
        requests: tuple[Array, Array],
        weights: Array,
        *,
        base: float = 0.01,
        null: float = 1.0,
    ) -> None:
        self.base, self.null = base, null
        self.steps = events
        self.canary, self.champion = (np.cumsum(e, axis=1) for e in events)
        self.n_canary, self.n_champion = (np.cumsum(n, axis=1) for n in requests)
        self.weights = weights
        self.requests = np.cumsum(requests[0] + requests[1], axis=1)


def draw(
    rng: np.random.Generator,
    runs: int,
    weights: Array,
    rates: tuple[Array, Array],
    base: float = 0.01,
    null: float = 1.0,
) -> Counts:
    """Requests at each look, split by ``weights``; events at ``rates`` (canary, champion)."""
    size = REQUESTS // len(weights)
    canary = rng.binomial(size, np.broadcast_to(weights, (runs, len(weights))))
    requests = (canary, size - canary)
    events = tuple(rng.binomial(n, np.broadcast_to(r, n.shape)) for n, r in zip(requests, rates, strict=True))
    return Counts((events[0], events[1]), requests, weights, base=base, null=null)


def e_process(counts: Counts, limit: float = LIMIT, weights: tuple[float, ...] = ()) -> Array:
    """The package's event-share process, for all runs and looks at once."""
    null = counts.null
    ratios = tuple(null * ratio for ratio in WORSE)
    w = counts.weights
    total = np.full(counts.canary.shape, -np.inf)
    ours, theirs = counts.steps
    for ratio, prior in zip(ratios, weights or mixture(null, ratios), strict=True):
        share = np.log1p(w * (null - 1)) - np.log1p(w * (ratio - 1))
        log_e = np.cumsum(ours * np.log(ratio / null) + (ours + theirs) * share, axis=1)
        np.logaddexp(total, log_e + np.log(prior), out=total)
    return total >= np.log(limit)


def even_weights(counts: Counts) -> Array:
    """The same process with even weights and all of alpha, as it was before."""
    return e_process(counts, limit=1 / ALPHA, weights=(1 / len(WORSE),) * len(WORSE))


def fixed_threshold(counts: Counts) -> Array:
    """One failed check ends it: the canary's rate of the last interval is above twice the common base."""
    ours, size = counts.steps[0], np.diff(counts.n_canary, axis=1, prepend=0)
    return ours > 2 * counts.base * np.maximum(size, 1)


def z_test(counts: Counts) -> Array:
    """Pooled two-sample z-test of all requests so far, one-sided 5 %, at each look."""
    n, m = np.maximum(counts.n_canary, 1), np.maximum(counts.n_champion, 1)
    pooled = (counts.canary + counts.champion) / (n + m)
    error = np.sqrt(np.maximum(pooled * (1 - pooled) * (1 / n + 1 / m), 1e-18))
    z = (counts.canary / n - counts.champion / m) / error
    return (z > stats.norm.ppf(1 - ALPHA)) & (counts.canary + counts.champion > 0)


def mann_whitney(counts: Counts) -> Array:
    """Mann-Whitney of the error rates of the looks so far, one-sided 5 %, normal approximation."""
    ours, theirs = (
        e / np.maximum(np.diff(n, axis=1, prepend=0), 1)
        for e, n in zip(counts.steps, (counts.n_canary, counts.n_champion), strict=True)
    )
    looks = ours.shape[1]
    above = (ours[:, :, None] > theirs[:, None, :]) + 0.5 * (ours[:, :, None] == theirs[:, None, :])
    u = np.stack([above[:, :k, :k].sum(axis=(1, 2)) for k in range(1, looks + 1)], axis=1)
    k = np.arange(1, looks + 1)
    z = (u - k * k / 2) / np.sqrt(k * k * (2 * k + 1) / 12)
    return (z > stats.norm.ppf(1 - ALPHA)) & (k >= 5)


RULES: dict[str, Callable[[Counts], Array]] = {
    "this": e_process,
    "even weights": even_weights,
    "threshold": fixed_threshold,
    "z-test": z_test,
    "Mann-Whitney": mann_whitney,
}


def flat(share: float, looks: int = 50) -> Array:
    return np.full(looks, share)


def ramp(looks: int = 50) -> Array:
    return np.repeat([0.05, 0.25, 0.5], [looks // 3, looks // 3, looks - 2 * (looks // 3)])


def alarms(counts: Counts, rule: Callable[[Counts], Array]) -> tuple[float, float]:
    """Share of runs with an alarm, and the median requests until it."""
    found = rule(counts)
    any_ = found.any(axis=1)
    first = np.take_along_axis(counts.requests, found.argmax(axis=1)[:, None], axis=1)[:, 0]
    return float(any_.mean()), float(np.median(first[any_])) if any_.any() else float("nan")


def row(name: str, counts: Counts, target: str, *, skip: tuple[str, ...] = (), per_request: int = 1) -> None:
    cells = []
    for rule_name, rule in RULES.items():
        if rule_name in skip:
            cells.append("-")
            continue
        share, median = alarms(counts, rule)
        shown = median / per_request
        size = f"{shown / 1000:.1f}k" if shown >= 1000 else f"{shown:.0f}"
        cells.append(f"{share:.3f}" + (f" @ {size}" if share >= 0.5 else ""))
    print(f"{name:<46}" + "".join(f"{cell:>17}" for cell in cells) + f"   {target}", flush=True)


def heading(title: str) -> None:
    print(f"\n{title:<46}" + "".join(f"{name:>17}" for name in RULES) + "   target for this")


def error_rates(rng: np.random.Generator, runs: int) -> None:
    heading("rolled back, version is no worse")
    for looks in (50, 1000):
        one, drift = np.full(looks, 0.01), np.linspace(0.005, 0.02, looks)
        skip = ("Mann-Whitney",) if looks > 50 else ()
        for share in (0.05, 0.25, 0.5):
            counts = draw(rng, runs, flat(share, looks), (one, one))
            row(f"1 % errors, split {share:.0%}, {looks:,} looks", counts, "<= 0.025", skip=skip)
        counts = draw(rng, runs, ramp(looks), (drift, drift))
        row(f"ramp 5-25-50 %, 0.5 to 2 %, {looks:,} looks", counts, "<= 0.025", skip=skip)
    row("split 25 %, common outage of 20 % at half-time", _outage(rng, runs), "<= 0.025")
    heading("rolled back @ median requests, errors doubled")
    one, drift = np.full(50, 0.01), np.linspace(0.005, 0.02, 50)
    for share, target in ((0.05, "0.99 @ 24k"), (0.25, "0.99 @ 8k"), (0.5, "0.99 @ 6k")):
        row(f"1 -> 2 %, split {share:.0%}, 50 looks", draw(rng, runs, flat(share), (2 * one, one)), target)
    one = np.full(1000, 0.01)
    counts = draw(rng, runs, flat(0.05, 1000), (2 * one, one))
    row("1 -> 2 %, split 5%, 1,000 looks", counts, "0.99 @ 24k", skip=("Mann-Whitney",))
    row("ramp 5-25-50 % with drift, doubled", draw(rng, runs, ramp(), (2 * drift, drift)), ">= 0.99")


def _outage(rng: np.random.Generator, runs: int) -> Counts:
    rates = np.full(50, 0.01)
    rates[25:28] = 0.2
    return draw(rng, runs, flat(0.25), (rates, rates))


def latency(rng: np.random.Generator, runs: int) -> None:
    """Log-normal answers (sigma 0.5); slow means beyond the champion's true 95th percentile."""
    heading("latency, slow-answer events, margin 2")
    limit = np.exp(0.5 * stats.norm.ppf(0.95))
    for factor, target in ((1.0, "<= 0.025"), (1.1, "<= 0.025"), (1.5, "0.99 @ 1k")):
        slow = float(stats.lognorm.sf(limit / factor, 0.5))
        rates = (np.full(1000, slow), np.full(1000, 0.05))
        counts = draw(rng, max(50, runs // 4), flat(0.5, 1000), rates, base=0.05, null=2.0)
        row(f"x {factor:g}, split 50 %, 1,000 looks", counts, target, skip=("Mann-Whitney",))


def quality(rng: np.random.Generator, runs: int) -> None:
    """Shadow: both versions predict each labelled request; only discordant pairs count, with share 1/2."""
    heading("quality, labelled shadow requests")
    for canary, target in ((0.10, "<= 0.025"), (0.13, "0.95 @ 1.2k")):
        both = 0.07  # Wrong for both: hard cases are hard for every model.
        pairs, looks = 10_000, 200
        size = pairs // looks
        cells = rng.multinomial(
            size, [canary - both, 0.10 - both, 1 - canary - 0.10 + 2 * both], (runs, looks)
        )
        n = np.full((runs, looks), size)
        counts = Counts((cells[..., 0], cells[..., 1]), (n, n), flat(0.5, looks), base=0.03)
        name = f"10 -> {canary:.0%} wrong, 10k labels, 200 looks"
        row(name, counts, target, skip=("Mann-Whitney",), per_request=2)


def sticky(rng: np.random.Generator, runs: int) -> None:
    """Callers with 50 requests each; one caller in a hundred meets errors in all of them."""
    heading("sticky routing, version is no worse")
    for looks in (50, 1000):
        once, every = _callers(rng, runs, looks)
        skip = ("Mann-Whitney",) if looks > 50 else ()
        row(f"each caller counted once, {looks:,} looks", once, "<= 0.025", skip=skip)
        row(f"each request counted (wrong), {looks:,} looks", every, "-", skip=skip)


def _callers(rng: np.random.Generator, runs: int, looks: int) -> tuple[Counts, Counts]:
    """Counts of 2,000 callers: each counted once, and with all of its requests."""
    keys, per_key = 2000, 50
    bad = rng.random((runs, keys)) < 0.01
    ours = rng.random((runs, keys)) < 0.25
    arrives = rng.integers(0, looks, (runs, keys))
    each = []
    for events in (bad & ours, bad & ~ours, ours, ~ours):
        rows, columns = np.nonzero(events)
        cells = rows * looks + arrives[rows, columns]
        each.append(np.bincount(cells, minlength=runs * looks).reshape(runs, looks))
    weights = flat(0.25, looks)
    once = Counts((each[0], each[1]), (each[2], each[3]), weights)
    many = [table * per_key for table in each]
    return once, Counts((many[0], many[1]), (many[2], many[3]), weights)


def self_check() -> None:
    """The vectorised process is the package's own."""
    from airflow_mlops.rollout.core.evidence import EventShareProcess

    rng = np.random.default_rng(0)
    counts = draw(rng, 1, ramp(6), (np.full(6, 0.02), np.full(6, 0.01)))
    for null in (1.0, 2.0):
        process = EventShareProcess.inferiority(null)
        for look, weight in enumerate(counts.weights):
            ours, theirs = (int(step[0, look]) for step in counts.steps)
            process = process.add(ours, theirs, float(weight))
        value = float(np.exp(process.log_e))
        for limit, expected in ((value * 0.999, True), (value * 1.001, False)):
            counts.null = null
            assert bool(e_process(counts, limit)[0, -1]) is expected
    assert np.allclose(WORSE, log_spaced(1.1, 16.0, 24))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=4000, help="canaries per figure")
    parser.add_argument("--rollbacks", type=int, default=10, help="real ones; 0 for none")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started, rng = time.monotonic(), np.random.default_rng(options.seed)
    self_check()
    error = np.sqrt(0.05 * 0.95 / options.runs)
    print(
        f"{options.runs} canaries per figure (standard error {error:.3f} at 0.05), alpha {ALPHA}, "
        f"{REQUESTS:,} requests each"
    )
    for part in (error_rates, latency, quality, sticky):
        part(rng, options.runs)
    canary_conditions.report(rng, max(20, options.runs // 5))
    if options.rollbacks:
        rollback.report(options.rollbacks)
    print(f"\n{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
