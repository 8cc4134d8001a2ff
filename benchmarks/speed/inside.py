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
from pathlib import Path
from typing import Any

from benchmarks.speed import catalogue
from benchmarks.speed.mixture import Mixture
from benchmarks.speed.parts import Bench, Measured, running
from benchmarks.speed.service import ROOT
from service.errors import ServiceError
from service.listings import ImageSource, ListingInput
from service.runtime import Runtime
from service.settings import Settings

_WARM = 40


def measure(bench: Bench) -> Measured:
    """HTTP, inside, HTTP again: listings a second of each and the ratio."""
    over_http = [_over_http(bench)]
    inside = _inside(bench)
    over_http.append(_over_http(bench))
    http = statistics.fmean(over_http)
    return {
        "http_per_second": round(http, 2),
        "http_runs": [round(value, 2) for value in over_http],
        "inside_per_second": round(inside["per_second"], 2),
        "inside_core_ms": round(inside["core_ms"], 2),
        "http_over_inside": round(http / inside["per_second"], 3),
    }


def _over_http(bench: Bench) -> float:
    with running(bench) as load:
        return load.load(seconds=bench.brief).per_second


def _inside(bench: Bench) -> dict[str, Any]:
    with catalogue.copied(bench.folder) as data_dir:
        command = [sys.executable, "-m", "benchmarks.speed.inside", str(data_dir), str(bench.supply)]
        command += [str(bench.connections), str(bench.brief)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _judge(  # noqa: PLR0917 - the parts of a load, named where it is asked for
    runtime: Runtime, mixture: Mixture, first: int, callers: int, seconds: float, most: int
) -> tuple[int, int]:
    """Judge from so many threads until the time is over; how many were judged, and the next number."""
    lock, judged, number = threading.Lock(), 0, first
    until = time.perf_counter() + seconds

    def work() -> None:
        nonlocal judged, number
        while time.perf_counter() < until:
            with lock:
                if number >= first + most:
                    return
                mine, number = number, number + 1
            picture = ImageSource(data=mixture.sent(mine).data)
            with contextlib.suppress(ServiceError):
                runtime.listings.judge(ListingInput(listing_id=f"I-{mine}", images=(picture,)))
                with lock:
                    judged += 1

    threads = [threading.Thread(target=work) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return judged, number


def main() -> None:
    """`python -m benchmarks.speed.inside DATA SUPPLY CALLERS SECONDS`: figures as JSON."""
    data_dir, supply, callers, seconds = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    mixture = Mixture(supply, "plain")
    with contextlib.closing(Runtime.open(Settings.from_env(data_dir=data_dir))) as runtime:
        _, following = _judge(runtime, mixture, 0, callers, 600.0, _WARM)
        started, worked = time.perf_counter(), time.process_time()
        judged, _ = _judge(runtime, mixture, following, callers, seconds, 10**9)
        took, core = time.perf_counter() - started, time.process_time() - worked
    print(json.dumps({"per_second": judged / took, "core_ms": 1000 * core / max(judged, 1)}))


if __name__ == "__main__":
    main()
