"""The parts of the benchmark that load a running service, each on a fresh copy of the catalogue.

Place in the flow: `command` calls them by name and keeps what they return. A part measures in one run, on one process,
whatever its targets compare: its own peak, its own time for a lone picture.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.speed import catalogue
from benchmarks.speed.client import Plan
from benchmarks.speed.measures import (
    REFUSED,
    Outcome,
    drift,
    flagged,
    latencies,
    over_time,
    recall,
    refusals,
    run,
    share,
    summary,
    tier_shares,
    tiers,
    tiers_of_cores,
)
from benchmarks.speed.mixture import COPY_EVERY
from benchmarks.speed.service import Service, serving

Measured: TypeAlias = dict[str, Any]
_COPIES = 100
_LONGEST_WARMING = 30.0
_SLOWEST = 0.05
"""Listings a second that are taken for the peak where none was judged."""
_BROKEN_WANTED = 20
"""Corrupt pictures that a load should hold, be it short."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What all parts share. Every load is bounded in seconds, so that a slow service only judges fewer listings."""

    folder: Path
    """The catalogue of `catalogue.prepare`."""
    supply: Path
    references: int
    minutes: float
    """Of the sustained and of the mixed load."""
    brief: float
    """Seconds of every other load."""
    connections: int
    mixed: int
    peers: Path

    lap: int
    """Photographs that plain pictures are cut from: number n + lap is another window of the photograph of n."""
    few: int = 100
    """Listings sent one after another, or to warm a service, where there is time for so many."""

    @property
    def warming(self) -> float:
        """Seconds in which a service is warmed."""
        return min(self.brief, _LONGEST_WARMING)


class Running:
    """A service on its copy of the catalogue, and which pictures it was not sent yet."""

    def __init__(self, bench: Bench, service: Service) -> None:
        self.service = service
        self.rate = 0.0
        """Listings a second of the last load."""
        self._bench, self._next = bench, 0

    def load(
        self,
        mix: str = "plain",
        *,
        seconds: float,
        count: int = 0,
        rate: float = 0.0,
        connections: int = 0,
        corrupt_every: int = 0,
        first: int | None = None,
    ) -> Outcome:
        """Send pictures that it never saw, as fast as they are answered or `rate` a second."""
        plan = Plan(
            self.service.url,
            self.service.key,
            str(self._bench.supply),
            mix,
            connections or self._bench.connections,
            seconds,
            self._next if first is None else first,
            count,
            rate,
            corrupt_every,
        )
        outcome = run(self.service, plan)
        self.rate = outcome.per_second
        print(f"  {mix}: {outcome.good} of {len(outcome.answers['number'])} in {outcome.seconds:.0f} s", flush=True)
        if first is None:
            self._next = max([self._next - 1, *outcome.answers["number"]]) + 1
        return outcome

    def lap(self, number: int) -> None:
        """Begin with the first photograph again, in windows that were not sent yet: loads then cost the same."""
        self._next = number * self._bench.lap


@contextlib.contextmanager
def running(bench: Bench) -> Iterator[Running]:
    """Start a service, warm: the first pictures have gone through it."""
    with catalogue.copied(bench.folder) as data_dir, serving(data_dir) as service:
        load = Running(bench, service)
        service.settle()
        load.load(count=bench.few, seconds=bench.warming)
        yield load


def measure_cold(bench: Bench) -> Measured:
    """Seconds from the start of the process to the first `/readyz` that says yes: files in the page cache, twice."""
    times, resident, worked = [], 0.0, 0.0
    with catalogue.copied(bench.folder) as data_dir:
        for _ in range(3):
            with serving(data_dir) as service:
                times.append(service.ready_after)
                resident, worked = service.rss_mib(), service.core_seconds()
    return {
        "first_start_seconds": round(times[0], 2),
        "ready_seconds": round(min(times[1:]), 2),
        "ready_core_seconds": round(worked, 2),
        "rss_mib": round(resident, 1),
    }


def measure_idle(bench: Bench) -> Measured:
    """One listing after another: the time a lone picture takes, and which copies are found when nothing hurries."""
    with running(bench) as load:
        alone = load.load(count=bench.few, seconds=bench.brief, connections=1)
        copies = load.load("copy", count=_COPIES, seconds=2 * bench.brief, connections=1, first=0)
    found = recall(copies)
    return {
        **summary(alone),
        "tiers_ms": tiers(alone),
        "tiers_core_ms": tiers_of_cores(alone),
        "copies_judged": len(found),
        "copies_flagged": flagged(copies),
        "recall": share(found.values()),
        "copies_found": {str(number): hit for number, hit in found.items()},
    }


def measure_sustained(bench: Bench) -> Measured:
    """As many listings as are answered, for as long as was asked; then copies only, as their fiftieth may be few."""
    with running(bench) as load:
        outcome = load.load(seconds=60 * bench.minutes)
        among = {number // COPY_EVERY: hit for number, hit in recall(outcome).items()}
        following = max(outcome.answers["number"]) // COPY_EVERY + 1
        copies = load.load("copy", count=max(1, _COPIES - following), seconds=2 * bench.brief, first=following)
    found = {**among, **recall(copies)}
    return {
        **summary(outcome),
        **refusals(outcome),
        "connections": bench.connections,
        "copies_among_them": len(among),
        "copies_judged": len(found),
        "copies_flagged": flagged(outcome, copies),
        "recall": share(found.values()),
        "rss_drift": round(drift(outcome.sample), 4),
        "tiers_ms": tiers(outcome),
        "tiers_core_ms": tiers_of_cores(outcome),
        "tier_shares": tier_shares(outcome),
        "over_time": over_time(outcome),
        "latencies_ms": _thinned(outcome),
        "copies_found": {str(number): hit for number, hit in found.items()},
    }


def measure_paced(bench: Bench) -> Measured:
    """At 70 % of its own peak, listings coming at random moments: latency beside that of a lone picture."""
    with running(bench) as load:
        load.lap(1)
        alone = load.load(count=bench.few, seconds=bench.brief / 2, connections=1)
        load.lap(2)
        peak = load.load(seconds=bench.brief).steady(bench.brief) or _SLOWEST
        load.lap(3)
        paced = load.load(seconds=2 * bench.brief, rate=0.7 * peak, connections=64)
    lone = latencies([row["done"] - row["sent"] for row in alone.rows(status=200)])
    figures = summary(paced)
    return {
        **figures,
        "peak_per_second": round(peak, 2),
        "lone": alone.good,
        **{f"lone_{name}": value for name, value in lone.items()},
        "p99_over_lone": round(figures["p99_ms"] / lone["p50_ms"], 2),
        "p99_over_lone_p99": round(figures["p99_ms"] / lone["p99_ms"], 2),
        "latencies_ms": _thinned(paced),
    }


def measure_overload(bench: Bench) -> Measured:
    """Twice its own peak: what is still judged, and how fast and how the rest is refused."""
    with running(bench) as load:
        load.lap(1)
        peak = load.load(seconds=bench.brief).steady(bench.brief) or _SLOWEST
        load.lap(2)
        outcome = load.load(seconds=bench.brief, rate=2 * peak, connections=192)
    return {
        **summary(outcome),
        "peak_per_second": round(peak, 2),
        "offered_per_second": round(2 * peak, 2),
        "goodput_over_peak": round(outcome.steady(bench.brief) / peak, 3),
        **refusals(outcome),
        "broken": len(outcome.rows(status=0)),
        "broken_by": sorted({row["why"] for row in outcome.rows(status=0)}),
    }


def measure_corrupt(bench: Bench) -> Measured:
    """One picture of a hundred is broken, more where few would come: it is refused, and nothing beside it fails."""
    with running(bench) as load:
        every = min(100, max(10, round(load.rate * bench.brief / _BROKEN_WANTED)))
        outcome = load.load(seconds=bench.brief, corrupt_every=every)
    looked_at = [row for row in outcome.rows() if row["status"] not in REFUSED]
    broken = [row for row in looked_at if row["kind"] == "corrupt"]
    neighbours = [row for row in looked_at if row["kind"] != "corrupt"]
    return {
        **summary(outcome),
        "corrupt_every": every,
        "corrupt": len(broken),
        "corrupt_refused": share([400 <= row["status"] < 500 for row in broken]),
        "neighbours_failed": sum(row["status"] != 200 for row in neighbours),
    }


def measure_mixed(bench: Bench) -> Measured:
    """Many listings of many sizes, 320 px to 12 megapixels: does memory stay where it is?"""
    with running(bench) as load:
        outcome = load.load("mixed", count=bench.mixed, seconds=60 * bench.minutes)
    return {
        **summary(outcome),
        "asked_for": bench.mixed,
        "rss_drift": round(drift(outcome.sample), 4),
        "over_time": over_time(outcome),
    }


def measure_large(bench: Bench) -> Measured:
    """Listings of 12 megapixels, and their tiers."""
    with running(bench) as load:
        outcome = load.load("large", seconds=bench.brief)
    return {**summary(outcome), "tiers_ms": tiers(outcome), "tiers_core_ms": tiers_of_cores(outcome)}


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _thinned(outcome: Outcome, most: int = 400) -> list[float]:
    """Sorted latencies in milliseconds, at most so many of them, evenly taken, both ends kept."""
    ordered = sorted(1000 * (row["done"] - row["due"]) for row in outcome.rows(status=200))
    if len(ordered) <= most:
        return [round(value, 1) for value in ordered]
    return [round(ordered[round(place * (len(ordered) - 1) / (most - 1))], 1) for place in range(most)]
