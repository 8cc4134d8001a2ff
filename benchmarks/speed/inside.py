"""The same pictures through the same pipeline without HTTP, in a process of its own.

Place in the flow: `measure` loads a service first, then starts this module with the same number of callers, then loads
a service once more; the ratio is of that one run.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

from benchmarks.speed import catalogue
from benchmarks.speed.client import GRACE
from benchmarks.speed.mixture import Mixture
from benchmarks.speed.parts import Bench, Measured, running
from benchmarks.speed.service import ROOT
from service.errors import Overloaded, ServiceError
from service.listings import ImageSource, ListingInput
from service.runtime import Runtime
from service.settings import Settings

_FIRST = 1_000
"""Number of the first listing that is measured, inside and over HTTP: the same pictures."""
_LONGEST_REST = 5.0


def measure(bench: Bench) -> Measured:
    """HTTP, inside, HTTP again: listings a second of each and the ratio."""
    over_http = [_over_http(bench)]
    inside = _inside(bench)
    over_http.append(_over_http(bench))
    http, http_core_ms = (statistics.fmean(column) for column in zip(*over_http, strict=True))
    return {
        "http_per_second": round(http, 2),
        "http_runs": [round(rate, 2) for rate, _ in over_http],
        "inside_per_second": round(inside["per_second"], 2),
        "http_core_ms": round(http_core_ms, 2),
        "inside_core_ms": round(inside["core_ms"], 2),
        "inside_refused": inside["refused"],
        "http_over_inside": round(http / inside["per_second"], 3),
        "http_over_inside_by_core_time": round(inside["core_ms"] / http_core_ms, 3),
    }


def _over_http(bench: Bench) -> tuple[float, float]:
    with running(bench) as load:
        outcome = load.load(seconds=bench.brief, first=_FIRST)
    return outcome.per_second, outcome.core_ms


def _inside(bench: Bench) -> dict[str, Any]:
    with catalogue.copied(bench.folder) as data_dir:
        command = [sys.executable, "-m", "benchmarks.speed.inside", str(data_dir), str(bench.supply)]
        command += [str(bench.connections), str(bench.brief), str(bench.few), str(bench.warming)]
        longest = bench.brief + bench.warming + 3 * GRACE
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT, timeout=longest)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _judge(
    runtime: Runtime, mixture: Mixture, numbers: Iterator[int], *, callers: int, seconds: float
) -> tuple[int, int]:
    """Judge from so many threads until the time is over; how many were judged, and how often one was refused.

    A refused one comes again after the time it was told, as over HTTP.
    """
    lock, judged, refused = threading.Lock(), 0, 0
    until = time.perf_counter() + seconds

    def work() -> None:
        nonlocal judged, refused
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            listing = ListingInput(f"I-{number}", images=(ImageSource(data=mixture.sent(number).data),))
            while True:
                if time.perf_counter() >= until:
                    return
                try:
                    runtime.listings.judge(listing)
                except Overloaded as error:
                    with lock:
                        refused += 1
                    time.sleep(min(error.retry_after or 0, _LONGEST_REST, max(0.0, until - time.perf_counter())))
                    continue
                except ServiceError:
                    break
                with lock:
                    judged += 1
                break

    threads = [threading.Thread(target=work) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return judged, refused


def main() -> None:
    """`python -m benchmarks.speed.inside DATA SUPPLY CALLERS SECONDS WARM WARMING`: figures as JSON."""
    data_dir, supply, callers, seconds = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    warm, warming = int(sys.argv[5]), float(sys.argv[6])
    mixture = Mixture(supply, "plain")
    with contextlib.closing(Runtime.open(Settings.from_env(data_dir=data_dir, compare_seconds=0))) as runtime:
        _judge(runtime, mixture, islice(count(), warm), callers=callers, seconds=warming)
        started, worked = time.perf_counter(), time.process_time()
        judged, refused = _judge(runtime, mixture, count(_FIRST), callers=callers, seconds=seconds)
        took, core = time.perf_counter() - started, time.process_time() - worked
    figures = {"per_second": judged / took, "core_ms": 1000 * core / max(judged, 1), "refused": refused}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
