"""One load from start to end, and what its answers say: rates, percentiles, core time of each tier, memory.

Place in the flow: `parts` asks for loads; `report` and `plots` show what comes out. Everything is plain numbers.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.machine import percentile
from benchmarks.speed.client import GRACE, Plan
from benchmarks.speed.service import ROOT, Sample, Service

_TIER = re.compile(r'^brandwarden_tier_seconds_sum\{tier="(\w+)"\}$')
REFUSED = (429, 503)
_WARM = 0.1
"""Share of a load at its beginning in which memory still grows into its caches."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one load: the client's columns and account, what the service took, and what ran beside."""

    answers: Mapping[str, Sequence[Any]]
    seconds: float
    watched_seconds: float
    """The client's start and end as well, which is what the core seconds are of."""
    client_core_seconds: float
    service_core_seconds: float
    others_core_seconds: float
    sample: Sample
    before: Mapping[str, float]
    after: Mapping[str, float]

    def rows(self, **wanted: Any) -> list[dict[str, Any]]:
        """The requests whose columns have these values."""
        names = list(self.answers)
        rows = (dict(zip(names, row, strict=True)) for row in zip(*self.answers.values(), strict=True))
        return [row for row in rows if all(row[name] == value for name, value in wanted.items())]

    @property
    def good(self) -> int:
        """Listings that were judged."""
        return sum(status == 200 for status in self.answers["status"])

    @property
    def per_second(self) -> float:
        """Listings judged in a second, from the first request to the last answer."""
        return self.good / max(self.seconds, 1e-9)

    def steady(self, seconds: float) -> float:
        """Listings judged in a second, of a load sent for so many: without its first fifth and what came after it."""
        first = seconds / 5
        judged = sum(first < row["done"] <= seconds for row in self.rows(status=200))
        return float(judged / (seconds - first))

    @property
    def core_ms(self) -> float:
        """Core-milliseconds of the service for each listing judged."""
        return 1000 * self.service_core_seconds / max(self.good, 1)


def run(service: Service, plan: Plan) -> Outcome:
    """Start a client with `plan`, wait for its end; `TimeoutExpired` long after its last answer was due."""
    with tempfile.TemporaryDirectory(prefix="bw-load-") as name:
        given, written = Path(name) / "plan.json", Path(name) / "answers.json"
        given.write_text(json.dumps(asdict(plan)))
        command = [sys.executable, "-m", "benchmarks.speed.client", str(given), str(written)]
        ours = plan.speaks == "listings"
        before = service.metrics() if ours else {}
        worked, everybody, started = service.core_seconds(), _machine_seconds(), time.perf_counter()
        with service.watched() as sample:
            subprocess.run(command, check=True, cwd=ROOT, timeout=plan.seconds + 2 * GRACE)
        spent, elsewhere = service.core_seconds() - worked, _machine_seconds() - everybody
        watched = time.perf_counter() - started
        told = json.loads(written.read_text())
    client = told["client_core_seconds"]
    return Outcome(
        told["answers"],
        told["seconds"],
        watched,
        client,
        spent,
        max(0.0, elsewhere - spent - client),
        sample,
        before,
        service.metrics() if ours else {},
    )


def summary(outcome: Outcome) -> dict[str, Any]:
    """The figures every load has."""
    good = outcome.rows(status=200)
    cores = outcome.watched_seconds * (os.cpu_count() or 1)
    return {
        "listings": outcome.good,
        "statuses": dict(sorted(Counter(map(str, outcome.answers["status"])).items())),
        "seconds": round(outcome.seconds, 1),
        "listings_per_second": round(outcome.per_second, 2),
        **latencies([row["done"] - row["due"] for row in good]),
        "core_ms": round(outcome.core_ms, 2),
        "service_share_of_cores": round(outcome.service_core_seconds / cores, 3),
        "client_share_of_cores": round(outcome.client_core_seconds / cores, 3),
        "others_share_of_cores": round(outcome.others_core_seconds / cores, 3),
        "rss_mib": round(max(outcome.sample.rss_mib), 1),
        "copies": sum(kind == "copy" for kind in outcome.answers["kind"]),
        "others_flagged": sum(row["flagged"] for row in good if row["kind"] != "copy"),
    }


def refusals(outcome: Outcome) -> dict[str, Any]:
    """How many were refused for want of room, how long that took, and the share that was told when to come again."""
    refused = [row for row in outcome.rows() if row["status"] in REFUSED]
    took = latencies([row["done"] - row["sent"] for row in refused])
    return {
        "refused": len(refused),
        **{f"refusal_{name}": value for name, value in took.items()},
        "refusals_with_retry_after": share([row["retry_after"] > 0 for row in refused]),
    }


def share(hits: Collection[bool]) -> float | None:
    """How many of them are hits; None of nothing."""
    return round(sum(hits) / len(hits), 4) if hits else None


def latencies(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 in milliseconds; nothing for none."""
    values = [1000 * value for value in seconds]
    return {f"p{share}_ms": round(percentile(values, share / 100), 1) for share in (50, 95, 99)} if values else {}


def tiers(outcome: Outcome) -> dict[str, float]:
    """Milliseconds by the clock that a listing spent in each tier, by the service's own metrics."""
    growth = {found[1]: _grown(outcome, name) for name in outcome.after if (found := _TIER.match(name))}
    return {tier: round(1000 * seconds / max(outcome.good, 1), 3) for tier, seconds in growth.items()}


def tiers_of_cores(outcome: Outcome) -> dict[str, float]:
    """Core-milliseconds a listing, tier by tier: where tiers took longer by the clock than the service had of the
    cores, they waited, and all of them are taken to have waited alike. What is left is `the rest`.
    """
    spent, core_ms = tiers(outcome), outcome.core_ms
    share = min(1.0, core_ms / max(sum(spent.values()), 1e-9))
    found = {tier: round(share * value, 2) for tier, value in spent.items()}
    return {**found, "the rest": round(max(0.0, core_ms - sum(found.values())), 2)}


def tier_shares(outcome: Outcome) -> dict[str, float]:
    """The share of pictures that reached each tier."""
    entered = _grown(outcome, "brandwarden_pictures_total") or 1.0
    names = [name for name in outcome.after if name.startswith("brandwarden_tier_pictures_total{")]
    return {name.split('"')[1]: round(_grown(outcome, name) / entered, 4) for name in names}


def recall(outcome: Outcome) -> dict[int, bool]:
    """Whether each copy that was judged was found, by the number of its listing."""
    return {row["number"]: row["found"] for row in outcome.rows(kind="copy", status=200)}


def flagged(*outcomes: Outcome) -> float | None:
    """The share of the copies judged that were flagged, whatever they were matched with."""
    return share([row["flagged"] for one in outcomes for row in one.rows(kind="copy", status=200)])


def drift(sample: Sample) -> float:
    """Growth of resident memory over the load as a share: a line through all but the warm beginning."""
    start = int(len(sample.at) * _WARM)
    at, rss = np.asarray(sample.at[start:]), np.asarray(sample.rss_mib[start:])
    if len(at) < 5:
        return 0.0
    slope, level = np.polyfit(at - at[0], rss, 1)
    return float(slope * (at[-1] - at[0]) / level)


def over_time(outcome: Outcome, points: int = 60) -> dict[str, list[float]]:
    """Listings a second and resident MiB over the load, in at most `points` steps."""
    done = np.asarray([row["done"] for row in outcome.rows(status=200)])
    edges = np.linspace(0, outcome.seconds, min(points, max(2, int(outcome.seconds / 2))) + 1)
    counts = np.histogram(done, edges)[0] / np.diff(edges)
    middles = (edges[1:] + edges[:-1]) / 2
    rss = np.interp(middles, outcome.sample.at, outcome.sample.rss_mib)
    return {name: np.round(row, 2).tolist() for name, row in (("at", middles), ("rate", counts), ("rss_mib", rss))}


def _grown(outcome: Outcome, name: str) -> float:
    return outcome.after.get(name, 0.0) - outcome.before.get(name, 0.0)


def _machine_seconds() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice)
