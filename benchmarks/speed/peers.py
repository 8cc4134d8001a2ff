"""The same pictures through what a user would pick instead, side by side with ours in one run.

Each peer works in processes of its own on the same cores, with random weights: its speed is the same, and no hub is
asked. It only embeds the picture; it searches nothing, verifies nothing and stores nothing. Ours is measured before and
after them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from statistics import fmean

from benchmarks.speed.client import Plan
from benchmarks.speed.goals import EAGER
from benchmarks.speed.measures import Outcome, run
from benchmarks.speed.parts import Bench, Measured, cores, running
from benchmarks.speed.peer_server import PeerMissing, infinity
from benchmarks.speed.service import ROOT

Speed = tuple[float, float]
"""Pictures a second, and core-milliseconds a picture."""
_BESIDES = 180.0
"""Seconds that a peer may take to start, to export its model and to embed its first pictures."""


def measure(bench: Bench) -> Measured:
    """Pictures a second of ours and of every peer that runs here; why another does not."""
    ours = [_ours(bench)]
    peers: dict[str, Callable[[], Speed]] = {
        EAGER: lambda: _loop("eager", bench),
        "open_clip ONNX Runtime + PIL": lambda: _loop("onnx", bench),
        "infinity-emb over HTTP": lambda: _server(bench),
    }
    speeds: dict[str, Speed] = {}
    reasons: dict[str, str] = {}
    for name, peer in peers.items():
        try:
            speeds[name] = peer()
        except PeerMissing as error:
            reasons[name] = str(error)
        print(f"  {name}: {speeds.get(name) or reasons[name]}", flush=True)
    ours.append(_ours(bench))
    rate, core_ms = (fmean(column) for column in zip(*ours, strict=True))
    return {
        "ours_per_second": round(rate, 2),
        "ours_core_ms": round(core_ms, 1),
        "per_second": {name: round(speed[0], 2) for name, speed in speeds.items()},
        "core_ms": {name: round(speed[1], 1) for name, speed in speeds.items()},
        "times_by_the_clock": {name: round(rate / speed[0], 2) for name, speed in speeds.items()},
        "times_by_core_time": {name: round(speed[1] / core_ms, 2) for name, speed in speeds.items()},
        "not_run": reasons,
    }


def _ours(bench: Bench) -> Speed:
    with running(bench) as load:
        return _speed(load.load(seconds=bench.brief))


def _speed(outcome: Outcome) -> Speed:
    return outcome.per_second, outcome.core_ms


def _loop(name: str, bench: Bench) -> Speed:
    command = [sys.executable, "-m", "benchmarks.speed.loops", name, str(bench.supply), str(bench.brief)]
    environ = {**os.environ, "OMP_NUM_THREADS": str(cores())}
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, cwd=ROOT, env=environ, timeout=bench.brief + _BESIDES
        )
    except subprocess.TimeoutExpired as error:
        raise PeerMissing(f"it was not done after {error.timeout:.0f} s") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise PeerMissing(f"it ended with {done.returncode} and said: {' '.join(said)}")
    rate, core_ms = json.loads(done.stdout.splitlines()[-1])
    return float(rate), float(core_ms)


def _server(bench: Bench) -> Speed:
    with infinity(bench.peers, cores()) as server:

        def load(seconds: float, first: int, count: int = 0) -> Outcome:
            plan = Plan(server.url, "", str(bench.supply), "plain", bench.connections, seconds, first, count)
            return run(server, replace(plan, speaks="embeddings"))

        load(bench.warming, 0, bench.connections)
        outcome = load(bench.brief, bench.connections)
    if outcome.good == 0:
        raise PeerMissing(f"it answered {sorted(set(outcome.answers['status']))}")
    return _speed(outcome)
